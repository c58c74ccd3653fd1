"""How well class vectors find classes in held-out captions, on which choices are made without images."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import torch

from lexiclip.clip.feature_store import Store
from lexiclip.evaluation.metrics import average_precisions
from lexiclip.mixes import label_matrix
from lexiclip.precision import rounded
from lexiclip.prompts.class_vectors import ClassVectors
from lexiclip.prompts.logits import score


class HeldOut(NamedTuple):
    """Captions never trained on: rows (N,) of the store, labels (N, K), which classes (K,) bool count."""

    rows: np.ndarray
    labels: np.ndarray
    classes: np.ndarray


def held_out(
    store: Store, captions: list[dict], names: tuple[str, ...], classes: Collection[str] = ()
) -> HeldOut:
    """Captions {"text", "labels"} of a store; `classes` are those that count, all of `names` if empty."""
    rows = store.rows(caption["text"] for caption in captions)
    counts = np.array([name in (classes or names) for name in names])
    return HeldOut(rows, label_matrix(captions, names), counts)


@torch.inference_mode()
def caption_ap(
    store: Store, heldout: HeldOut, vectors: ClassVectors, local_weight: float = 1.0
) -> np.ndarray:
    """Average precision (K,) of global + c · local logits, c = `local_weight`, over held-out captions.

    NaN for a class that no caption names or that does not count.
    """
    scores = []
    for start in range(0, len(heldout.rows), 1024):
        batch = store.batch(heldout.rows[start : start + 1024], vectors.global_)
        logits = score(batch.global_, batch.local, vectors, batch.mask)
        # Rounded, so that texts of the same tokens tie on every processor.
        scores.append(rounded(logits.global_ + local_weight * logits.local).cpu())
    precisions = average_precisions(torch.cat(scores).numpy(), heldout.labels)
    return np.where(heldout.classes, precisions, np.nan)


def caption_map(store: Store, heldout: HeldOut, vectors: ClassVectors) -> float:
    """Mean of `caption_ap` over the classes that count and are named, in per cent."""
    return round(100 * float(np.nanmean(caption_ap(store, heldout, vectors))), 2)


def as_metrics(precisions: np.ndarray, names: tuple[str, ...]) -> dict:
    """mAP and AP of each class in per cent; classes without a caption are left out."""
    known = {
        name: round(100 * float(p), 2) for name, p in zip(names, precisions, strict=True) if not np.isnan(p)
    }
    return {"mAP": round(100 * float(np.nanmean(precisions)), 2), "per_class": known}
