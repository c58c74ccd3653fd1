"""In float64 the reference's order ends in the same contexts as ours: `make bench` times the same work."""

import numpy as np
import open_clip
import pytest
import torch
from reference_order import reference_step
from tests.tiny import tiny_config, tuning

from lexiclip.clip.feature_store import open_store, write_store
from lexiclip.clip.loading import tokenize
from lexiclip.clip.text_tower import encode_texts
from lexiclip.prompts import training
from lexiclip.prompts.contexts import Contexts, init_contexts
from lexiclip.prompts.training import train_prompts

NAMES = ["dog", "hair drier", "kite"]
TEXTS = [f"a photo of a {name} and {other}." for name in NAMES for other in ("a tree", "two very old houses")]


@pytest.mark.parametrize("evidence", [False, True])
def test_two_steps_end_in_the_same_contexts(evidence, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "rounded", lambda values, *_: values)
    torch.manual_seed(0)
    clip = open_clip.CLIP(**tiny_config(24, layers=2)).double().eval().requires_grad_(False)
    labels = torch.eye(3).repeat_interleave(2, dim=0)
    start = init_contexts(4, 16, evidence=evidence, seed=0)
    contexts = Contexts(*(None if c is None else c.double().requires_grad_() for c in start))
    used = [context for context in contexts if context is not None]
    optimizer = torch.optim.SGD(used, lr=0.01, momentum=0.9, weight_decay=5e-4)
    losses = [reference_step(clip, contexts, optimizer, tokenize(TEXTS), labels, NAMES) for _ in range(2)]
    write_store(tmp_path, clip, TEXTS)
    store = open_store(tmp_path)
    local = [encode_texts(clip, tokenize([text])).local[0] for text in store.index]  # not rounded to float16
    store = store._replace(features=np.concatenate(local))
    how = tuning(evidence=evidence, warmup_epochs=2)
    tuned = train_prompts(clip, store, store.rows(TEXTS), labels, NAMES, how, init=start)
    assert [row["loss"] for row in tuned.steps] == pytest.approx(losses, abs=1e-6)  # six digits
    for ours, theirs, first in zip(tuned.contexts, contexts, start, strict=True):
        if ours is not None:
            assert (ours - theirs).abs().max() < 1e-12 < 1e-4 < (theirs - first).abs().max()
