"""Answers kept as they come: a run stopped anywhere asks only what is open and ends in the same bytes."""

import pytest

from lexiclip.captions.asking import sets_to_ask, write_answers
from lexiclip.captions.llm import Backend
from lexiclip.errors import InputError
from lexiclip.files import read_jsonl

# Prompts of different lengths: they are asked in order of length and written in the order given.
ASKS = [({"names": [text]}, text * (1 + number % 4)) for number, text in enumerate("abcdefghijk")]


class Killed(BaseException):
    pass


def backend(asked, size=3, stop_after=None, error=Killed, backwards=False, identity="m"):
    """A model whose answer tells its prompt, its place in the batch and the batch's seed."""

    def answer(batches, keep):
        places = list(enumerate(batches))
        for done, (position, batch) in enumerate(reversed(places) if backwards else places):
            if done == stop_after:
                raise error("the server died")
            asked.extend(batch.prompts)
            keep(position, [f"{text} {i} {batch.seed} é\n" for i, text in enumerate(batch.prompts)])

    return Backend(answer, size, identity)


def whole(tmp_path, **options):
    path = tmp_path / "whole.jsonl"
    write_answers(ASKS, backend([], **options), path, seed=7)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("per_set", "per_class", "only", "asked"),
    [
        (2, 1, None, ["ab", "ab", "bc", "bc", "a", "b", "c"]),
        # The challenge set: each set ∩ the challenge classes, if not empty, each once.
        (1, 1, ["b", "d"], ["b", "b"]),
        (1, 0, ["a", "c"], ["a", "c"]),
    ],
)
def test_what_is_asked_of_each_set_and_class(per_set, per_class, only, asked):
    found = sets_to_ask([["a", "b"], ["b", "c"]], ["a", "b", "c"], per_set, per_class, only)
    assert found == [list(members) for members in asked]


def test_rows_in_the_order_asked_batches_of_similar_length_with_their_own_seeds(tmp_path):
    path, asked = tmp_path / "a.jsonl", []
    write_answers(ASKS, backend(asked), path, seed=7)
    rows = read_jsonl(path)
    assert [row["names"] for row in rows] == [about["names"] for about, _ in ASKS]
    assert all(row["answer"].startswith(prompt + " ") for row, (_, prompt) in zip(rows, ASKS, strict=True))
    assert [len(prompt) for prompt in asked] == sorted(len(prompt) for _, prompt in ASKS)
    assert {row["answer"].split()[2] for row in rows} == {"7", "10", "13", "16"}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("stop_after", range(4))
@pytest.mark.parametrize("backwards", [False, True])
def test_a_killed_run_asks_nothing_twice_and_ends_in_the_same_bytes(tmp_path, stop_after, backwards):
    path, asked = tmp_path / "a.jsonl", []
    with pytest.raises(Killed):
        write_answers(ASKS, backend(asked, stop_after=stop_after, backwards=backwards), path, seed=7)
    assert not path.exists()
    write_answers(ASKS, backend(asked), path, seed=7)
    assert sorted(asked) == sorted(prompt for _, prompt in ASKS)
    assert path.read_bytes() == whole(tmp_path)


def test_a_run_cut_at_any_byte_ends_in_the_same_bytes(tmp_path):
    path, partial = tmp_path / "a.jsonl", tmp_path / "a.jsonl.partial"
    with pytest.raises(Killed):
        write_answers(ASKS, backend([], stop_after=3), path, seed=7)
    content = partial.read_bytes()
    for cut in range(0, len(content), 7):
        partial.write_bytes(content[:cut])
        write_answers(ASKS, backend([]), path, seed=7)
        assert path.read_bytes() == whole(tmp_path)


@pytest.mark.parametrize("other", [{"identity": "another model"}, {"size": 2}])
def test_answers_to_other_questions_are_not_taken_over(tmp_path, other):
    path, asked = tmp_path / "a.jsonl", []
    with pytest.raises(Killed):
        write_answers(ASKS, backend([], stop_after=2), path, seed=7)
    write_answers(ASKS, backend(asked, **other), path, seed=7)
    assert len(asked) == len(ASKS) and path.read_bytes() == whole(tmp_path, **other)


def test_a_model_that_fails_costs_one_line_and_no_answer(tmp_path):
    path, asked = tmp_path / "a.jsonl", []
    with pytest.raises(InputError, match="the server died; 6 of 11 answers are kept, run again to go on"):
        write_answers(ASKS, backend(asked, stop_after=2, error=InputError), path, seed=7)
    write_answers(ASKS, backend(asked), path, seed=7)
    assert len(asked) == len(ASKS)


@pytest.mark.parametrize(
    "damage", ["[1, [", "[1]", '[1, ["x"]]', '[9, ["x", "x", "x"]]', '[1, ["x", "x", 3]]']
)
def test_a_damaged_line_is_asked_again(tmp_path, damage):
    path, asked = tmp_path / "a.jsonl", []
    with pytest.raises(Killed):
        write_answers(ASKS, backend([], stop_after=3), path, seed=7)
    partial = tmp_path / "a.jsonl.partial"
    first, *lines = partial.read_text().splitlines()
    partial.write_text("\n".join([first, lines[0], damage, lines[2], ""]))
    write_answers(ASKS, backend(asked), path, seed=7)
    assert len(asked) == 3 + 2 and path.read_bytes() == whole(tmp_path)
