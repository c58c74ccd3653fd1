"""A CLIP and a user's labelled captions in, tuned prompts out: what `lexiclip.tune` runs, with torch."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from torch import nn

from lexiclip.clip.feature_store import open_store, write_store
from lexiclip.clip.image_tower import dense_tower
from lexiclip.clip.loading import clip_of, model_id
from lexiclip.devices import best_device
from lexiclip.mixes import IMAGENET_TEMPLATES, label_matrix, load_templates, mix_texts
from lexiclip.own_captions import Captions
from lexiclip.prompts.class_vectors import Prompts, class_vectors, save_prompts, zero_shot_vectors
from lexiclip.prompts.contexts import photo_contexts, prompt_layout
from lexiclip.prompts.heldout import caption_map, held_out
from lexiclip.prompts.training import Tuning, train_prompts


class Tuned(NamedTuple):
    """What was written, and mAP on the held-out captions, in per cent: tuned, and by "a photo of a {c}."."""

    prompts: Prompts
    captions: Captions
    tuned_map: float
    zero_shot_map: float


def tune_prompts(
    clip: str, captions: Captions, names: tuple[str, ...], out: Path, epochs: int, seed: int
) -> Tuned:
    """Tune prompts for classes `names` with the CLIP that `clip` names as `clip_of` reads it; write them.

    InputError for a CLIP that has no dense features or takes no such names, before anything is encoded.
    """
    model = clip_of(clip).to(best_device())
    dense_tower(model.visual)  # photos need it: a model without should stop here
    checkpoint = out.with_suffix(".checkpoint.partial")
    tuned = _train(model, captions, names, epochs, seed, checkpoint)
    save_prompts(out, tuned.prompts)
    checkpoint.unlink(missing_ok=True)
    return tuned


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
