"""Vectors that are kept, by the names that are made anew."""

import pytest
import torch

from lexiclip.vector_cache import cache_folder, cached_vectors


@pytest.fixture
def vectors(tmp_path, monkeypatch):
    """vectors(run, *names): the table, and the names that had to be made for it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def vectors(run, *names):
        made = []

        def make(new):
            made.extend(new)
            return torch.tensor([[len(run), ord(name[0])] for name in new], dtype=torch.float32)

        return cached_vectors(run, names, make).tolist(), made

    return vectors


def test_only_new_names_are_made(vectors):
    assert vectors("a", "cat", "dog") == ([[1, 99], [1, 100]], ["cat", "dog"])
    assert vectors("a", "dog", "tram", "cat") == ([[1, 100], [1, 116], [1, 99]], ["tram"])
    assert vectors("a", "tram") == ([[1, 116]], [])


def test_another_clip_has_others(vectors):
    vectors("a", "cat")
    assert vectors("bb", "cat") == ([[2, 99]], ["cat"])
    assert vectors("a", "cat") == ([[1, 99]], [])


def test_what_is_damaged_is_made_again(vectors):
    vectors("a", "cat")
    (path,) = cache_folder().iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    assert vectors("a", "cat")[1] == ["cat"]
    assert vectors("a", "cat")[1] == []


def test_a_folder_that_cannot_be_written_is_no_error(vectors, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert vectors("a", "cat") == vectors("a", "cat") == ([[1, 99]], ["cat"])
