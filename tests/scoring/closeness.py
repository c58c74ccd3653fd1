"""How near two computations of the same scores must be."""

import numpy as np


def assert_close(actual: np.ndarray, expected: np.ndarray) -> None:
    """Equal up to the rounding of float64."""
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)
