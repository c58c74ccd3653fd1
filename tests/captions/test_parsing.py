"""Answers of language models, as messy as they come, split into captions; the rules a caption must pass."""

import pytest

from lexiclip.captions.parsing import broken_rule, parse_answer


@pytest.mark.parametrize(
    ("answer", "captions"),
    [
        ("1. A dog runs 2. A cat sits", ["A dog runs", "A cat sits"]),
        ("9. A dog\n10. A cat 11. A cow", ["A dog", "A cat", "A cow"]),
        ("1.A dog\n2)A cat\n(3) A cow", ["A dog", "A cat", "A cow"]),
        ("Sure, here are five sentences:\n\n1.  A dog\n", ["A dog"]),
        ("Sure! 1. A dog. 2. A cat.", ["A dog.", "A cat."]),
        ("Sure, I'd be happy to help with dogs!\n1. A dog", ["A dog"]),
        ("1. A dog\nI hope these descriptions help!", ["A dog"]),
        ("Images with a dog and a cat:\nA dog", ["A dog"]),
        ('1. "A dog."\n2. \u201cA cat.\u201d', ["A dog.", "A cat."]),
        ('"A dog', ["A dog"]),
        ('A dog"', ["A dog"]),
        ('A sign reads "No dogs"', ['A sign reads "No dogs"']),
        ('"Stop" and "go" on signs', ['"Stop" and "go" on signs']),
        ("- A dog\n* A cat\n\u2022 A cow\n3. **A pig**", ["A dog", "A cat", "A cow", "A pig"]),
        ("Image 1: A dog\nCaption: A cat", ["A dog", "A cat"]),
        ("1. The dog in the picture: it runs", ["The dog in the picture: it runs"]),
        ("1. A table for 6. The room is empty.", ["A table for 6. The room is empty."]),
        ("1. A clock reads 3:00 PM and costs $2.50.", ["A clock reads 3:00 PM and costs $2.50."]),
        ("A man in his 50s. He waits.", ["A man in his 50s. He waits."]),
        ("1. A  dog\tand a cat\r\n2. \r\n", ["A dog and a cat"]),
        ("<think>\nA dog, I think.\n</think>\n\n1. A dog", ["A dog"]),
        ("A dog, I think.</think>1. A dog", ["A dog"]),  # the template had opened it
        ("<think>\nA dog, I think.", []),  # cut off in its thoughts
        ("+ A dog\n+ A cat", ["A dog", "A cat"]),
        ("a) A dog\n(b) A cat", ["A dog", "A cat"]),
        ("[1] A dog\n[2] A cat", ["A dog", "A cat"]),
        ("1 - A dog\n2: A cat\n3\u3001A cow", ["A dog", "A cat", "A cow"]),
        ("**Image 1:** A dog\n**Park**: A cat", ["A dog", "A cat"]),
        ('["A dog.", "A cat."]', ["A dog.", "A cat."]),
        ("A dog\uff0c a cat\u3002", ["A dog, a cat."]),
        ("a dog and a cat", ["a dog and a cat"]),
        ("", []),
        ("\n \n1.\n", []),
    ],
)
def test_parse_answer(answer, captions):
    assert parse_answer(answer) == captions


@pytest.mark.parametrize(
    ("caption", "rule"),
    [
        ("A dog runs.", None),
        ("A dog in \u56fd", "cjk"),
        ("A dog\uff0c a cat", "cjk"),
        ("A dog in \u30c8", "cjk"),
        ("A caf\u00e9 dog", None),
        ("A dog\x07 runs", "control"),
        ("A dog\ufffd runs", "control"),
        ("A dog", "short"),
        ("A dog.", None),
        ("A" * 149, None),
        ("A" * 150, "long"),
    ],
)
def test_broken_rule(caption, rule):
    assert broken_rule(caption, 149) == rule
