"""Train the mini CLIP on scenes of sprites and texts that name part of them (contrastive, as CLIP).

Scenes are drawn and rendered batch by batch on the training device. A cross-entropy between images and class
names helps at the start and fades to zero: kept on, it would turn the class names into classifiers, which
those of a real CLIP are not.
"""

import hashlib
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from tqdm import tqdm

from lexiclip.clip.loading import model_id
from lexiclip.clip.normalisation import normalise
from lexiclip.clip.text_tower import embed_tokens, encode_prompts
from lexiclip.devices import best_device, has_bf16
from lexiclip.mini.pretraining_checkpoint import load_checkpoint, save_checkpoint
from lexiclip.mini.pretraining_texts import PretrainingTexts
from lexiclip.mini.rendering import Layout, backgrounds, degrade, render, torch_draws
from lexiclip.mini.sprites import Sprites

UNNAMED = 4  # sprites in a scene that its text does not mention, at most
SAVE_EVERY = 200  # steps


def train_mini_clip(
    clip: torch.nn.Module,
    sprites: Sprites,
    texts: PretrainingTexts,
    class_tokens: torch.Tensor,
    *,
    steps: int,
    batch_size: int,
    lr: float,
    class_loss_share: float,
    seed: int,
    checkpoint: Path,
) -> list[dict]:
    """Train `clip` in place; returns {"step", "lr", "loss"} every 20 steps.

    The helper loss on the class names `class_tokens` (K, L) fades to zero over `class_loss_share` of the
    steps. A killed run resumes from `checkpoint`; another run's is overwritten.
    """
    settings = [steps, batch_size, lr, class_loss_share, seed, model_id(clip)]
    run = _run_id(settings, [*texts, class_tokens, sprites.pixels, sprites.labels])
    device = best_device()
    clip = clip.to(device, memory_format=torch.channels_last).train()
    # Scoring drops the positional embedding of the attention pool (METHOD §3): none is learnt.
    clip.visual.attnpool.positional_embedding.requires_grad_(False).zero_()
    sprites = sprites._replace(pixels=sprites.pixels.to(device), labels=sprites.labels.to(device))
    texts = PretrainingTexts(*(field.to(device) for field in texts))
    class_tokens = class_tokens.to(device)
    side = int(clip.visual.image_size)
    learnt = [parameter for parameter in clip.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr, betas=(0.9, 0.98), weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.1)
    first, history = load_checkpoint(checkpoint, clip, optimizer, schedule, run)
    bar = tqdm(range(first, steps), initial=first, total=steps, desc="pretrain", unit="step")
    for step in bar:
        # A generator of its own for each step: a resumed run sees the same scenes.
        generator = torch.Generator(device).manual_seed(seed * 1_000_003 + step)
        rows = torch.multinomial(texts.weight, batch_size, replacement=True, generator=generator)
        pixels, shown = training_scenes(sprites, texts.sprites[rows], side, generator)
        helper = helper_weight(step, steps, class_loss_share)
        with torch.autocast(device, torch.bfloat16, enabled=has_bf16(device)):
            pixels = normalise(clip.visual, 255 * pixels).contiguous(memory_format=torch.channels_last)
            images = clip.visual(pixels)
            # (B, L), with the class names behind it as long as they help
            tokens = torch.cat([texts.tokens[rows], class_tokens]) if helper else texts.tokens[rows]
            features = encode_prompts(clip, embed_tokens(clip, tokens), tokens.argmax(-1))
        images = F.normalize(images.float(), dim=-1)  # (B, D)
        captions, classes = features[:batch_size], features[batch_size:]  # (B, D), (K, D)
        scale = clip.logit_scale.exp()
        logits = scale * images @ captions.T  # (B, B)
        targets = torch.arange(batch_size, device=device)
        loss = (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2
        if helper:
            # (B, K); 0.3 lies between the cosines of what is present and what is absent
            class_logits = scale * (images @ classes.T - 0.3)
            loss = loss + 10 * helper * F.binary_cross_entropy_with_logits(class_logits, shown)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learnt, 1.0)
        rate = schedule.get_last_lr()[0]
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            clip.logit_scale.clamp_(max=4.6052)  # ln 100, as CLIP
        if (step + 1) % 20 == 0:
            history.append({"step": step + 1, "lr": round(rate, 8), "loss": round(loss.item(), 4)})
            bar.set_postfix(loss=history[-1]["loss"], scale=round(scale.item(), 1))
        if (step + 1) % SAVE_EVERY == 0:
            save_checkpoint(checkpoint, clip, optimizer, step + 1, history, run)
    return history


def helper_weight(step: int, steps: int, share: float) -> float:
    """The weight of the class loss: 1 at the first step, falling linearly to 0 at `share` of the steps."""
    return max(0.0, 1 - step / (share * steps))


def training_scenes(
    sprites: Sprites, choices: torch.Tensor, side: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scenes for texts that name things shown by the sprites `choices` (B, N, G), with others unnamed.

    Returns pixels (B, 3, side, side) in [0, 1] and the classes shown (B, K).
    """
    b, device, draws = len(choices), choices.device, torch_draws(generator)
    draw = torch.rand(choices.shape, generator=generator, device=device).masked_fill(choices < 0, -1)
    named = choices.gather(-1, draw.argmax(-1, keepdim=True))[..., 0]  # (B, N), -1 where fewer are named
    unnamed = torch.randint(len(sprites.things), (b, UNNAMED), generator=generator, device=device)
    present = draws.uniform((b, 1), 0, 1) ** 1.5 * (UNNAMED + 1)
    unnamed = unnamed.masked_fill(torch.arange(UNNAMED, device=device) >= present.floor(), -1)
    sprite = torch.cat([unnamed, named], 1)  # (B, M); what is named is painted last, on top
    m = sprite.shape[1]
    fullness = (sprite >= 0).sum(1, keepdim=True).float().sqrt()  # the more there is, the smaller each
    size = side / fullness * draws.uniform((b, m), 0.35, 1.0)
    centre = size[..., None] * 0.4 + (side - 0.8 * size[..., None]) * draws.uniform((b, m, 2), 0, 1)
    angle, mirrored = draws.uniform((b, m), -0.3, 0.3), draws.uniform((b, m), 0, 1) < 0.5
    layout = Layout(sprite, centre, size, angle, mirrored, draws.uniform((b, m, 3), 0.85, 1.15))
    pixels = degrade(render(sprites, layout, backgrounds(b, side, side, draws)), 0.05, draws)
    shown = (sprites.labels[sprite.clamp(min=0)] & (sprite >= 0)[..., None]).any(1)
    return pixels, shown.float()


def _run_id(settings: list, tensors: list[torch.Tensor]) -> str:
    """A hash of everything that the result depends on, except the device."""
    digest = hashlib.sha256(json.dumps(settings).encode())
    for tensor in tensors:
        digest.update(str(tuple(tensor.shape)).encode() + tensor.numpy().tobytes())
    return digest.hexdigest()
