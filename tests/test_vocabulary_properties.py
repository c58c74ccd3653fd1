"""Labels of any text against an obvious matcher; case and punctuation around a phrase change nothing."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lexiclip.vocabulary import Vocabulary, load_vocabulary

COCO = load_vocabulary(Path(__file__).resolve().parents[1] / "src/lexiclip/vocabularies/coco80.yaml")
WORD = st.sampled_from(["hot", "dog", "cat", "fish", "a", "red"])
PHRASE = st.lists(WORD, min_size=1, max_size=3).map(" ".join)
OUR_PHRASE = st.sampled_from(sorted(set(COCO.phrases) - COCO.adjectives))


@st.composite
def vocabularies(draw):
    phrases = draw(st.lists(PHRASE, min_size=1, max_size=8, unique=True))
    names = tuple(draw(st.permutations(["one", "two", "three"])))
    return Vocabulary(names, {phrase: draw(st.sampled_from([*names, None])) for phrase in phrases})


def slow_labels(vocabulary, words):
    """The longest phrase that starts here, or the next word."""
    if not words:
        return set()
    for length in range(len(words), 0, -1):
        if " ".join(words[:length]) in vocabulary.phrases:
            found = vocabulary.phrases[" ".join(words[:length])]
            return {found} | slow_labels(vocabulary, words[length:])
    return slow_labels(vocabulary, words[1:])


@given(vocabularies(), st.lists(WORD, max_size=12))
def test_the_longest_match_is_taken_and_consumed(vocabulary, words):
    labels = vocabulary.labels(" ".join(words))
    assert set(labels) == slow_labels(vocabulary, words) - {None}
    assert labels == sorted(labels, key=vocabulary.names.index) and len(labels) == len(set(labels))


@given(st.lists(OUR_PHRASE, min_size=1, max_size=4), st.sampled_from([", ", ". ", "; ", " (", '" "', " & "]))
def test_phrases_apart_are_labelled_each_for_itself(phrases, between):
    expected = COCO.in_order(COCO.phrases[phrase] for phrase in phrases)
    text = between.join(phrases)
    assert COCO.labels(text) == expected
    assert COCO.labels(text.upper()) == COCO.labels(text.title()) == expected
