"""`lexiclip predict` from outside: what it prints and writes, in which order, and how it fails."""

import csv
import io
import json
import re
import sys
from functools import partial

import pytest
from PIL import Image

from lexiclip import predict
from lexiclip.images import views
from lexiclip.images.csv_labels import read_csv
from lexiclip.predict_command import printable
from lexiclip.scoring import view_features
from lexiclip.vocabulary import of_names

NAMES = ("dog", "couch", "traffic light", "cup")


@pytest.fixture
def run(monkeypatch, lexiclip, project):
    def run(*arguments):
        monkeypatch.chdir(project)
        return lexiclip("predict", *arguments).out

    return run


@pytest.fixture
def fail(run, capsys):
    """What a failing run prints on stdout and stderr."""

    def fail(*arguments):
        with pytest.raises(SystemExit) as ended:
            run(*arguments)
        assert ended.value.code == 1
        return capsys.readouterr()

    return fail


def test_json_has_every_label_of_each_photo(run, photos):
    rows = [json.loads(line) for line in run(*photos[:2], "--json", "--threshold", "0.2").splitlines()]
    assert [row["image"] for row in rows] == list(map(str, photos[:2]))
    for row in rows:
        assert list(row) == ["image", "labels", "scores", "probabilities", "present"]
        assert sorted(row["labels"]) == sorted(NAMES) and row["scores"] == sorted(row["scores"], reverse=True)
        likely = zip(row["labels"], row["probabilities"], strict=True)
        assert row["present"] == [name for name, probability in likely if probability >= 0.2]


def test_text_has_a_block_a_photo_of_the_labels_held_present(run, photos):
    rows = [json.loads(line) for line in run(*photos[:2], "--json", "--threshold", "0.2").splitlines()]
    expected = [
        line
        for row in rows
        for line in [row["image"], *map("  {:.2f}  {}".format, row["probabilities"], row["present"])]
    ]
    assert run(*photos[:2], "--threshold", "0.2").splitlines() == expected
    best = f"{rows[0]['probabilities'][0]:.2f}  {rows[0]['labels'][0]}"
    assert run(photos[0], "--threshold", "1") == f"{photos[0]}\n  none, the likeliest is {best}\n"


def test_top_shows_the_best_present_or_not(run, photos):
    lines = run(photos[0], "--top", "2").splitlines()
    (row,) = map(json.loads, run(photos[0], "--json").splitlines())
    assert [line.split("  ")[-1] for line in lines] == [str(photos[0]), *row["labels"][:2]]
    assert len(run(photos[0], "--top", "99").splitlines()) == 1 + len(NAMES)


def test_prototypes_alone_rank_the_studys_classes(run, photos, project):
    found = run(photos[0], "--prompts", project / "models/prompts/prototypes.safetensors", "--top", "9")
    assert {line.split("  ")[-1] for line in found.splitlines()[1:]} == set(NAMES)


def test_a_name_with_a_line_break_stays_one_row(run, photos, tmp_path):
    name = tmp_path / "a\nb.png"
    name.write_bytes(photos[0].read_bytes())
    (_, row) = csv.reader(io.StringIO(run(name, "--csv")))
    assert row[0] == str(name)


def test_the_table_is_one_that_the_project_reads(run, photos, tmp_path):
    name = tmp_path / "a, b.png"
    name.write_bytes(photos[0].read_bytes())
    given = [name, *photos[1:3]]
    (tmp_path / "labels.csv").write_text(run(*given, "--csv", "--threshold", "0.1"))
    files, _, labels, *_ = read_csv(tmp_path / "labels.csv", of_names(NAMES))
    rows = [json.loads(line) for line in run(*given, "--json", "--threshold", "0.1").splitlines()]
    assert files == [row["image"] for row in rows] == list(map(str, given))
    assert labels.tolist() == [[int(name in row["present"]) for name in NAMES] for row in rows]
    assert labels.sum() > 3
    (_, row) = csv.reader(io.StringIO(run(photos[0], "--csv", "--top", "2")))
    assert row == [str(photos[0]), "; ".join(rows[0]["labels"][:2])]


