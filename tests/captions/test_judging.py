"""Who is asked what about captions and class sets, and how a verdict is read."""

import pytest

from lexiclip.captions.judging import caption_questions, rejected_texts, says_true, set_questions

PROMPTS = {
    "kind": "chat",
    "filter": "Good? {caption}",
    "check": "{caption}: {names}?",
    "share_scene": "{names}?",
}
CAPTIONS = [
    {"text": "A dog {sits}.", "names": ["dog", "cup", "car"]},
    {"text": "A cat.", "names": ["cat"]},
]


def test_each_judge_is_asked_about_each_caption():
    asks = caption_questions(CAPTIONS, ["filter", "check"], PROMPTS)
    assert [prompt for _, prompt in asks] == [
        "Good? A dog {sits}.",
        "Good? A cat.",
        "A dog {sits}.: dog, cup and car?",
        "A cat.: cat?",
    ]
    assert asks[3][0] == {"judge": "check", "text": "A cat.", "names": ["cat"]}
    assert caption_questions(CAPTIONS, [], PROMPTS) == []


def test_each_class_set_is_asked_about():
    assert set_questions([["dog", "cup"]], PROMPTS) == [
        ({"judge": "share_scene", "names": ["dog", "cup"]}, "dog and cup?")
    ]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("True", True),
        ("'True'. It is realistic.", True),
        ("False", False),
        ("True, though parts are False", False),
        ("true", False),  # the reference asks for 'True' and looks for just that
        ("", False),
        ("我认为是 True。", True),
    ],
)
def test_says_true(answer, verdict):
    assert says_true(answer) is verdict


def test_each_judge_rejects_for_itself():
    verdicts = [
        {"judge": "filter", "text": "A dog.", "answer": "True"},
        {"judge": "check", "text": "A dog.", "answer": "False"},
        {"judge": "filter", "text": "A cat.", "answer": "I cannot say"},
    ]
    assert rejected_texts(verdicts, "filter") == {"A cat."}
    assert rejected_texts(verdicts, "check") == {"A dog."}
