"""What is rounded where, and which type a model computes in."""

import numpy as np
import pytest
import torch

from lexiclip.precision import at_least_float32, precision_of, rounded


def drawn(dtype=torch.float64):
    """Numbers of all sizes that a float16 can hold."""
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(size=4000) * 2.0 ** rng.integers(-12, 12, 4000)).to(dtype)


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16, torch.float16])
def test_float64_alone_is_rounded_to_what_is_stored_and_stays_float64(stored):
    values = drawn()
    found = rounded(values, stored)
    assert found.dtype == torch.float64 and torch.equal(found, values.to(stored).double())
    assert torch.equal(rounded(found, stored), found) and not torch.equal(found, values)
    half_a_bit = torch.finfo(stored).eps / 2 * values.abs().clamp(min=torch.finfo(stored).tiny)
    assert ((found - values).abs() <= half_a_bit).all()
    for factor in (1 - 1e-13, 1 + 1e-13):  # the last bits of another processor
        assert torch.equal(rounded(factor * values, stored), found)
    for dtype in (torch.float32, torch.bfloat16):
        other = drawn(dtype)
        assert rounded(other, stored) is other


def test_float32_is_what_a_store_holds_by_default():
    assert torch.equal(rounded(drawn()), rounded(drawn(), torch.float32))


def test_only_coarser_types_become_float32():
    types = {torch.bfloat16: torch.float32, torch.float16: torch.float32}
    types |= {torch.float32: torch.float32, torch.float64: torch.float64}
    assert {dtype: at_least_float32(torch.ones(2, dtype=dtype)).dtype for dtype in types} == types


def test_precision_of_a_model():
    assert precision_of(torch.nn.Linear(2, 2)) == "fast"
    assert precision_of(torch.nn.Linear(2, 2).double()) == "exact"
