"""What the bench of development scenes says of decisions; drawing and scoring are the stages' own."""

import development
import numpy as np

from lexiclip.scoring.decisions import caption_prior, write_decisions

NAMES = tuple(f"class {k}" for k in range(20))


def test_decisions_by_rule(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_decisions("models/decisions.json", NAMES, caption_prior(2.0, np.ones(20)), {})
    rng = np.random.default_rng(0)
    labels = (rng.random((200, 20)) < 0.1).astype(int)
    found = development.decided(rng.normal(0, 1, labels.shape) + 3 * labels, labels, NAMES)
    assert list(found) == ["image mean", "top 3", "ours", "oracle", "ECE"]
    assert found["oracle"][0] > found["top 3"][0] > found["image mean"][0] > 0
    assert found["ours"][0] > found["top 3"][0] and 0 < found["ECE"][0] < 10
