"""Each bench adds its figures to one file and one table."""

import json
from datetime import date
from pathlib import Path

from table import PATH, record


def test_figures_of_benches_gather(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    record("training", {"epoch, s": {"ours": 2.0, "reference": 25.0}})
    record("store", {"memory, MB": {"ours": 1.23456}})
    record("training", {"epoch, s": {"ours": 4.0, "reference": 26.0}})
    (measured,) = json.loads(Path(PATH).read_text()).values()
    today = {"date": date.today().isoformat()}
    assert measured == {
        "training": {"epoch, s": {"ours": 4.0, "reference": 26.0, "ratio": 6.5}} | today,
        "store": {"memory, MB": {"ours": 1.235}} | today,
    }
    table = capsys.readouterr().out
    assert table.count("training: epoch, s") == 3 and "6.5" in table
