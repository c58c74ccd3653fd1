"""What is asked about captions and class sets, how a verdict is read, what it takes away."""

import pytest

from lexiclip.captions.judging import caption_questions, drop_rejected, says_true, set_questions

INSTRUCTIONS = {
    "kind": "chat",
    "filter": "Good? {caption}",
    "check": "{caption}: {names}?",
    "share_scene": "{names}?",
}
CAPTIONS = [{"text": "A dog {sits}.", "names": ["dog", "cup", "car"]}, {"text": "A cat.", "names": ["cat"]}]


def test_each_judge_is_asked_about_each_caption():
    asks = caption_questions(CAPTIONS, ["filter", "check"], INSTRUCTIONS)
    assert [prompt for _, prompt in asks] == [
        "Good? A dog {sits}.",
        "Good? A cat.",
        "A dog {sits}.: dog, cup and car?",
        "A cat.: cat?",
    ]
    assert asks[3][0] == {"judge": "check", "text": "A cat.", "names": ["cat"]}
    assert caption_questions(CAPTIONS, [], INSTRUCTIONS) == []


def test_each_class_set_is_asked_about():
    assert set_questions([["dog", "cup"]], INSTRUCTIONS) == [
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


def test_a_verdict_is_what_follows_the_thoughts():
    assert says_true("<think>It may be False.</think> True") and not says_true("<think>True, I would say")


def test_judges_take_away_in_turn():
    captions = [{"text": text} for text in "abc"]
    verdicts = [
        {"judge": judge, "text": text, "answer": answer}
        for judge, answers in {
            "filter": ("False", "True", "True"),
            "check": ("True", "I cannot say", "True"),
        }.items()
        for text, answer in zip("abc", answers, strict=True)
    ]
    kept, left = drop_rejected(captions, verdicts, ["filter", "check"])
    assert kept == [{"text": "c"}] and left == {"judge_filter": 2, "judge_check": 1}
    assert drop_rejected(captions, verdicts, []) == (captions, {})
