"""The stage from files to page: what is on it, hostile names, same bytes, no labels, bad input."""

import json
import re
import shutil
from html import escape

import numpy as np
import pytest
from tests.report.conftest import FILES, NAMES
from tests.stages.running import run_stage


def test_every_part_is_there(page):
    text = page.read_text(encoding="utf-8")
    sections = re.findall(r'<section id="(\w+)"', text)
    assert sections == [
        "results", "classes", "reliability", "recall", "gallery", "heat", "ablation", "training", "captions",
        "together",
    ]  # fmt: skip
    gallery = text[
        text.index('<ul class="gallery">') : text.index("</ul>", text.index('<ul class="gallery">'))
    ]
    assert gallery.count("<img ") == 12 and text.count("Where ") - text.count("Where it") == 4 * 3
    assert "−1.5" in text and "+1.0" in text, "differences of the ablation"
    assert "after epoch 3, the one kept, 92.0 mAP" in text, "the best epoch of `keep_epoch: heldout`"
    assert "ensemble_mean" not in text, "the rule in use stands there as the ensemble"
    assert page.stat().st_size < 2_000_000


def test_names_are_text_and_nothing_else(page):
    text = page.read_text(encoding="utf-8")
    for name in (*NAMES, *FILES[:1]):
        assert str(escape(name)).replace("&quot;", "&#34;") in text
    assert text.count("<script") == 1 and "<b>bold" not in text


def test_same_inputs_same_bytes_and_other_inputs_others(page, project):
    before = page.read_bytes()
    run_stage("report", folder=project)
    assert page.read_bytes() == before
    file = project / "metrics/train/best.csv"
    kept = file.read_text()
    try:
        file.write_text(kept.replace("2,20.0", "2,21.0"))
        run_stage("report", folder=project)
        assert page.read_bytes() != before
    finally:
        file.write_text(kept)
        page.write_bytes(before)


def test_photos_without_labels_are_shown_and_nothing_is_measured(unlabelled_page):
    text = unlabelled_page.read_text(encoding="utf-8")
    assert "The images have no labels" in text and 'id="gallery"' in text and 'id="heat"' in text
    assert not re.findall('id="results"|id="ablation"|false alarm|missed', text[text.index("<main>") :])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("metrics/train/ema.csv", None, "No such file"),
        ("metrics/captions/single.json", "{}", "not the counts of a caption set"),
    ],
)
def test_broken_files_end_in_one_line(page, project, tmp_path, capsys, name, content, said):
    shutil.copytree(project, tmp_path / "broken")
    file = tmp_path / "broken" / name
    file.unlink() if content is None else file.write_text(content)
    before = page.read_bytes()
    with pytest.raises(SystemExit):
        run_stage("report", folder=tmp_path / "broken")
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and name in lines[0] and said in lines[0]
    assert (tmp_path / "broken/metrics/report.html").read_bytes() == before


def test_precision_in_the_text_is_that_of_the_labels(page, project):
    """The sentence under the gallery, against a count by hand."""
    instances = json.loads((project / "instances.json").read_text())
    shown = {(row["image_id"], row["category_id"]) for row in instances["annotations"]}
    scores = np.load(project / "data/scores/ensemble.npz")["scores"]
    hits = sum((i, k) in shown for i in range(len(FILES)) for k in np.argsort(-scores[i])[:3].tolist())
    assert f"over all images {hits} of {3 * len(FILES)}" in page.read_text(encoding="utf-8")
