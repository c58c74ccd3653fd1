"""Caption files of every ending, and what is said of a broken one."""

import pytest
from tests.refusals import refused

from lexiclip.captions.parsing import parse_answer
from lexiclip.captions.readers import read_captions


@pytest.mark.parametrize(
    ("name", "content", "captions"),
    [
        ("a.txt", "A dog\n\n A cat \r\n", ["A dog", "A cat"]),
        ("a.txt", "\ufeffA dog\n", ["A dog"]),
        ("a.txt", "[0] ('cat', 'dog')\n1. A dog\n[1] ('cow',)\n1. A cow", ["1. A dog", "1. A cow"]),
        ("a.csv", 'image,caption\n1.jpg,A dog .\n2.jpg,"A cat, asleep"\n', ["A dog .", "A cat, asleep"]),
        ("a.jsonl", '{"caption": "A dog"}\n\n{"text": "A cow"}\n', ["A dog", "A cow"]),
        ("a.jsonl", '{"labels": ["dog"], "captions": ["1. A dog", "2. Dogs"]}', ["1. A dog", "2. Dogs"]),
        ("a.json", '[{"id": 0, "caption": "A dog"}, {"id": 1, "caption": "A cat"}]', ["A dog", "A cat"]),
        ("a.json", '{"0": ["Sure:", "1. A dog"], "1": ["1. A cat"]}', ["Sure:", "1. A dog", "1. A cat"]),
        ("a.json", '["A dog", "A cat"]', ["A dog", "A cat"]),
        ("a.JSON", '{"captions": ["A dog"]}', ["A dog"]),
        ("a.txt", "", []),
        ("a.txt", "1000.jpg#0\tA dog runs .\n1000.jpg#1\tA cat , too .\n", ["A dog runs .", "A cat , too ."]),
        ("a.token", "1000.jpg#0\tA dog runs .\n", ["A dog runs ."]),
        ("captions.txt", 'image,caption\n1.jpg,"A dog , a cat ."\n', ["A dog , a cat ."]),
        ("captions.txt", "image|caption\n1.jpg|A dog , a cat .\n", ["A dog , a cat ."]),
        ("a.csv", "Image ; Caption\n1.jpg;A dog, asleep\n\n;\n", ["A dog, asleep"]),
        ("a.tsv", "caption\turl\nA dog\thttp://a/1.jpg\n", ["A dog"]),
        ("a.jsonl", '\ufeff{"caption": "A dog"}\n', ["A dog"]),
        ("a.json", '{"info": {}, "images": [], "annotations": [{"id": 1, "caption": "A dog"}]}', ["A dog"]),
        ("a.json", '{"images": [{"sentences": [{"raw": "A dog"}, {"raw": "A cat"}]}]}', ["A dog", "A cat"]),
    ],
)
def test_read_captions(tmp_path, name, content, captions):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert read_captions(path) == captions


def test_a_utf16_file_is_read(tmp_path):
    (tmp_path / "a.txt").write_text("A dog\r\nA cat\r\n", encoding="utf-16")
    assert read_captions(tmp_path / "a.txt") == ["A dog", "A cat"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"caption": "A dog"}\n{"id": 3}', "a.jsonl, row 2: no caption or text"),
        ("a.jsonl", b'{"caption": 3}', "a.jsonl, row 1: expected a caption"),
        ("a.json", b'[{"caption": "A dog"}, 7]', "a.json, key 1: expected a caption"),
        ("a.json", b'{"0": ["A dog", null]}', "a.json, key 0: expected a caption"),
        ("a.json", b"3", "a.json, key 0: expected a caption"),
        ("a.csv", b"image,text\n1.jpg,A dog\n", "a.csv, line 1: no column `caption`"),
        ("a.csv", b"image,caption\n1.jpg\n", "a.csv, line 2: no caption"),
        ("a.csv", b'image,caption\n1.jpg,"A dog\n', "a.csv, line 2: not CSV"),
        ("a.txt", b"A dog \xff\xfe", "a.txt: not UTF-8"),
        ("a.xml", b"", "a.xml: captions are read from"),
    ],
)
def test_a_broken_file_is_told_in_one_line(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with refused(said):
        read_captions(path)


def test_every_file_of_a_real_model_is_read(shared_files):
    for path in shared_files("chatglm/*"):
        captions = [caption for text in read_captions(path) for caption in parse_answer(text)]
        assert len(captions) > 100, path.name
        for caption in captions:
            assert caption == " ".join(caption.split()) and not caption.endswith(":"), path.name
            assert not caption.startswith(("[", "{", "1. ", "2. ", "- ", "Sure,")), path.name


def test_human_captions_are_read(shared_files):
    (path,) = shared_files("flickr8k_captions.csv")
    captions = read_captions(path)
    assert len(captions) == len(path.read_text(encoding="utf-8").splitlines()) - 1
    assert captions[0].startswith("A child in a pink dress")
