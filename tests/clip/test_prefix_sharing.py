"""Prompts with a shared beginning against open_clip's pass over every whole prompt, gradients too."""

import torch
import torch.nn.functional as F

from lexiclip.clip.loading import tokenize
from lexiclip.clip.prefix_sharing import encode_class_prompts
from lexiclip.clip.text_tower import embed_tokens, encode_texts


def plain_features(clip, beginnings, endings, eos):
    """Each prompt put together and run alone, padded to no length."""
    rows = []
    for beginning in beginnings:
        for ending, last in zip(endings, eos.tolist(), strict=True):
            x = torch.cat([beginning, ending[: last + 1]])[None]
            length = x.shape[1]
            x = clip.transformer(
                x + clip.positional_embedding[:length], attn_mask=clip.attn_mask[:length, :length]
            )
            rows.append(F.normalize(clip.ln_final(x)[0, -1] @ clip.text_projection, dim=-1))
    return torch.stack(rows).unflatten(0, (len(beginnings), len(endings)))


def test_equals_whole_prompts_and_their_gradients(exact_clip):
    options = {"generator": torch.Generator().manual_seed(0), "dtype": torch.float64}
    beginnings, endings = (torch.randn(*shape, 32, **options) for shape in ((3, 5), (4, 6)))
    eos = torch.tensor([5, 2, 0, 3])
    aim = torch.randn(3, 4, 24, **options)
    gradients = []
    for encode in (encode_class_prompts, plain_features):
        beginnings.requires_grad_(), endings.requires_grad_()
        features = encode(exact_clip, beginnings, endings, eos)
        gradients.append([features, *torch.autograd.grad((features * aim).sum(), [beginnings, endings])])
    for fast, plain in zip(*gradients, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-10, atol=1e-12)


def test_a_tower_that_reads_both_ways_gives_the_features_of_the_texts(two_way_clip):
    texts = tokenize(["a photo of a dog.", "a photo of a very small hair drier."])
    beginnings = torch.stack([embed_tokens(two_way_clip, texts[0, :4]), torch.zeros(4, 32)]).requires_grad_()
    eos = texts.argmax(dim=-1) - 4
    endings = embed_tokens(two_way_clip, texts[:, 4 : 5 + int(eos.max())])
    features = encode_class_prompts(two_way_clip, beginnings, endings, eos)
    assert features.shape == (2, 2, 24)
    torch.testing.assert_close(features[0], encode_texts(two_way_clip, texts).global_, rtol=1e-4, atol=1e-5)
    (gradient,) = torch.autograd.grad(features[1, 0, 0], beginnings)
    assert gradient[1].abs().sum() > 0 and gradient[0].abs().sum() == 0