def test_bad_photos_of_a_folder_are_passed_over_and_told(fail, photos, tmp_path):
    for name in ("b.png", "d.png"):
        (tmp_path / name).write_bytes(photos[0].read_bytes())
    (tmp_path / "a.jpg").write_text("<!DOCTYPE html> not found")
    (tmp_path / "notes.txt").touch()
    printed = fail(tmp_path, tmp_path / "absent.png", "--csv", "--top", "1")
    assert re.findall(r"(\w+)\.png,", printed.out) == ["b", "d"]
    first, second, last = printed.err.splitlines()
    assert first.startswith(f"skipped: {tmp_path}/a.jpg: not a readable image")
    assert second.startswith(f"skipped: {tmp_path}/absent.png: cannot be read")
    assert last == "error: 2 of 4 photos could not be read"


def test_a_result_is_printed_before_the_next_photo_is_encoded(run, photos, monkeypatch, capsys):
    printed = []

    def noting(*arguments):
        printed.append(len(capsys.readouterr().out.splitlines()))
        return encode_views(*arguments)

    encode_views = view_features.encode_views
    monkeypatch.setattr(view_features, "encode_views", noting)
    run(*photos[:3], "--json")
    assert printed == [0, 1, 1]


def test_a_photo_is_decoded_once_and_encoded_once_pictures_included(run, photos, tmp_path, monkeypatch):
    counts = dict.fromkeys(("load_rgb", "view_pixels", "encode_views"), 0)

    def counting(name, function, *arguments, **how):
        counts[name] += 1
        return function(*arguments, **how)

    for module, name in ((views, "load_rgb"), (views, "view_pixels"), (view_features, "encode_views")):
        monkeypatch.setattr(module, name, partial(counting, name, getattr(module, name)))
    alone = run(*photos[:3], "--json")
    assert set(counts.values()) == {3}
    pictures = ["--heatmap", tmp_path / "map.png", "--report", tmp_path / "page.html"]
    assert run(*photos[:3], "--json", *pictures) == alone
    assert set(counts.values()) == {6}


def test_the_heat_map_is_a_png_of_rows_and_columns(run, photos, tmp_path):
    path = tmp_path / "map.png"
    run(*photos[:2], "--classes", "tram, $x_1$, 電車", "--heatmap", path)
    assert Image.open(path).size == (1080, 540)
    assert list(tmp_path.iterdir()) == [path]


def test_the_report_shows_each_photo_and_its_labels(run, photos, tmp_path):
    page = tmp_path / "page.html"
    printed = run(*photos[:2], "--classes", "<b>tram</b>, cup", "--top", "2", "--report", page)
    text = page.read_text(encoding="utf-8")
    assert "<h1>Labels of 2 photos</h1>" in text and text.count("data:image/jpeg") == 2
    assert text.count('class="frame"') == 4 and "<b>&lt;b&gt;tram&lt;/b&gt;</b>" in text
    assert re.findall(r">(0\.\d\d) <b>", text) == re.findall(r"  (0\.\d\d)  ", printed)


