"""Every reader of what users give, each with a small good input: `READERS` maps a name to a Reader."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from lexiclip import cli
from lexiclip.captions.filtering import filter_answers, read_answers
from lexiclip.captions.parsing import parse_answer
from lexiclip.captions.prompting import few_shot_prefix, load_prompts
from lexiclip.captions.readers import read_captions
from lexiclip.clip.feature_store import open_store
from lexiclip.files import read_json, read_jsonl, read_yaml, write_json, write_jsonl
from lexiclip.images.datasets import load_dataset
from lexiclip.images.preprocess import load_rgb
from lexiclip.params import load_params
from lexiclip.prompts import class_vectors
from lexiclip.prompts.contexts import init_contexts
from lexiclip.scoring.ensemble import read_caption_ap, read_choice
from lexiclip.scoring.scores_file import read_scores_file, write_scores
from lexiclip.scoring.window_store import shard_path, write_shard
from lexiclip.vocabulary import Vocabulary, load_vocabulary

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("cat", "dog", "hot dog")
WORDS = Vocabulary(NAMES, {name: name for name in NAMES})
INSTANCES = {
    "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 9, "file_name": "b.jpg"}],
    "categories": [{"id": 1, "name": "cat"}, {"id": 18, "name": "dog"}, {"id": 24, "name": "hot dog"}],
    "annotations": [{"image_id": 7, "category_id": 18}, {"image_id": 9, "category_id": 1, "iscrowd": 1}],
}
ANNOTATION = """<?xml version="1.0" encoding="utf-8"?>
<annotation><folder>VOC</folder><filename>{}.jpg</filename><size><width>5</width><height>4</height></size>
<object><name>dog</name><difficult>0</difficult></object>
<object><name>cat</name><difficult>1</difficult></object></annotation>
"""
CHAT = {"kind": "chat", "write": {"multi": "Show {names}."}, "check": "Is '{caption}' good for {names}?"}
COMPLETION = {"kind": "completion", "lead": "Names.", "shots": 1, "examples": ["dog: A dog.", "cat: A cat."]}
CLASSES = {"classes": {"cat": ["kitten"], "dog": None, "hot dog": []}, "ignore": ["cat walk"]}


class Reader(NamedTuple):
    """`make` writes a good input into a folder, `read` reads and uses it; `count` inputs are tried.

    `mutated` is a pattern of the files that are broken; others are only read beside them.
    """

    make: Callable[[Path], None]
    read: Callable[[Path], object]
    count: int
    mutated: str = "*"


def file_of(name: str, content: object) -> Callable[[Path], None]:
    """What writes one file: text or bytes as they are, other values as JSON."""
    if not isinstance(content, str | bytes):
        content = json.dumps(content)
    return lambda folder: (folder / name).write_bytes(
        content.encode() if isinstance(content, str) else content
    )


def photos(folder: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (folder / "images").mkdir(exist_ok=True)
        (folder / "images" / name).touch()


def dataset(folder: Path, labels: str) -> None:
    found = load_dataset(folder / labels, folder / "images", NAMES, None)
    assert found.labels is None or found.labels.shape == (len(found.paths), len(NAMES))


def small_params(folder: Path) -> None:
    content = read_yaml(ROOT / "params.yaml")
    best = content["variants"]["best"]
    content |= {"variants": {"best": best}, "mix": content["mix"] | {"rare_classes": []}}
    content["ensemble"]["variants"] = ["zero_shot", "best"]
    write_json(folder / "params.yaml", content)


def store(folder: Path) -> None:
    texts = ["a cat", "a dog", "a hot dog"]
    np.save(folder / "features.npy", np.ones((7, 3), np.float16))
    np.save(folder / "offsets.npy", np.array([0, 2, 4, 7]))
    write_json(folder / "texts.json", texts)
    from lexiclip.clip.feature_store import _description

    write_json(folder / "header.json", {"model": "abc", **_description(texts, (7, 3))})


def use_store(folder: Path) -> None:
    opened = open_store(folder)
    rows = opened.rows(opened.index)
    opened.batch(rows), opened.global_features(rows)


def windows(folder: Path) -> None:
    settings = {"names": list(NAMES), "variants": ["best"], "scales": [2], "shapes": ["square"]}
    shards = [["a", "b"], ["c"]]
    write_json(folder / "index.json", {**settings, "shards": shards})
    for i, ids in enumerate(shards):
        tensors = {
            f"best.{key}": torch.ones(len(ids), 3, 3).half() for key in ("global", "local", "retrieved")
        }
        tensors["best.sims"] = torch.ones(len(ids), 3).half()
        write_shard(shard_path(folder, i), tensors, {**settings, "ids": ids})


def use_windows(folder: Path) -> None:
    from lexiclip.scoring.image_scores import fuse_variant
    from lexiclip.scoring.window_store import read_index

    read_index(folder, NAMES)
    fuse_variant(folder, "best", np.zeros((3, 3)), form="plain", local_weight=1.0, window_weight=1.5,
                 threshold=0.2, retrieval=True, companion_weight=0.5)  # fmt: skip


def prompts(folder: Path) -> None:
    contexts = init_contexts(2, 4, evidence=True, seed=0)
    vectors = class_vectors.ClassVectors(torch.ones(3, 5), torch.zeros(3, 5), torch.ones(3, 5) / 2)
    class_vectors.save_prompts(
        folder / "best.safetensors", class_vectors.Prompts(vectors, NAMES, "abc", contexts)
    )


def use_prompts(folder: Path) -> None:
    found = class_vectors.load_prompts(folder / "best.safetensors", "abc")
    assert all(isinstance(name, str) for name in found.names)
    for vector in found.vectors:
        assert vector is None or vector.shape[0] == len(found.names)
        if vector is not None:
            vector @ torch.ones(vector.shape[1])


def use_prompt_set(folder: Path) -> None:
    found = load_prompts(folder / "prompts.yaml")
    if found["kind"] == "completion":
        few_shot_prefix(found, np.random.default_rng(0)).encode()
    else:
        for text in found["write"].values():
            text.format(names="cat and dog").encode()


def use_vocabulary(folder: Path) -> None:
    words = load_vocabulary(folder / "words.yaml")
    assert set(words.labels("a kitten, a dog, a hot dog")) <= set(words.names)


def captions(name: str) -> Callable[[Path], None]:
    def use(folder: Path) -> None:
        found = read_captions(folder / name)
        write_jsonl(folder / "out", ({"names": [], "answer": text} for text in found))
        for text in found:
            parse_answer(text)

    return use


def use_answers(folder: Path) -> None:
    kept, _ = filter_answers(
        read_answers(folder / "answers.jsonl"), WORDS, "multi", needs_asked=True, adds_asked=True
    )
    write_jsonl(folder / "out", kept)


def scores(folder: Path) -> None:
    table = torch.tensor([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]])
    write_scores(folder / "scores.npz", ["a", "b"], NAMES, table, whole=table)
    write_json(folder / "scores.json", {"ids": ["a", "b"], "names": list(NAMES), "scores": table.tolist()})
    write_json(folder / "labels" / "instances.json", INSTANCES)


def use_scores(folder: Path) -> None:
    ids, arrays = read_scores_file(folder / "scores.npz", NAMES)
    assert arrays["scores"].shape == (len(ids), len(NAMES))


def image(kind: str, mode: str = "RGB", **options) -> Callable[[Path], None]:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    made = Image.fromarray(pixels).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        made = Image.fromarray(np.asarray(made).astype(np.uint16) * 256)
    stream = io.BytesIO()
    made.save(stream, kind, **options)
    return file_of(f"photo.{kind.lower()}", stream.getvalue())


def use_image(folder: Path) -> None:
    (path,) = folder.glob("photo.*")
    assert load_rgb(path).mode == "RGB"


READERS = {
    "json": Reader(file_of("a.json", INSTANCES), lambda folder: read_json(folder / "a.json"), 2000),
    "jsonl": Reader(
        file_of("a.jsonl", '{"a": [1, 2.5], "b": "x"}\n\n{"a": null}\n'),
        lambda folder: read_jsonl(folder / "a.jsonl"),
        2000,
    ),
    "yaml": Reader(
        file_of("a.yml", "a: &b [1, 0.5, no]\nc: {d: 'e', f: \"g\"}\nh: *b\n? i\n: |\n  j\n"),
        lambda folder: read_yaml(folder / "a.yml"),
        1000,
    ),
    "captions.txt": Reader(
        file_of("a.txt", "[0] ('cat', 'dog')\n1. A cat. 2. \"A dog.\"\nSure, here:\n\n- A hot dog\n"),
        captions("a.txt"),
        1000,
    ),
    "captions.csv": Reader(
        file_of("a.csv", 'image,caption\na.jpg,"A cat, and a ""dog"""\nb.jpg,A hot dog\n'),
        captions("a.csv"),
        2000,
    ),
    "captions.jsonl": Reader(
        file_of("a.jsonl", '{"caption": "A cat"}\n{"captions": ["A dog", "A cat"]}\n'),
        captions("a.jsonl"),
        1500,
    ),
    "captions.json": Reader(
        file_of("a.json", {"0": ["A cat", "A dog"], "1": {"text": "A hot dog"}}), captions("a.json"), 1500
    ),
    "answers": Reader(
        file_of("answers.jsonl", '{"names": ["cat"], "answer": "1. A cat sits. 2. A cat"}\n' * 2),
        use_answers,
        1000,
    ),
    "coco": Reader(
        lambda folder: (photos(folder), file_of("a.json", INSTANCES)(folder)),
        lambda folder: dataset(folder, "a.json"),
        2500,
        "*.json",
    ),
    "voc xml": Reader(
        lambda folder: (
            photos(folder),
            (folder / "xml").mkdir(),
            file_of("xml/a.xml", ANNOTATION.format("a"))(folder),
            file_of("xml/b.xml", ANNOTATION.format("b"))(folder),
        ),
        lambda folder: dataset(folder, "xml"),
        2000,
        "*.xml",
    ),
    "voc image set": Reader(
        lambda folder: (
            photos(folder),
            (folder / "Annotations").mkdir(),
            (folder / "ImageSets/Main").mkdir(parents=True),
            file_of("Annotations/a.xml", ANNOTATION.format("a"))(folder),
            file_of("Annotations/b.xml", ANNOTATION.format("b"))(folder),
            file_of("ImageSets/Main/test.txt", "a\nb  1\n")(folder),
        ),
        lambda folder: dataset(folder, "ImageSets/Main/test.txt"),
        700,
        "*.txt",
    ),
    "nus-wide": Reader(
        lambda folder: (
            photos(folder),
            (folder / "ImageList").mkdir(),
            (folder / "TrainTestLabels").mkdir(),
            file_of("ImageList/TestImagelist.txt", "a.jpg\r\nb.jpg\r\n")(folder),
            [file_of(f"TrainTestLabels/Labels_{name}_Test.txt", "0\n1\n")(folder) for name in NAMES],
        ),
        lambda folder: dataset(folder, "."),
        1000,
        "*.txt",
    ),
    "csv labels": Reader(
        lambda folder: (photos(folder), file_of("a.csv", "image,labels\na.jpg,dog; cat\nb.jpg,\n")(folder)),
        lambda folder: dataset(folder, "a.csv"),
        2000,
        "*.csv",
    ),
    "feature store": Reader(store, use_store, 2500),
    "window store": Reader(windows, use_windows, 1500),
    "prompts": Reader(prompts, use_prompts, 1500),
    "scores file": Reader(scores, use_scores, 1500, "*.npz"),
    "evaluate npz": Reader(
        scores,
        lambda folder: cli.evaluate_files(folder / "scores.npz", folder / "labels/instances.json"),
        500,
        "scores.npz",
    ),
    "evaluate json": Reader(
        scores,
        lambda folder: cli.evaluate_files(folder / "scores.json", folder / "labels/instances.json"),
        800,
        "*.json",
    ),
    "caption ap": Reader(
        file_of("best.json", {"mAP": 50.0, "per_class": {"cat": 20.0, "dog": 30.5}}),
        lambda folder: read_caption_ap([folder / "best.json"], NAMES),
        500,
    ),
    "choice": Reader(
        file_of("choice.json", {"best": ["cat"], "ema": ["dog", "hot dog"]}),
        lambda folder: read_choice(folder / "choice.json", ("best", "ema"), NAMES),
        500,
    ),
    "params": Reader(small_params, lambda folder: load_params(folder / "params.yaml"), 300),
    "vocabulary": Reader(file_of("words.yaml", CLASSES), use_vocabulary, 1000),
    "chat prompts": Reader(file_of("prompts.yaml", CHAT), use_prompt_set, 700),
    "completion prompts": Reader(file_of("prompts.yaml", COMPLETION), use_prompt_set, 700),
    "png": Reader(image("PNG"), use_image, 300),
    "png 16 bits": Reader(image("PNG", "I;16"), use_image, 200),
    "jpeg": Reader(image("JPEG"), use_image, 400),
    "jpeg cmyk": Reader(image("JPEG", "CMYK"), use_image, 200),
    "gif": Reader(image("GIF"), use_image, 300),
    "webp": Reader(image("WEBP"), use_image, 200),
    "bmp": Reader(image("BMP"), use_image, 300),
    "tiff": Reader(image("TIFF"), use_image, 300),
    "tiff lzw": Reader(image("TIFF", "RGBA", compression="tiff_lzw"), use_image, 200),
    "ppm": Reader(image("PPM"), use_image, 300),
}
