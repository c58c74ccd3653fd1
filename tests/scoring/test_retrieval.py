"""Chunked retrieval against the full matrix and the reference's cosines."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from lexiclip.errors import InputError
from lexiclip.scoring.retrieval import caption_sets, retrieve, retrieve_for_each


def test_golden(shared):
    for path in sorted((shared / "golden").glob("golden_*.npz")):
        golden = np.load(path)
        queries, captions = (
            torch.from_numpy(golden[key]) for key in ("image_global_feature", "caption_features")
        )
        for branch in ("noev", "ev"):
            for chunk in (64, 1000):
                sims = retrieve(queries, captions, chunk=chunk).sims
                np.testing.assert_allclose(sims, golden[f"{branch}_image_topk_sims"], rtol=1e-4)


@pytest.mark.parametrize("chunk", [3, 7, 50, 1000])
def test_any_chunk_equals_the_full_matrix(chunk):
    generator = torch.Generator().manual_seed(0)
    queries = normalize(torch.randn(6, 8, generator=generator), dim=1)
    captions = normalize(torch.randn(101, 8, generator=generator), dim=1)
    found = retrieve(queries, captions, k=5, chunk=chunk)
    for q, query in enumerate(queries):
        nearest = sorted(range(101), key=lambda row: -float(captions[row] @ query))[:5]
        torch.testing.assert_close(found.mean[q], captions[nearest].mean(0))
        torch.testing.assert_close(found.sims[q], captions[nearest] @ query)


def test_sharing_captions_finds_what_each_variant_finds_alone():
    generator = torch.Generator().manual_seed(2)
    queries = normalize(torch.randn(6, 8, generator=generator), dim=1)
    captions = normalize(torch.randn(300, 8, generator=generator), dim=1)
    rows = {
        "all": range(300),
        "same": range(300),
        "some": range(40, 90),
        "few": range(0, 300, 30),
        "none": [],
    }
    rows["overlapping"] = [*range(85, 120), *range(3), 85]  # a caption listed twice counts once
    with pytest.raises(InputError, match="variant none: 0 captions"):
        caption_sets(captions, rows)
    del rows["none"]
    found = retrieve_for_each(queries, caption_sets(captions, rows))
    assert list(found) == list(rows)
    for variant, of_variant in rows.items():
        alone = retrieve(queries, captions[sorted(set(of_variant))])
        torch.testing.assert_close(found[variant].sims, alone.sims)
        torch.testing.assert_close(found[variant].mean, alone.mean)


def test_every_caption_is_compared_once():
    sets = caption_sets(torch.eye(40), {"a": range(20), "b": range(10, 30), "c": range(10, 20)})
    assert sorted(sets.sizes) == [10, 10, 10] and len(sets.features) == 30  # ten captions nobody holds
    assert [len(groups) for groups in sets.groups.values()] == [2, 2, 1]


def test_no_variant_retrieves():
    assert retrieve_for_each(torch.ones(2, 4), caption_sets(torch.eye(4), {})) == {}


def test_equal_captions_count_as_often_as_they_stand():
    captions = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    found = retrieve(torch.tensor([[1.0, 0.0]]), captions, k=2, chunk=2)
    assert found.mean.tolist() == [[1, 0]] and found.sims.tolist() == [[1, 1]]


def test_half_precision_captions():
    captions = torch.eye(4).half()
    found = retrieve(torch.eye(4)[:1], captions, k=1)
    assert found.mean.dtype == torch.float32 and found.mean.tolist() == [[1, 0, 0, 0]]


def test_too_few_captions():
    with pytest.raises(InputError, match="3 captions cannot give the 10 nearest"):
        retrieve(torch.ones(1, 2), torch.ones(3, 2))
