"""What a study of COCO's size costs, counted and not timed: operations, and bytes on disk.

`python bench/operations.py [RN50|any architecture] [IMAGES] [TEXTS]`. A rate turns operations into
hours: that of `python bench/scoring_steps.py RN50` here, or a share of the peak of a card.
"""

import sys

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lexiclip.clip.image_tower import encode_images
from lexiclip.clip.loading import build_clip, preprocess_size
from lexiclip.clip.text_tower import encode_prompts, text_width
from lexiclip.errors import run_stage
from lexiclip.evaluation.tables import as_text
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary

WINDOWS = 304  # all shapes of scales 2, 3 and 4
TOKENS, NAME_TOKENS = 15, 5  # of a caption and of a class name, SOS, full stop and EOS included
VARIANTS, RETRIEVING = 8, 6  # two baselines beside the six that retrieve captions


def operations(model: str, images: int, texts: int) -> list[dict]:
    """Rows {part, each, times, Pflop, disk_GB} for one study with the profile's variants and classes."""
    params = load_params("profiles/coco.yaml")
    classes = len(load_vocabulary(params.vocabulary.file, params.vocabulary.without).names)
    clip = build_clip(model, "random")
    view = counted(lambda: encode_images(clip, torch.zeros(1, 3, *2 * [preprocess_size(clip)])))
    text = counted(lambda: prompts(clip, 1, TOKENS))
    steps = {
        name: prompts_of_a_step(clip, classes, variant.train.n_ctx, 3 if variant.train.evidence else 2)
        for name, variant in params.variants.items()
    }
    epochs = {
        name: variant.train.epochs if variant.train.keep_epoch == "heldout" else variant.train.keep_epoch
        for name, variant in params.variants.items()
    }
    dim, views = clip.visual.output_dim, images * (1 + WINDOWS)
    scored = views * 2 * ((2 * VARIANTS + RETRIEVING) * classes + RETRIEVING)  # fp16
    rows = [
        row("texts encoded once", text, texts, disk=texts * TOKENS * dim * 2),
        row("views encoded once", view, views, disk=scored),
        row("views compared with all texts", 2 * dim * texts, views),
    ]
    for name, step in steps.items():
        of_variant = texts // params.train.batch_size * epochs[name]
        rows.append(row(f"prompt tuning, {name}, steps", step, of_variant))
    return rows


def counted(run) -> float:
    """Floating-point operations, a multiplication and an addition counted as two."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def prompts(clip: nn.Module, count: int, length: int) -> torch.Tensor:
    """Features of `count` texts of `length` tokens, with a gradient back to their embeddings."""
    embeddings = torch.zeros(count, length, text_width(clip), requires_grad=True)
    return encode_prompts(clip, embeddings, torch.full((count,), length - 1))


def prompts_of_a_step(clip: nn.Module, classes: int, n_ctx: int, contexts: int) -> float:
    """Class prompts forward and backward; what compares them with a batch's captions is small beside it."""
    one = counted(lambda: prompts(clip, 1, n_ctx + NAME_TOKENS).sum().backward())
    return contexts * classes * one


def row(part: str, each: float, times: int, disk: float = 0) -> dict:
    return {
        "part": part,
        "Gflop": round(each / 1e9, 2),
        "times": times,
        "Pflop": round(each * times / 1e15, 2),
        "disk_GB": round(disk / 1e9, 1),
    }


def main() -> None:
    model, images, texts = (sys.argv[1:] + ["RN50", "40504", "220000"][len(sys.argv) - 1 :])[:3]
    print(as_text(operations(model, int(images), int(texts)), words=1))


if __name__ == "__main__":
    run_stage(main)
