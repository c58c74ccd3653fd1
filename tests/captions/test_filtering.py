"""Answers into labelled captions: what each rule takes away, counted on a case worked by hand."""

import pytest

from lexiclip.captions.filtering import RULES, describe, dropped, filter_answers, read_answers
from lexiclip.errors import InputError
from lexiclip.vocabulary import Vocabulary

WORDS = Vocabulary(("dog", "cat", "cup"), {"dog": "dog", "cat": "cat", "cup": "cup", "hot dog": None})
ANSWERS = [
    {"names": ["dog", "cat"], "answer": "Sure, here are two:\n1. A dog and a cat.\n2. A dog sits alone."},
    {
        "names": ["dog"],
        "answer": "1. a DOG and a cat.\n2. A dog in 国.\n3. A dog\x07 runs.\n4. Dog\n5. A tree grows.",
    },
    {"names": ["dog"], "answer": "A dog " + "x" * 150 + ".\nA hot dog lies here."},
    {"names": ["cup"], "answer": ""},
    {"names": ["cup"], "answer": "一只杯子在桌子上。"},
]


def filtered(answers=ANSWERS, needs_asked=False, adds_asked=False, max_characters=149):
    asked = {"needs_asked": needs_asked, "adds_asked": adds_asked}
    return filter_answers(answers, WORDS, "multi", max_characters=max_characters, **asked)


def test_what_each_rule_leaves():
    captions, counts = filtered()
    assert captions == [
        {"text": "A dog and a cat.", "labels": ["dog", "cat"], "source": "multi", "names": ["dog", "cat"]},
        {"text": "A dog sits alone.", "labels": ["dog"], "source": "multi", "names": ["dog", "cat"]},
    ]
    assert counts == {
        "asked": 5, "answered": 4, "parsed": 10,
        "left_after": dict(zip(RULES, (8, 7, 6, 5, 3, 3, 2), strict=True)),
    }  # fmt: skip
    assert dropped(counts) == dict(zip(RULES, (2, 1, 1, 1, 2, 0, 1), strict=True))
    captions, counts = filtered(needs_asked=True)
    assert [caption["text"] for caption in captions] == ["A dog and a cat."]
    assert counts["left_after"]["asked_class_missing"] == 2


@pytest.mark.parametrize(
    ("asked", "answer", "adds_asked", "labels", "names"),
    [
        (["cup", "dog"], "A cat sleeps.", True, ["dog", "cat", "cup"], ["cup", "dog"]),
        (["cup", "dog"], "A cat sleeps.", False, ["cat"], ["cup", "dog"]),
        ([], "A cat and a cup.", False, ["cat", "cup"], ["cat", "cup"]),  # written by a human
    ],
)
def test_labels_and_the_classes_asked_for(asked, answer, adds_asked, labels, names):
    captions, _ = filtered([{"names": asked, "answer": answer}], adds_asked=adds_asked)
    assert (captions[0]["labels"], captions[0]["names"]) == (labels, names)


def test_describe_counts_classes_and_lengths():
    captions = [{"text": "x" * 10, "labels": ["dog", "cat"]}, {"text": "x" * 20, "labels": ["dog"]}]
    assert describe(captions, WORDS.names) == {
        "kept": 2,
        "characters": {"mean": 15.0, "median": 15.0, "longest": 20},
        "classes_per_caption": 1.5,
        "fewest_per_class": 0,
        "per_class": {"dog": 2, "cat": 1, "cup": 0},
    }
    assert describe([], WORDS.names)["kept"] == 0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"names": ["dog"', "line 2: not JSON"),
        ('{"names": ["dog"]}', "row 2: answer: field required"),
        ('{"names": "dog", "answer": "A dog."}', "row 2: names: input should be a valid list (got 'dog')"),
        ('{"names": [], "answer": null}', "row 2: answer: input should be a valid string (got None)"),
        ('{"names": [["dog"]], "answer": "A dog."}', "row 2: names.0: input should be a valid string"),
        ("[1]", "line 2: expected an object, {…}, got [1]"),
    ],
)
def test_a_malformed_answers_file_is_told_with_its_row(tmp_path, row, said):
    path = tmp_path / "multi.answers.jsonl"
    path.write_text('{"names": ["dog"], "answer": "A dog."}\n' + row)
    with pytest.raises(InputError) as error:
        read_answers(path)
    assert str(error.value).startswith(f"{path}, {said}")
