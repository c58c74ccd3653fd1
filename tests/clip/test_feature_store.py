"""The feature store against one text encoded at a time, and what it refuses."""

import hashlib
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiclip.clip.feature_store import Store, open_store, write_store
from lexiclip.clip.loading import model_id, tokenize
from lexiclip.clip.text_tower import encode_texts
from lexiclip.errors import InputError

TEXTS = [
    f"a photo of a {a}{b}." for a in ("", "small ", "very small red ") for b in ("dog", "cat", "hair drier")
]
TEXTS += ["", "Ein Hündchen 犬 🐕", "tram " * 100]


def digest(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def folder(exact_clip, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, exact_clip, TEXTS, batch_tokens=40)
    return folder


@settings(max_examples=6)
@given(
    st.lists(st.one_of(st.sampled_from(TEXTS), st.text(max_size=12)), min_size=1, max_size=6),
    st.integers(1, 200),
)
def test_each_text_as_if_alone(exact_clip, tmp_path_factory, texts, size):
    """Whatever the order and the batches; equal but for the rounding to float16, half of its last bit."""
    folder, rounding = tmp_path_factory.mktemp("store"), {"rtol": 1.01 * 2**-11, "atol": 2**-25}
    write_store(folder, exact_clip, texts, batch_tokens=size)
    store = open_store(folder, model_id(exact_clip))
    assert sorted(store.index) == sorted(set(texts))
    batch = store.batch(store.rows(texts), torch.empty(0, dtype=torch.float64))
    for text, global_, local, mask in zip(texts, *batch, strict=True):
        alone = encode_texts(exact_clip, tokenize([text]))
        assert int(mask.sum()) == int(alone.lengths)
        torch.testing.assert_close(local[mask], alone.local[0], **rounding)
        torch.testing.assert_close(global_, alone.global_[0], **rounding)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.data())
def test_a_batch_of_any_rows_is_each_row_alone(lengths, data):
    offsets = np.cumsum([0, *lengths])
    features = np.random.default_rng(offsets[-1]).normal(size=(offsets[-1], 3)).astype(np.float16)
    store = Store({}, features, offsets, "")
    rows = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=12))
    batch = store.batch(rows, torch.empty(0))
    assert batch.mask.sum(1).tolist() == [lengths[row] for row in rows]
    assert batch.local.shape == (len(rows), max(lengths[row] for row in rows), 3)
    for row, global_, local, mask in zip(rows, *batch, strict=True):
        own = torch.from_numpy(features[offsets[row] : offsets[row + 1]]).float()
        assert torch.equal(local[mask], own) and torch.equal(global_, own[-1])
        assert mask.tolist() == sorted(mask.tolist(), reverse=True) and not local[~mask].any()
    for dtype in (torch.float32, torch.float64):
        global_ = store.global_features(rows, torch.empty(0, dtype=dtype))
        assert torch.equal(global_, batch.global_.to(dtype)) and global_.dtype == dtype


def test_bytes_depend_on_texts_and_weights_alone(exact_clip, folder, tmp_path):
    write_store(tmp_path / "again", exact_clip, [*reversed(TEXTS), TEXTS[0]], batch_tokens=40)
    assert digest(tmp_path / "again") == digest(folder)
    write_store(tmp_path / "fewer", exact_clip, TEXTS[1:], batch_tokens=40)
    assert digest(tmp_path / "fewer")["features.npy"] != digest(folder)["features.npy"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "features.npy").write_bytes((folder / "features.npy").read_bytes()[:-100]),
        lambda folder: (folder / "features.npy").unlink(),
        lambda folder: np.save(folder / "features.npy", np.zeros((5, 24), np.float16)),
        lambda folder: np.save(folder / "offsets.npy", np.arange(3)),
        lambda folder: np.save(folder / "offsets.npy", np.load(folder / "offsets.npy")[[0, 2, 1, 3, 4]]),
        lambda folder: np.save(folder / "offsets.npy", np.load(folder / "offsets.npy").astype(float)),
        lambda folder: (folder / "texts.json").write_text(json.dumps(sorted(TEXTS[:-1]))),
        lambda folder: (folder / "header.json").write_text("[]"),
    ],
)
def test_damage_is_refused(small_clip, tmp_path, damage):
    write_store(tmp_path, small_clip, TEXTS[:4])
    open_store(tmp_path)
    damage(tmp_path)
    with pytest.raises(InputError, match=str(tmp_path)):
        open_store(tmp_path)


def test_another_model_or_precision_is_refused(small_clip, exact_clip, folder, tmp_path):
    with pytest.raises(InputError, match="not 0123456789abcdef exact: encode the texts again"):
        open_store(folder, "0123456789abcdef exact")
    said = r"precision {}, params\.yaml says {}: .*`dvc repro encode_texts`"
    with pytest.raises(InputError, match=said.format("exact", "fast")):
        open_store(folder, model_id(small_clip))
    write_store(tmp_path, small_clip, TEXTS)
    with pytest.raises(InputError, match=said.format("fast", "exact")):
        open_store(tmp_path, model_id(exact_clip))


def test_no_texts(small_clip, tmp_path):
    with pytest.raises(InputError, match="no text"):
        write_store(tmp_path, small_clip, [])


def test_rows_of_texts_by_name(folder):
    store = open_store(folder)
    assert store.rows(TEXTS[2:0:-1]).tolist() == [store.index[TEXTS[2]], store.index[TEXTS[1]]]
    with pytest.raises(InputError, match="'a photo of a zebra' is not in the feature store"):
        store.rows([TEXTS[0], "a photo of a zebra"])
