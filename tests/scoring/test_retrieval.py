"""Retrieval from shared, chunked captions against each variant's full matrix and the reference's cosines."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from lexiclip.errors import InputError
from lexiclip.scoring import retrieval
from lexiclip.scoring.retrieval import caption_sets, retrieve


def drawn(rows, seed):
    return normalize(torch.randn(rows, 8, generator=torch.Generator().manual_seed(seed)), dim=1)


@pytest.mark.parametrize("chunk", [64, 1000])
def test_golden(shared_files, monkeypatch, chunk):
    monkeypatch.setattr(retrieval, "CHUNK", chunk)
    for path in shared_files("golden/golden_*.npz"):
        golden = np.load(path)
        queries, captions = (
            torch.from_numpy(golden[key]) for key in ("image_global_feature", "caption_features")
        )
        sims = retrieve(queries, caption_sets(captions, {"a": range(len(captions))}))["a"].sims
        for branch in ("noev", "ev"):
            np.testing.assert_allclose(sims, golden[f"{branch}_image_topk_sims"], rtol=1e-4)


@pytest.mark.parametrize("chunk", [7, 50, 1000])
def test_each_variant_finds_what_the_full_matrix_of_its_captions_has(monkeypatch, chunk):
    monkeypatch.setattr(retrieval, "CHUNK", chunk)
    queries, captions = drawn(6, 0), drawn(300, 1)
    rows = {"all": range(300), "same": range(300), "some": range(40, 90), "few": range(0, 300, 30)}
    rows["overlapping"] = [*range(85, 120), *range(3), 85]  # a caption listed twice counts once
    found = retrieve(queries, caption_sets(captions, rows))
    assert list(found) == list(rows)
    for variant, of_variant in rows.items():
        for q, query in enumerate(queries):
            near = sorted(set(of_variant), key=lambda row: -float(captions[row] @ query))[:10]
            torch.testing.assert_close(found[variant].mean[q], captions[near].mean(0))
            torch.testing.assert_close(found[variant].sims[q], captions[near] @ query)


def test_every_caption_is_compared_once():
    sets = caption_sets(torch.eye(40), {"a": range(20), "b": range(10, 30), "c": range(10, 20)})
    assert sorted(sets.sizes) == [10, 10, 10] and len(sets.features) == 30  # ten captions nobody uses
    assert [len(groups) for groups in sets.groups.values()] == [2, 2, 1]


def test_equal_captions_count_as_often_as_they_occur(monkeypatch):
    monkeypatch.setattr(retrieval, "CHUNK", 4)
    captions = torch.tensor([[0.0, 1.0]] * 5 + [[1.0, 0.0]] * 11)
    found = retrieve(torch.tensor([[1.0, 0.0]]), caption_sets(captions, {"a": range(16)}))["a"]
    assert found.mean.tolist() == [[1, 0]] and found.sims.tolist() == [[1] * 10]


def test_too_few_captions():
    with pytest.raises(InputError, match="variant b: 3 captions cannot give the 10 nearest"):
        caption_sets(torch.eye(12), {"a": range(12), "b": [0, 1, 2, 2]})
