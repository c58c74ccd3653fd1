"""Losses against loops over every pair."""

import math

import pytest
import torch

from lexiclip.prompts.logits import Logits
from lexiclip.prompts.losses import cooccurrence_weights, distillation_loss, ranking_loss


def plain_ranking(logits, labels, weights):
    total = 0.0
    for row, truth in zip(logits.tolist(), labels.tolist(), strict=True):
        for p in range(len(row)):
            for q in range(len(row)):
                if truth[p] == 1 and truth[q] == 0:
                    total += weights[q][p] * max(0.0, 1 - row[p] + row[q])
    return total / len(logits)


@pytest.mark.parametrize("weighted", [False, True])
def test_ranking_is_the_sum_over_pairs(weighted):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 7, generator=generator, dtype=torch.float64)
    labels = (torch.rand(6, 7, generator=generator) < 0.4).double()
    labels[0], labels[1] = 0, 1  # nothing to rank
    weights = torch.rand(7, 7, generator=generator, dtype=torch.float64) if weighted else None
    expected = plain_ranking(
        logits, labels, torch.ones(7, 7).tolist() if weights is None else weights.tolist()
    )
    assert ranking_loss(logits, labels, weights).item() == pytest.approx(expected)


def test_cooccurrence_weights_by_hand():
    weights = cooccurrence_weights(torch.tensor([[0.0, 0.5, 0.1], [0.2, 0.9, 0.2], [1.0, 0.0, 0.3]]).double())
    row = [0, math.log(1 / (0.5 + 1e-6)), math.log(1 / (0.1 + 1e-6))]
    assert weights[0].tolist() == pytest.approx([value / (sum(row) / 3) for value in row])
    assert weights.diagonal().tolist() == [0, 0, 0]
    assert weights[1].tolist() == pytest.approx([1.5, 0, 1.5])


def test_distillation_by_hand():
    student, average = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, math.log(3)], [2.0, 2.0]])
    kl = (0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)) / 2  # the second row agrees
    assert distillation_loss(Logits(student, student), Logits(average, student)).item() == pytest.approx(kl)
    assert distillation_loss(Logits(student, student), Logits(student, average)).item() == pytest.approx(
        10000 * kl
    )
