"""Class names, captions and a CLIP in, tuned prompts out: the study's own steps, from labels to training.

from lexiclip.tune import tune
tuned = tune(["tram", "cyclist"], "captions.txt", "ViT-B-16/openai", "prompts.safetensors")
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from torch import nn

from lexiclip.captions.filtering import filter_answers
from lexiclip.captions.readers import LONGEST, read_captions
from lexiclip.clip.feature_store import open_store, write_store
from lexiclip.clip.image_tower import dense_tower
from lexiclip.clip.loading import clip_of, model_id
from lexiclip.devices import best_device
from lexiclip.errors import InputError
from lexiclip.files import check_writable
from lexiclip.mixes import IMAGENET_TEMPLATES, label_matrix, load_templates, mix_texts, split_held_out
from lexiclip.own_classes import check_classes
from lexiclip.prompts.class_vectors import Prompts, class_vectors, save_prompts, zero_shot_vectors
from lexiclip.prompts.contexts import photo_contexts, prompt_layout
from lexiclip.prompts.heldout import caption_map, held_out
from lexiclip.prompts.training import Tuning, train_prompts
from lexiclip.vocabulary import Vocabulary, load_vocabulary, plain_vocabulary

HELDOUT_SHARE = 0.2  # twice the study's: of a few hundred captions, a tenth is a handful
FEW = 5  # captions of a class: with fewer it is tuned on its name in templates and little else


class Captions(NamedTuple):
    """Captions {"text", "labels", "source"} to tune on and to choose by, and how many name each class."""

    trained: list[dict]
    held_out: list[dict]
    per_class: dict[str, int]


class Tuned(NamedTuple):
    """What was written, and mAP on the held-out captions, in per cent: tuned, and by "a photo of a {c}."."""

    prompts: Prompts
    captions: Captions
    tuned_map: float
    zero_shot_map: float


def tune(
    classes: str | Path | Sequence[str],
    captions: str | Path,
    clip: str,
    out: str | Path,
    *,
    epochs: int = 10,
    seed: int = 0,
) -> Tuned:
    """Tune prompts for `classes` (names, or a vocabulary's YAML) on a file of captions; write them to `out`.

    They start as "a photo of a"; the epoch that is best on held-out captions is kept. A killed run goes on
    after its last epoch. InputError for what cannot work, before anything is encoded.
    """
    out = Path(out)
    _check_request(out, epochs, seed)
    given = isinstance(classes, str | Path)
    if not given:
        check_classes(classes)
    vocabulary = load_vocabulary(classes) if given else plain_vocabulary(classes)
    if len(vocabulary.names) < 2:
        raise InputError(f"classes: {vocabulary.names[0]!r} alone: give two or more, to be told apart")
    found = read_labelled(captions, vocabulary)
    model = clip_of(clip).to(best_device())
    dense_tower(model.visual)  # photos need it: a model without should stop here
    checkpoint = out.with_suffix(".checkpoint.partial")
    tuned = _train(model, found, vocabulary.names, epochs, seed, checkpoint)
    save_prompts(out, tuned.prompts)
    checkpoint.unlink(missing_ok=True)
    return tuned


def read_labelled(path: str | Path, vocabulary: Vocabulary) -> Captions:
    """The captions of a file that name a class, split; says on stderr what became of the others.

    InputError if there are too few of them.
    """
    answers = [{"names": [], "answer": text} for text in read_captions(path)]
    if not answers:
        raise InputError(f"{path}: no captions")
    kept, counts = filter_answers(
        answers, vocabulary, "wild", max_characters=LONGEST, needs_asked=False, adds_asked=False
    )
    parsed, left = counts["parsed"], counts["left_after"]
    if not kept:
        some = ", ".join(vocabulary.names[:3]) + (", …" if len(vocabulary.names) > 3 else "")
        raise InputError(
            f"{path}: none of {parsed} captions names a class ({some}): list the words that they use for the "
            "classes in a vocabulary's YAML"
        )
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


def _train(
    clip: nn.Module, captions: Captions, names: tuple[str, ...], epochs: int, seed: int, checkpoint: Path
) -> Tuned:
    start = photo_contexts(clip)
    prompt_layout(clip, names, len(start.global_))  # a name that is too long should stop here
    mix = mix_texts(
        names, {"wild": captions.trained}, [], {"wild": True, "class": True},
        templates=load_templates(IMAGENET_TEMPLATES), things=[], rare_classes=[], hard_classes=[], seed=seed,
    )  # fmt: skip
    # A step costs the text tower on the class prompts, however many texts it has: 16 an epoch will do.
    batch_size = min(max(len(mix) // 16, 64), 1024)
    how = Tuning(
        n_ctx=len(start.global_), evidence=False, epochs=epochs, keep_epoch="heldout", batch_size=batch_size,
        lr=0.001, warmup_epochs=1, warmup_lr=0.0001, weight_decay=0.0005, momentum=0.9, ema_decay=None,
        seed=seed,
    )  # fmt: skip
    with TemporaryDirectory(prefix="lexiclip-") as folder:
        write_store(folder, clip, [row["text"] for row in (*mix, *captions.held_out)])
        store = open_store(folder)
        heldout = held_out(store, captions.held_out, names)
        rows = store.rows(text["text"] for text in mix)
        labels = torch.from_numpy(label_matrix(mix, names)).float()
        contexts = train_prompts(
            clip, store, rows, labels, names, how, init=start, heldout=heldout, checkpoint=checkpoint
        ).contexts
        prompts = Prompts(class_vectors(clip, contexts, names), names, model_id(clip), contexts)
        compared = (prompts.vectors, zero_shot_vectors(clip, names))
        return Tuned(prompts, captions, *(caption_map(store, heldout, vectors) for vectors in compared))


def _check_request(out: Path, epochs: int, seed: int) -> None:
    for name, value, least in (("epochs", epochs, 1), ("seed", seed, 0)):
        if value < least:
            raise InputError(f"{name} {value}: expected {least} or more")
    if out.suffix != ".safetensors" or out.is_dir():
        raise InputError(f"{out}: prompts are written to a .safetensors file")
    check_writable(out, "its folder cannot be written to")
