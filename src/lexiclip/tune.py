"""Class names, captions and a CLIP in, tuned prompts out: the study's own steps, from labels to training.

from lexiclip.tune import tune
tuned = tune(["tram", "cyclist"], "captions.txt", "ViT-B-16/openai", "prompts.safetensors")
"""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lexiclip.clip_spec import check_clip
from lexiclip.errors import InputError
from lexiclip.files import check_writable
from lexiclip.mixes import split_held_out
from lexiclip.own_captions import Captions, labelled_captions, words_for
from lexiclip.own_classes import is_vocabulary
from lexiclip.vocabulary import Vocabulary

if TYPE_CHECKING:
    from lexiclip.own_prompts import Tuned

HELDOUT_SHARE = 0.2  # twice the study's: of a few hundred captions, a tenth is a handful
FEW = 5  # captions of a class: with fewer it is tuned on its name in templates and little else


def tune(
    classes: str | Path | Sequence[str],
    captions: str | Path,
    clip: str,
    out: str | Path,
    *,
    epochs: int = 10,
    seed: int = 0,
) -> "Tuned":
    """Tune prompts for `classes` (names, or a vocabulary's YAML) on a file of captions; write them to `out`.

    They start as "a photo of a"; the epoch that is best on held-out captions is kept. A killed run goes on
    after its last epoch. InputError for what cannot work, before anything is encoded.
    """
    out = Path(out)
    _check_request(out, epochs, seed)
    check_clip(clip)
    vocabulary = words_for(classes)
    if not is_vocabulary(classes):
        vocabulary = replace(vocabulary, names=tuple(classes))  # COCO's others only hold their words back
    if len(vocabulary.names) < 2:
        raise InputError(f"classes: {vocabulary.names[0]!r} alone: give two or more, to be told apart")
    found = read_labelled(captions, vocabulary)
    from lexiclip.own_prompts import tune_prompts  # with torch, which takes seconds to load

    return tune_prompts(clip, found, vocabulary.names, out, epochs, seed)


def read_labelled(path: str | Path, vocabulary: Vocabulary) -> Captions:
    """The captions of a file that name a class, split; says on stderr what became of the others.

    InputError if there are too few of them.
    """
    kept, counts = labelled_captions(path, vocabulary)
    parsed, left = counts["parsed"], counts["left_after"]
    trained, held = split_held_out({"wild": kept}, [], HELDOUT_SHARE)
    if not trained["wild"] or not held:
        raise InputError(f"{path}: {len(kept)} captions name a class, too few to hold some out: give more")
    print(
        f"{path}: {parsed} captions: {len(trained['wild'])} to tune on, {len(held)} held out; left out: "
        f"{left['long'] - left['no_class']} name no class, {parsed - left['long']} too long or unreadable, "
        f"{left['no_class'] - left['duplicate']} repeated",
        file=sys.stderr,
    )
    named = Counter(name for row in kept for name in row["labels"])
    ranked = sorted(((name, named[name]) for name in vocabulary.names), key=lambda pair: pair[1])
    print("captions of each class:", ", ".join(f"{name} {n}" for name, n in ranked), file=sys.stderr)
    if few := [f"{name} ({n})" for name, n in ranked if n < FEW]:
        print(f"warning: fewer than {FEW} captions name {', '.join(few)}: write some more", file=sys.stderr)
    return Captions(trained["wild"], held, dict(ranked))


def _check_request(out: Path, epochs: int, seed: int) -> None:
    for name, value, least in (("epochs", epochs, 1), ("seed", seed, 0)):
        if value < least:
            raise InputError(f"{name} {value}: expected {least} or more")
    if out.suffix != ".safetensors" or out.is_dir():
        raise InputError(f"{out}: prompts are written to a .safetensors file")
    check_writable(out, "its folder cannot be written to")
