"""How well class vectors find classes in held-out captions: what choices are made on, no image is seen."""

import numpy as np
import torch

from lexiclip.clip.feature_store import Store
from lexiclip.evaluation import average_precisions
from lexiclip.prompts.class_vectors import ClassVectors
from lexiclip.prompts.logits import score


@torch.inference_mode()
def caption_ap(store: Store, rows: list[int], labels: np.ndarray, vectors: ClassVectors) -> np.ndarray:
    """Average precision (K,) of global + local logits over the captions `rows` (N,) with labels (N, K).

    NaN for a class that no caption names.
    """
    scores = []
    for start in range(0, len(rows), 1024):
        batch = store.batch(rows[start : start + 1024])
        logits = score(batch.global_, batch.local, vectors, batch.mask)
        scores.append(logits.global_ + logits.local)
    return average_precisions(torch.cat(scores).numpy(), labels)


def as_metrics(precisions: np.ndarray, names: tuple[str, ...]) -> dict:
    """mAP and AP of each class in per cent; classes without a caption are left out."""
    known = {
        name: round(100 * float(p), 2) for name, p in zip(names, precisions, strict=True) if not np.isnan(p)
    }
    return {"mAP": round(100 * float(np.nanmean(precisions)), 2), "per_class": known}
