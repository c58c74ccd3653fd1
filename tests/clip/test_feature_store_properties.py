"""The ragged store with texts in any order and number, against each text alone."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lexiclip.clip.feature_store import Store, open_store, write_store
from lexiclip.clip.loading import tokenize
from lexiclip.clip.text_tower import encode_texts

FLOAT32 = torch.empty(0)
TEXTS = st.lists(
    st.one_of(st.sampled_from(["", "a cat", "a cat.", "A CAT"]), st.text(max_size=12)), min_size=1, max_size=6
)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.data())
def test_a_batch_of_any_rows_is_each_row_alone(lengths, data):
    offsets = np.cumsum([0, *lengths])
    features = np.random.default_rng(offsets[-1]).normal(size=(offsets[-1], 3)).astype(np.float16)
    store = Store({}, features, offsets, "")
    rows = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=12))
    batch = store.batch(rows, FLOAT32)
    assert batch.mask.sum(1).tolist() == [lengths[row] for row in rows]
    assert batch.local.shape == (len(rows), max(lengths[row] for row in rows), 3)
    for row, global_, local, mask in zip(rows, *batch, strict=True):
        own = torch.from_numpy(features[offsets[row] : offsets[row + 1]]).float()
        assert torch.equal(local[mask], own) and torch.equal(global_, own[-1])
        assert mask.tolist() == sorted(mask.tolist(), reverse=True) and not local[~mask].any()
    assert torch.equal(store.global_features(rows, FLOAT32), batch.global_)


@settings(max_examples=6)
@given(TEXTS, st.randoms(use_true_random=False), st.integers(1, 200))
def test_every_text_has_its_features_whatever_the_order(small_clip, tmp_path_factory, texts, random, size):
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, small_clip, texts, batch_tokens=size)
    store = open_store(folder)
    assert sorted(store.index) == sorted(set(texts))
    asked = random.sample(texts, len(texts))
    found = store.batch(store.rows(asked), FLOAT32)
    for row, text in enumerate(asked):
        alone = encode_texts(small_clip, tokenize([text]))
        assert int(found.mask[row].sum()) == int(alone.lengths)
        torch.testing.assert_close(found.local[row, found.mask[row]], alone.local[0], rtol=1e-3, atol=5e-4)
        torch.testing.assert_close(found.global_[row], alone.global_[0], rtol=1e-3, atol=5e-4)
