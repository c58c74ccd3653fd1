"""Parsing and labels against answers of a real ChatGLM-6B read one by one (only hashes are kept)."""

import hashlib
import json
from pathlib import Path

import pytest
from tests.conftest import ROOT

from lexiclip.captions import parsing
from lexiclip.captions.parsing import parse_answer
from lexiclip.captions.readers import read_captions
from lexiclip.vocabulary import load_vocabulary

HAND_CHECKED, BLIND = (
    json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("hand_checked", "hand_checked_blind")
)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:10]


@pytest.fixture(scope="module")
def lines(shared):
    """Every line of every file."""
    lines = [text for path in sorted(shared.glob("chatglm/*")) for text in read_captions(path)]
    known = set(HAND_CHECKED["lead_ins"].split())
    if not known & {digest(" ".join(line.split())) for line in lines}:
        pytest.skip(f"none of the answers that were read is under {shared}")
    return lines


def test_sentences_are_parsed_whole_and_lead_ins_fall_away(lines, monkeypatch):
    monkeypatch.setattr(parsing, "ASCII", {})  # checked as they came, with full-width punctuation
    parsed = {digest(caption) for line in lines for caption in parse_answer(line)}
    sentences, lead_ins = (set(HAND_CHECKED[key].split()) for key in ("sentences", "lead_ins"))
    assert len(sentences & parsed) >= 0.99 * len(sentences)
    assert not lead_ins & parsed


@pytest.mark.parametrize("labels", [HAND_CHECKED["labels"], BLIND["labels"]], ids=["fitted", "blind"])
def test_labels_are_right(lines, labels):
    vocabulary = load_vocabulary(ROOT / "src/lexiclip/vocabularies/coco80.yaml")
    captions = {digest(caption): caption for line in lines for caption in parse_answer(line)}
    right = wrong = missed = 0
    for key, numbers in labels.items():
        expected = {vocabulary.names[int(number)] for number in numbers.split()}
        found = set(vocabulary.labels(captions[key]))
        right, wrong = right + len(found & expected), wrong + len(found - expected)
        missed += len(expected - found)
    assert right / (right + wrong) >= 0.98 and right / (right + missed) >= 0.98
