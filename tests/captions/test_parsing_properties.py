"""Parsing of any answer: what comes out was in it, and a numbered list comes back as it was."""

from hypothesis import given
from hypothesis import strategies as st

from lexiclip.captions.parsing import parse_answer

PIECES = ["1. ", "2) ", "(3) ", "10.", "Sure, here:", "Image 2: ", "scene: ", "- ", "**", '"', "\u201c", "'",
          "\n", "\u2028", "\r\n", "\t", " ", "  ", "A dog", "a cat.", "3:00", "\u56fd", "\x07"]  # fmt: skip
ANSWER = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=25).map("".join)
WORDS = ["dog", "cat", "table", "runs", "sits", "red", "beside", "old", "park"]
SENTENCE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(lambda words: f"A {' '.join(words)}.")


@given(ANSWER)
def test_every_caption_is_in_the_answer(answer):
    bare = " ".join(answer.split())
    for caption in parse_answer(answer):
        assert caption and caption in bare and caption == " ".join(caption.split())


@given(st.lists(SENTENCE, min_size=1, max_size=12), st.sampled_from(["\n", " ", "\n\n", "\r\n"]))
def test_a_numbered_list_comes_back_as_it_was(sentences, between):
    for marker in ("{}. ", "{}) ", "({}) "):
        numbered = [marker.format(number) + text for number, text in enumerate(sentences, start=1)]
        assert parse_answer(between.join(numbered)) == sentences


@given(
    st.lists(SENTENCE, max_size=5), st.sampled_from(["Sure, here are some:", "Okay!", "I hope this helps."])
)
def test_lead_ins_add_nothing(sentences, lead_in):
    assert parse_answer("\n".join([lead_in, *sentences, lead_in])) == sentences
