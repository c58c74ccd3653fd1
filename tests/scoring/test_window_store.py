"""Stored scores: read shard by shard, published when finished, told apart from those of another run."""

import numpy as np
import pytest

from lexiclip.errors import InputError
from lexiclip.files import write_json
from lexiclip.scoring.window_store import (
    is_done,
    publish,
    read_ids,
    read_index,
    read_shards,
    shard_path,
    write_shard,
)

SETTINGS = {"names": ["cat", "dog"], "variants": ["best", "ema"], "scales": [2], "shapes": ["square"]}
SHARDS = [["a", "b"], ["c"]]


@pytest.fixture
def folder(tmp_path):
    """Scores of three images; only the variant "best" retrieves."""
    folder = tmp_path / "windows.partial"
    rng = np.random.default_rng(0)
    write_json(folder / "index.json", {**SETTINGS, "shards": SHARDS})
    for i, ids in enumerate(SHARDS):
        keys = {"best.global": 2, "best.local": 2, "best.retrieved": 2, "ema.global": 2, "ema.local": 2}
        tensors = {key: rng.random((len(ids), 17, k)).astype(np.float16) for key, k in keys.items()}
        tensors["best.sims"] = rng.random((len(ids), 17)).astype(np.float16)
        write_shard(shard_path(folder, i), tensors, {**SETTINGS, "ids": ids})
    return folder


def test_shards_one_by_one(folder):
    shards = list(read_shards(folder, "best"))
    assert [shard.ids for shard in shards] == SHARDS
    assert [shard.global_.shape for shard in shards] == [(2, 17, 2), (1, 17, 2)]
    assert [shard.sims.shape for shard in shards] == [(2, 17), (1, 17)]
    assert all(shard.retrieved is None and shard.sims is None for shard in read_shards(folder, "ema"))
    assert read_ids(folder) == ["a", "b", "c"]


def test_publish_moves_the_scores_and_nothing_else(folder, tmp_path):
    published = tmp_path / "windows"
    (folder / ".scores_00001.77.tmp.safetensors").write_bytes(b"half a shard")
    (folder / "scores_00002.safetensors").write_bytes(b"of a longer list")
    published.mkdir()
    (published / "old").touch()
    publish(folder, published)
    names = ["index.json", "scores_00000.safetensors", "scores_00001.safetensors"]
    assert sorted(path.name for path in published.iterdir()) == names and not folder.exists()


def test_done_only_with_all_images_and_the_same_settings(folder):
    assert is_done(folder, 0, SETTINGS, ["a", "b"])
    assert not is_done(folder, 0, SETTINGS, ["a", "b", "x"])
    assert not is_done(folder, 0, {**SETTINGS, "scales": [3]}, ["a", "b"])
    assert not is_done(folder, 2, SETTINGS, ["d"])


def test_index_of_other_classes(folder):
    assert read_index(folder, ("cat", "dog"))["variants"] == ["best", "ema"]
    with pytest.raises(InputError, match=r"2 classes, the vocabulary has 3 .differing: cow"):
        read_index(folder, ("cat", "dog", "cow"))
    with pytest.raises(InputError, match="in another order"):
        read_index(folder, ("dog", "cat"))


INDEX = {**SETTINGS, "shards": SHARDS}


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (INDEX | {"variants": ["ema"]}, "no scores of variant 'best': it has ema"),
        (INDEX | {"scales": [3]}, r"scores_00000\.safetensors: of another run"),
        (INDEX | {"shards": [["a", "x"], ["c"]]}, r"scores_00000\.safetensors: of another run"),
        (INDEX | {"shards": [["a", "b"], ["c"], ["d"]]}, r"scores_00002\.safetensors: missing or damaged"),
        (INDEX | {"shards": []}, r"index\.json: no image has scores"),
        ([], "not an index"),
        (INDEX | {"names": None}, "not an index"),
        (None, r"windows\.partial.index\.json"),
    ],
)
def test_an_index_that_does_not_fit_is_told(folder, index, said):
    path = folder / "index.json"
    path.unlink() if index is None else write_json(path, index)
    with pytest.raises(InputError, match=said):
        list(read_shards(folder, "best"))


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: tensors.pop("best.local"),
        lambda tensors: tensors.update({"best.local": np.ones((2, 16, 2))}),
        lambda tensors: tensors.update({"best.sims": np.ones((2, 16))}),
        lambda tensors: tensors.update({key: np.ones((1, 17, 2)) for key in tensors}),
    ],
)
def test_tensors_of_other_shapes_are_refused(folder, change):
    tensors = {f"best.{key}": np.ones((2, 17, 2)) for key in ("global", "local", "retrieved")}
    tensors["best.sims"] = np.ones((2, 17))
    write_shard(shard_path(folder, 0), tensors, {**SETTINGS, "ids": SHARDS[0]})
    assert len(list(read_shards(folder, "best"))) == 2
    change(tensors)
    write_shard(shard_path(folder, 0), tensors, {**SETTINGS, "ids": SHARDS[0]})
    with pytest.raises(InputError, match=r"scores_00000\.safetensors: not the scores of its images"):
        list(read_shards(folder, "best"))
