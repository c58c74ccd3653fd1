"""In which type the study computes (params.yaml: `precision`), and where its numbers are rounded.

exact: float64 on the CPU, with the same bytes on every processor. Processors add in different orders, so the
last few of 53 bits differ; what is stored or carried to the next step is rounded to 24 bits or fewer, and the
difference is gone. fast: float32, and bf16 in the towers where it pays, on the GPU where there is one.
"""

import torch
from torch import Tensor, nn

from lexiclip.params import Precision

DTYPES = {"exact": torch.float64, "fast": torch.float32}


def precision_of(model: nn.Module) -> Precision:
    """The precision that a model was loaded in."""
    return "exact" if next(model.parameters()).dtype == torch.float64 else "fast"


def rounded(values: Tensor, stored: torch.dtype = torch.float32) -> Tensor:
    """float64 values rounded to those that the type `stored` has, still float64; others unchanged.

    Without it a difference in the last bit would grow from step to step: winner-take-all turns 1e-6 into 0.1
    within forty steps.
    """
    return values.to(stored).double() if values.dtype == torch.float64 else values


def at_least_float32(values: Tensor) -> Tensor:
    """bf16 and fp16 as float32, too coarse for a cosine as they are; float32 and float64 unchanged."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
