"""The text tower cut at EOS against all 77 positions, one text at a time."""

import pytest
import torch
import torch.nn.functional as F

from lexiclip.clip.loading import tokenize
from lexiclip.clip.text_tower import embed_tokens, encode_prompts, encode_texts
from lexiclip.errors import InputError

TEXTS = ["a dog", "A kitchen with a microwave, refrigerator, and sink.", "", "tram " * 100]


def plain_features(clip, text):
    """Every position of one text, none cut, by open_clip's forward pass; and the position of EOS."""
    tokens = tokenize([text])
    x = clip.token_embedding(tokens) + clip.positional_embedding
    x = clip.ln_final(clip.transformer(x, attn_mask=clip.attn_mask)) @ clip.text_projection
    return F.normalize(x[0], dim=-1), int(tokens.argmax())


def test_cutting_changes_nothing(small_clip):
    for chosen in (TEXTS[:3], TEXTS):
        features = encode_texts(small_clip, tokenize(chosen))
        for row, text in enumerate(chosen):
            local, eos = plain_features(small_clip, text)
            assert features.lengths[row] == eos + 1
            torch.testing.assert_close(features.local[row, : eos + 1], local[: eos + 1], rtol=1e-4, atol=1e-5)
        assert features.local.shape[1] == int(features.lengths.max())
        expected = small_clip.encode_text(tokenize(chosen), normalize=True)
        torch.testing.assert_close(features.global_, expected, rtol=1e-4, atol=1e-5)


def test_embeddings_of_tokens_are_the_text(small_clip):
    tokens = tokenize(TEXTS[:3])
    embeddings = embed_tokens(small_clip, tokens).requires_grad_()
    prompts = encode_prompts(small_clip, embeddings, tokens.argmax(dim=-1))
    torch.testing.assert_close(prompts, encode_texts(small_clip, tokens).global_, rtol=1e-4, atol=1e-5)
    (gradient,) = torch.autograd.grad(prompts[:, 0].sum(), embeddings)
    assert gradient[0, :4].abs().amin(dim=-1).min() > 0 and gradient[0, 4:].abs().sum() == 0  # EOS is at 3


def test_a_tower_that_reads_both_ways_sees_all_77_positions(two_way_clip):
    tokens = tokenize(TEXTS)
    features = encode_texts(two_way_clip, tokens)
    expected = two_way_clip.encode_text(tokens, normalize=True)
    torch.testing.assert_close(features.global_, expected, rtol=1e-4, atol=1e-5)
    assert features.local.shape[1] == 77 and features.lengths.tolist() == (tokens.argmax(-1) + 1).tolist()
    prompts = encode_prompts(two_way_clip, embed_tokens(two_way_clip, tokens[:3]), tokens[:3].argmax(dim=-1))
    torch.testing.assert_close(prompts, expected[:3], rtol=1e-4, atol=1e-5)


def test_a_tower_without_embeddings_is_refused():
    with pytest.raises(InputError, match="Linear takes no prompt embeddings"):
        encode_texts(torch.nn.Linear(1, 1), tokenize(["a dog"]))
