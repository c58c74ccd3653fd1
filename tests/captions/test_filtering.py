"""Answers into labelled captions: what each rule and judge takes away, counted on a case worked by hand."""

import pytest

from lexiclip.captions.filtering import RULES, describe, drop_rejected, filter_answers, read_answers
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


def filtered(answers=ANSWERS, needs_asked=False, adds_asked=False):
    return filter_answers(answers, WORDS, "multi", needs_asked=needs_asked, adds_asked=adds_asked)


def test_what_each_rule_leaves():
    captions, counts = filtered()
    assert captions == [
        {"text": "A dog and a cat.", "labels": ["dog", "cat"], "source": "multi", "names": ["dog", "cat"]},
        {"text": "A dog sits alone.", "labels": ["dog"], "source": "multi", "names": ["dog", "cat"]},
    ]
    assert (counts["asked"], counts["answered"], counts["parsed"]) == (5, 4, 10)
    left = {
        "cjk": 8,
        "control": 7,
        "short": 6,
        "long": 5,
        "no_class": 3,
        "asked_class_missing": 3,
        "duplicate": 2,
    }
    assert counts["left_after"] == left
    assert tuple(left) == RULES


def test_a_caption_must_name_what_it_was_asked_for():
    captions, counts = filtered(needs_asked=True)
    assert [caption["text"] for caption in captions] == ["A dog and a cat."]
    assert counts["left_after"]["asked_class_missing"] == 2


def test_a_caption_may_carry_what_it_was_asked_for():
    captions, _ = filtered([{"names": ["cup", "dog"], "answer": "A cat sleeps."}], adds_asked=True)
    assert captions[0]["labels"] == ["dog", "cat", "cup"]


def test_a_caption_in_the_wild_was_asked_for_what_it_names():
    captions, _ = filtered([{"names": [], "answer": "A cat and a cup."}])
    assert captions[0]["names"] == captions[0]["labels"] == ["cat", "cup"]


def test_an_answer_of_100_kb_is_one_caption_too_long():
    line = "1. A dog runs and runs, " * 4000
    captions, counts = filtered([{"names": ["dog"], "answer": line.replace("1. ", "")}])
    assert captions == [] and counts["left_after"]["long"] == 0 and counts["parsed"] == 1
    captions, counts = filtered([{"names": ["dog"], "answer": "\n".join(line.split(", "))}])
    assert [caption["text"] for caption in captions] == ["A dog runs and runs"]


def test_judges_take_away_in_turn():
    captions = [{"text": text} for text in ("a", "b", "c")]
    verdicts = [
        {"judge": judge, "text": text, "answer": answer}
        for judge, text, answer in [
            ("filter", "a", "False"),
            ("filter", "b", "True"),
            ("filter", "c", "True"),
            ("check", "a", "True"),
            ("check", "b", "False"),
            ("check", "c", "True"),
        ]
    ]
    kept, left = drop_rejected(captions, verdicts, ["filter", "check"])
    assert kept == [{"text": "c"}] and left == {"judge_filter": 2, "judge_check": 1}
    assert drop_rejected(captions, verdicts, []) == (captions, {})


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
    ("content", "said"),
    [
        ('{"names": ["dog"], "answer": "A dog."}\n{"names": ["dog"', "line 2: not JSON"),
        ('{"names": ["dog"], "answer": "A dog."}\n{"names": ["dog"]}', "row 2: expected"),
        ('{"names": "dog", "answer": "A dog."}', "row 1: expected"),
        ('{"names": [], "answer": null}', "row 1: expected"),
        ('{"names": [["dog"]], "answer": "A dog."}', "row 1: expected"),
        ("[1]", "line 1: expected a JSON object"),
    ],
)
def test_a_malformed_answers_file_is_told_with_its_row(tmp_path, content, said):
    path = tmp_path / "multi.answers.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match="answers") as error:
        read_answers(path)
    assert said in str(error.value) and "\n" not in str(error.value)
