"""Logits against METHOD §4 written as loops, and what masks and evidence do."""

import pytest
import torch
import torch.nn.functional as F

from lexiclip.prompts.class_vectors import ClassVectors
from lexiclip.prompts.logits import score


def unit(*shape, seed):
    return F.normalize(
        torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1
    )


def plain_local(features, vectors, kept):
    """z_l of one image or caption: features (P, D) of which `kept` count."""
    classes = len(vectors.local)
    a = [[float(f @ t) for t in vectors.local] for f in features]
    relevance = a
    if vectors.evidence is not None:
        relevance = [[float(f @ e) for e in vectors.evidence] for f in features]
        for row in a:
            damping = torch.softmax(
                torch.tensor([50 * value * (max(row) + 1) for value in row]).double(), dim=0
            )
            row[:] = [value * float(d) for value, d in zip(row, damping, strict=True)]
    found = []
    for k in range(classes):
        p = torch.softmax(torch.tensor([50 * relevance[i][k] for i in kept]).double(), dim=0)
        found.append(sum(4 * a[i][k] * float(weight) for i, weight in zip(kept, p, strict=True)))
    return found


@pytest.mark.parametrize("evidence", [None, unit(4, 6, seed=4)])
def test_equals_the_loops(evidence):
    global_, local = unit(3, 6, seed=0), unit(3, 5, 6, seed=1)
    vectors = ClassVectors(unit(4, 6, seed=2), unit(4, 6, seed=3), evidence)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]]).bool()
    logits = score(global_, local, vectors, mask)
    for row in range(3):
        kept = [i for i in range(5) if mask[row, i]]
        expected = torch.tensor(plain_local(local[row], vectors, kept)).double()
        torch.testing.assert_close(logits.local[row], expected, rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(logits.global_[row], 4 * vectors.global_ @ global_[row])
    cut = score(global_[1:], local[1:, :2], vectors, mask[1:, :2])
    torch.testing.assert_close(cut.local, logits.local[1:], rtol=1e-6, atol=1e-9)