@pytest.mark.parametrize("views", ["fast", "all"])
def test_other_views_have_labels_a_heat_map_and_a_report(run, photos, tmp_path, views):
    pictures = ["--heatmap", tmp_path / "map.png", "--report", tmp_path / "page.html"]
    (row,) = map(json.loads, run(photos[0], "--json", "--views", views, *pictures).splitlines())
    study = predict.load_study(views=views)
    assert row["scores"] == next(predict.predict(study, photos[:1])).scores
    assert Image.open(tmp_path / "map.png").size == (1350, 270)
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count('class="frame"') == len(row["present"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{folder}/a.jpg", "{folder}/b.jpg"], "a.jpg: no such file or folder"),
        (["{folder}/empty"], "empty: no photo in it: expected files that end in .jpg"),
        (["{photo}", "--classes", "Tram, tram"], "'Tram' and 'tram' are the same class"),
        (["{photo}", "--classes", "tram " * 100], "shorten the name"),
        (
            ["{photo}", "--classes", '"a, b"', "--csv"],
            "'a, b' would be read from the table as 'a' and 'b': use --json",
        ),
        (["{photo}", "--classes", '"x|y", z', "--csv"], "'x|y' would be read from the table as 'x' and 'y'"),
        (["{photo}", "--classes", "'[x]', z", "--csv"], "'[x]' would be read from the table as 'x'"),
        (["{photo}", "--threshold", "1.5"], "--threshold 1.5: a probability from 0 to 1"),
        (["{photo}", "--heatmap", "{photo}"], "this is one of the photos"),
        (["{photo}", "--classes", "{photo}"], "a file of another kind: give a .txt with a name a line"),
        (["{photo}", "--top", "0"], "--top 0: a number of labels from 1 up"),
        (["{photo}", "--top", "3", "--json"], "--top shortens no --json: each line has all labels"),
        (["{photo}", "--captions", "captions.txt"], "--captions goes with --clip"),
        (["{photo}", "--heatmap", "{folder}/absent/map.png"], "map.png: cannot be written (No such file"),
        (["{photo}", "--report", "{photo}/page.html"], "cannot be written (Not a directory)"),
        (["{photo}", "--heatmap", "map.gif"], "map.gif: expected a name that ends in .png"),
        (["{photo}", "--report", "page.png"], "page.png: expected a name that ends in .html"),
        (["{folder}/many", "--heatmap", "map.png"], "21 photos in one heat map"),
        (["{photo}", "--prompts", "models/other"], "run `dvc pull` (or `make repro`"),
        (["{photo}", "--prompts", "models/prompts/zema.safetensors"], "run `dvc pull` (or `make repro`"),
        (["{photo}", "--prompts", "/models/prompts"], "no params.yaml above it"),
    ],
)
def test_bad_input_is_told_in_one_line(fail, photos, tmp_path, arguments, said):
    for folder in ("empty", "many"):
        (tmp_path / folder).mkdir()
    for number in range(21):
        (tmp_path / f"many/{number}.png").touch()
    printed = fail(*(text.format(photo=photos[0], folder=tmp_path) for text in arguments))
    assert not printed.out
    assert said in printed.err and printed.err.count("\n") == 1
    assert not (tmp_path / "absent").exists()


def test_names_move_no_cursor():
    assert printable("a\x1b[2Jb\udce9\nc\u2028d 電車 \u202f") == "a\ufffd[2Jb\ufffd\ufffdc\ufffdd 電車 \u202f"


def test_tuned_prompts_ask_for_their_clip(fail, project, photos, tmp_path):
    """In a project or outside, where `lexiclip tune` wrote them under a name that is no variant's."""
    prompts = tmp_path / "mine.safetensors"
    prompts.write_bytes((project / "models/prompts/best.safetensors").read_bytes())
    said = r"no variant of a study, but tuned for the CLIP of id [0-9a-f]{16}: name that CLIP, too, .*--clip"
    assert re.search(said, fail(photos[0], "--prompts", prompts).err)
    (tmp_path / "params.yaml").write_text("lr: 0.1\n")  # another tool's
    assert re.search(said, fail(photos[0], "--prompts", prompts).err)
    (tmp_path / "models/prompts").mkdir(parents=True)
    prompts.rename(own := tmp_path / "models/prompts/best.safetensors")
    assert "params.yaml: lr: unknown key" in fail(photos[0], "--prompts", own).err
    own.rename(prompts)
    (tmp_path / "params.yaml").unlink()
    for name in ("params.yaml", "words.yaml"):
        (tmp_path / name).symlink_to(project / name)
    assert re.search(said, fail(photos[0], "--prompts", prompts).err)


def test_an_ascii_terminal_shows_escapes(run, photos, tmp_path, monkeypatch):
    photo = tmp_path / "d\u00e9j\u00e0.png"
    photo.write_bytes(photos[0].read_bytes())
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    run(photo, "--classes", "caf\u00e9", "--top", "1")
    sys.stdout.flush()
    printed = written.getvalue().decode("ascii")
    assert "d\\xe9j\\xe0.png\n" in printed and printed.endswith("  caf\\xe9\n")
