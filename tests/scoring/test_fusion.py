"""Fusion against the reference's numbers, a slow twin and cases worked by hand."""

import statistics

import numpy as np
import pytest
import torch

from lexiclip.errors import InputError
from lexiclip.scoring.fusion import FUSIONS, combine, fuse, image_scores, standardise, total


def slow_fuse(scores: list, sims: list, form: str, threshold: float) -> list:
    """One image, loops only: scores [W][K], sims [W]."""
    weighted = []
    for row, sim in zip(scores, sims, strict=True):
        near = [x * (1 + sim) for x in row]
        factor = 1 + statistics.variance(near)
        if form == "sharper":
            factor *= 1 + statistics.variance(row)
        if form == "standardised":
            near = [(x - statistics.mean(row)) / statistics.stdev(row) for x in row]
            factor = 1
        weighted.append([x * factor for x in near])
    fused = []
    for of_class in zip(*weighted, strict=True):
        top = max(of_class)
        fused.append(top if top > threshold or form == "standardised" else min(of_class))
    return fused


def test_golden(shared):
    for path in sorted((shared / "golden").glob("golden_*.npz")):
        golden = np.load(path)
        scores = torch.from_numpy(golden["fuse_scores"])
        sims = torch.from_numpy(golden["fuse_sims"]).mean(-1)
        for form, key in (("plain", "fuse"), ("sharper", "fuse6")):
            np.testing.assert_allclose(fuse(scores, sims, form, 0.2), golden[key], rtol=1e-4)


@pytest.mark.parametrize("form", FUSIONS)
def test_slow_twin_on_both_sides_of_the_threshold(form):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(5, 4, 6, generator=generator)
    sims = torch.rand(5, 4, generator=generator)
    fused = fuse(scores, sims, form, threshold=0.9)
    expected = [slow_fuse(x.tolist(), s.tolist(), form, 0.9) for x, s in zip(scores, sims, strict=True)]
    torch.testing.assert_close(fused, torch.tensor(expected), rtol=1e-4, atol=1e-5)


def test_class_below_the_threshold_takes_its_least_window():
    scores = torch.tensor([[[0.1, 0.1], [0.05, 0.05]]])  # no variance over classes
    assert fuse(scores, None, "plain", 0.2)[0].tolist() == pytest.approx([0.05, 0.05])
    assert fuse(scores, None, "plain", 0.07)[0].tolist() == pytest.approx([0.1, 0.1])


def test_no_similarity_is_similarity_zero():
    scores = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    for form in FUSIONS:
        torch.testing.assert_close(fuse(scores, None, form), fuse(scores, torch.zeros(2, 3), form))


@pytest.mark.parametrize("form", FUSIONS)
def test_one_class_and_constant_scores_stay_finite(form):
    assert fuse(torch.tensor([[[0.5], [0.7]]]), None, form).item() == pytest.approx(0.7)
    assert fuse(torch.full((1, 3, 5), 0.3), None, form).isfinite().all()


def test_standardise():
    assert standardise(torch.tensor([1.0, 2.0, 3.0])).tolist() == [-1, 0, 1]
    assert standardise(torch.full((2, 4), 0.1)).abs().max() < 0.1
    assert standardise(torch.tensor([[0.4]])).item() == pytest.approx(0.4)


def test_image_scores_join_whole_image_and_windows():
    views = torch.tensor([[[1.0, 3.0], [0.5, 0.5], [0.6, 0.6]]])  # (1, 1 + 2, 2)
    assert image_scores(views, None, "plain")[0].tolist() == pytest.approx([1 + 1.5 * 0.6, 3 + 1.5 * 0.6])
    whole = image_scores(views, None, "standardised", weight=0.0)[0]
    torch.testing.assert_close(whole, standardise(views[0, 0]))
    first_sim_unused = image_scores(views, torch.tensor([[9.0, 0.0, 0.0]]), "plain")
    torch.testing.assert_close(first_sim_unused, image_scores(views, None, "plain"))


def test_combine_and_total():
    one, two = torch.ones(2, 3), torch.full((2, 3), 2.0)
    assert (combine(one, two) == 4).all()
    assert (total(one, two, 1.5) == 4).all()


def test_half_precision_scores_are_read_as_floats():
    assert fuse(torch.ones(1, 2, 3).half(), torch.ones(1, 2).half(), "plain").dtype == torch.float32


def test_bad_input():
    with pytest.raises(InputError, match="'max': choose one of plain, sharper, standardised"):
        fuse(torch.ones(1, 2, 3), None, "max")
    with pytest.raises(InputError, match="no windows"):
        fuse(torch.ones(1, 0, 3), None, "plain")
