"""Chunked retrieval against the full matrix and the reference's cosines."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from lexiclip.errors import InputError
from lexiclip.scoring.retrieval import retrieve


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
