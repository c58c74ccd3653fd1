"""An epoch of prompt tuning in the reference's order and in ours: same model, batch and machine, one run.

What would take hours is timed on a sample; the arithmetic from the sample to the whole is printed.
"""

import tempfile
import time
from collections.abc import Callable, Sequence

import numpy as np
import open_clip
import torch
from reference_order import encode_captions, encode_prompts, reference_step
from torch import Tensor, nn

from lexiclip.clip.feature_store import Store, open_store, write_store
from lexiclip.clip.loading import build_clip, tokenize
from lexiclip.clip.text_tower import text_width
from lexiclip.devices import best_device
from lexiclip.errors import run_stage
from lexiclip.files import read_jsonl
from lexiclip.mixes import label_matrix
from lexiclip.params import load_params
from lexiclip.prompts.contexts import Contexts, init_contexts
from lexiclip.prompts.schedule import Tuning
from lexiclip.prompts.training import train_prompts
from lexiclip.vocabulary import load_vocabulary

# Of the variant `best`, evidence included. Its texts are encoded once for all its epochs.
EPOCHS, N_CTX, LR, MOMENTUM, WEIGHT_DECAY = 5, 16, 0.0001, 0.9, 0.0005
REFERENCE_STEPS = 4
RN50_BATCH, RN50_CAPTIONS, RN50_PROMPTS = 1024, 32, 8


def measure() -> dict[str, dict[str, float]]:
    """Seconds an epoch of the variant `best` at mini size, and seconds a step at RN50's text size."""
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    mix = read_jsonl("data/mixes/best.jsonl")
    texts, labels = [text["text"] for text in mix], torch.from_numpy(label_matrix(mix, names)).float()
    print(f"{best_device()}, {torch.get_num_threads()} threads: {len(mix)} texts, {len(names)} classes")
    mini = build_clip(params.clip.model, "random").to(best_device())
    return {
        "epoch at mini size, s": mini_epoch(mini, texts, labels, names, params.train.batch_size),
        **rn50_step(texts, labels, names),
    }


def mini_epoch(clip: nn.Module, texts: list[str], labels: Tensor, names: Sequence[str], batch: int) -> dict:
    """Ours: a whole epoch and its share of the encoding. The reference's: a few steps, multiplied."""
    device, steps = best_device(), len(texts) // batch
    with tempfile.TemporaryDirectory() as folder:
        encoding = seconds(lambda: write_store(folder, clip, texts))
        store = open_store(folder)
        epoch = seconds(lambda: tune(clip, store, store.rows(texts), labels, names, batch))
    start = init_contexts(N_CTX, text_width(clip), evidence=True, seed=0)
    contexts = Contexts(*(context.to(device).requires_grad_() for context in start))
    optimizer = torch.optim.SGD(contexts, lr=LR, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    shuffled = np.random.default_rng(0).permutation(len(texts))
    batches = []
    for first in range(0, REFERENCE_STEPS * batch, batch):
        picked = shuffled[first : first + batch]
        batches.append((tokenize([texts[i] for i in picked]).to(device), labels[picked].to(device)))
    step = seconds(lambda: [reference_step(clip, contexts, optimizer, *b, names) for b in batches])
    step /= REFERENCE_STEPS
    ours = epoch + encoding / EPOCHS
    print(
        f"mini, ours: {epoch:.2f} s + {encoding:.2f} s of encoding / {EPOCHS} epochs = {ours:.2f} s an epoch"
    )
    print(f"mini, reference: {steps} steps x {step:.2f} s ({REFERENCE_STEPS} timed) = {steps * step:.1f} s")
    return {"ours": ours, "reference": steps * step}


def rn50_step(texts: list[str], labels: Tensor, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Ours: whole steps and their share of the encoding. The reference's: some captions and prompts.

    And what it costs to encode the mix for one epoch, a text: ours each distinct text once.
    """
    clip = rn50_text_tower().to(best_device())
    picked = np.random.default_rng(0).permutation(len(texts))[:RN50_CAPTIONS]
    sample, repeats = [texts[i] for i in picked], RN50_BATCH // RN50_CAPTIONS
    with tempfile.TemporaryDirectory() as folder:
        encoding = seconds(lambda: write_store(folder, clip, sample)) / len(set(sample))
        store = open_store(folder)
        rows, sample_labels = np.tile(store.rows(sample), repeats), labels[picked].repeat(repeats, 1)
        step = seconds(lambda: tune(clip, store, rows, sample_labels, names, RN50_BATCH))
    once = len(set(texts)) / len(texts)  # encodings a text: texts recur in a mix
    ours = step + RN50_BATCH * once / EPOCHS * encoding
    tokens = tokenize(sample).to(best_device())
    caption = seconds(lambda: encode_captions(clip, tokens).sum().item()) / RN50_CAPTIONS
    context = torch.zeros(N_CTX, text_width(clip), device=best_device(), requires_grad=True)
    prompt = seconds(lambda: encode_prompts(clip, context, names[:RN50_PROMPTS]).sum().backward())
    prompt /= RN50_PROMPTS
    prompts = len(Contexts._fields) * len(names)
    reference = RN50_BATCH * caption + prompts * prompt
    print(
        f"RN50, ours: {step:.2f} s + {RN50_BATCH} texts x {once:.3f} / {EPOCHS} epochs x {encoding:.4f} s "
        f"= {ours:.2f} s a step"
    )
    print(
        f"RN50, reference: {RN50_BATCH} captions x {caption:.4f} s ({RN50_CAPTIONS} timed) + {prompts} "
        f"prompts x {prompt:.4f} s with gradient ({RN50_PROMPTS} timed) = {reference:.1f} s a step"
    )
    return {
        "a text encoded, for one epoch, at RN50's size, s": {"ours": once * encoding, "reference": caption},
        f"step of {RN50_BATCH} at RN50's text size, s": {"ours": ours, "reference": reference},
    }


def tune(
    clip: nn.Module, store: Store, rows: np.ndarray, labels: Tensor, names: Sequence[str], batch: int
) -> None:
    """An epoch of the variant `best`."""
    train_prompts(
        clip,
        store,
        rows,
        labels,
        names,
        Tuning(
            n_ctx=N_CTX,
            evidence=True,
            epochs=EPOCHS,
            keep_epoch=1,
            batch_size=batch,
            lr=LR,
            warmup_epochs=0,
            warmup_lr=LR,
            weight_decay=WEIGHT_DECAY,
            momentum=MOMENTUM,
            ema_decay=None,
            seed=0,
        ),
    )


def rn50_text_tower() -> nn.Module:
    """RN50's text tower with random weights, beside an image tower that nothing uses."""
    vision = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}
    text = {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}
    clip = open_clip.CLIP(embed_dim=1024, vision_cfg=vision, text_cfg=text, quick_gelu=True)
    return clip.eval().requires_grad_(False)


def seconds(run: Callable[[], object]) -> float:
    """How long `run` takes; on a GPU, until its kernels have ended."""
    start = time.perf_counter()
    run()
    if best_device() == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    from table import record

    run_stage(lambda: record("training", measure()))
