"""Asking for combinations: random class names in a question, class sets in the lines of an answer."""

from lexiclip.captions.combinations import proposal_questions, sets_in_answers
from lexiclip.vocabulary import Vocabulary

WORDS = Vocabulary(
    ("person", "dog", "cup", "car"),
    {"person": "person", "man": "person", "dog": "dog", "cup": "cup", "car": "car"},
)


def test_a_question_names_distinct_classes_at_random():
    names = [f"class {k}" for k in range(30)]
    questions = proposal_questions(names, count=50, size=10, seed=1)
    assert len(questions) == 50 and all(len(set(asked)) == 10 for asked in questions)
    assert {name for asked in questions for name in asked} == set(names)
    assert questions == proposal_questions(names, count=50, size=10, seed=1)
    assert questions != proposal_questions(names, count=50, size=10, seed=2)
    assert sorted(proposal_questions(names[:4], count=1, size=10, seed=1)[0]) == names[:4]


def test_each_line_that_names_two_classes_is_a_set():
    answers = [
        "Sure, here are the combinations of man, dog, cup and car:\n1. Dog and man\n2. A cup on its own",
        "1. man, dog 2. a car and a dog\n- cup + car",
        "None of these.",
        "",
    ]
    assert sets_in_answers(answers, WORDS) == [["person", "dog"], ["dog", "car"], ["cup", "car"]]
