"""What is rounded where, and which type a model computes in."""

import numpy as np
import pytest
import torch

from lexiclip.precision import rounded


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
