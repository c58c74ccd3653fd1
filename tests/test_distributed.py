"""What several processes that share each batch refuse; what they end in is in tests/stages."""

import numpy as np
import pytest
import torch
from tests.tiny import tuning

from lexiclip.errors import InputError
from lexiclip.prompts import checks
from lexiclip.prompts.checks import check_request, check_same_epoch


def test_what_several_processes_refuse(monkeypatch):
    monkeypatch.setattr(checks, "rank_and_count", lambda: (0, 2))
    one = tuning(batch_size=1)
    with pytest.raises(InputError, match="a batch of 1 texts for 2 processes"):
        check_request(np.arange(9), torch.eye(9), "abcdefghi", one, None)
    check_request(np.arange(9), torch.eye(9), "abcdefghi", one._replace(batch_size=2), None)
    monkeypatch.setattr(checks, "summed", lambda tensors: [tensors[0] + 2])  # the other is at epoch 2
    check_same_epoch(2, torch.device("cpu"))
    with pytest.raises(InputError, match="different checkpoints"):
        check_same_epoch(3, torch.device("cpu"))
