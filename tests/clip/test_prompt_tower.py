"""Prompts with a shared beginning against open_clip's pass over every whole prompt, gradients too."""

import torch
import torch.nn.functional as F

from lexiclip.clip.prompt_tower import encode_class_prompts


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


def test_equals_whole_prompts_and_their_gradients(small_clip):
    generator = torch.Generator().manual_seed(0)
    beginnings, endings = (torch.randn(*shape, 32, generator=generator) for shape in ((3, 5), (4, 6)))
    eos = torch.tensor([5, 2, 0, 3])
    aim = torch.randn(3, 4, 24, generator=generator)
    gradients = []
    for encode in (encode_class_prompts, plain_features):
        beginnings.requires_grad_(), endings.requires_grad_()
        features = encode(small_clip, beginnings, endings, eos)
        gradients.append([features, *torch.autograd.grad((features * aim).sum(), [beginnings, endings])])
    for fast, plain in zip(*gradients, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-3, atol=1e-4)
