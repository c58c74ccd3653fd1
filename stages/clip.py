"""Stage clip: the frozen CLIP of the study, trained here on scenes and captions or taken as it is."""

from pathlib import Path

from torch import nn

from lexiclip.clip.loading import build_clip, save_clip, tokenize
from lexiclip.errors import InputError, run_stage
from lexiclip.files import read_jsonl, write_csv
from lexiclip.mini.pretraining import train_mini_clip
from lexiclip.mini.pretraining_texts import pretraining_texts
from lexiclip.mini.sprites import load_sprites, never_shown
from lexiclip.params import Params, load_params
from lexiclip.vocabulary import load_vocabulary

CHECKPOINT = Path("models/clip.checkpoint.partial")


def main() -> None:
    params = load_params()
    model, weights = params.clip.model, params.clip.weights
    trained_here = weights == "pretrain"
    clip, history = pretrained(params) if trained_here else (build_clip(model, weights), [])
    save_clip("models/clip", clip, half=trained_here)
    write_csv("metrics/pretrain.csv", history, ["step", "lr", "loss"])
    CHECKPOINT.unlink(missing_ok=True)
    print(f"{model}, {weights} -> models/clip")


def pretrained(params: Params) -> tuple[nn.Module, list[dict]]:
    """The mini CLIP and the loss on its way."""
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    pretrain = params.pretrain
    sprites = load_sprites("data/world/sprites.yaml", names)
    if missing := never_shown(sprites, names):
        raise InputError(
            f"data/world/sprites.yaml: no glyph shows {', '.join(missing)}: add one, list it in "
            "vocabulary.without, or take a CLIP that exists (clip.model, clip.weights)"
        )
    texts = pretraining_texts(
        read_jsonl("data/captions/world.jsonl"),
        names,
        sprites,
        templates=pretrain.templates,
        caption_share=pretrain.caption_share,
        seed=pretrain.seed,
    )
    class_tokens = tokenize(names)[:, : texts.tokens.shape[1]]
    clip = build_clip(params.clip.model, "random")
    history = train_mini_clip(
        clip.requires_grad_(True),
        sprites,
        texts,
        class_tokens,
        steps=pretrain.steps,
        batch_size=pretrain.batch_size,
        lr=pretrain.lr,
        class_loss_share=pretrain.class_loss_share,
        seed=pretrain.seed,
        checkpoint=CHECKPOINT,
    )
    return clip, history


run_stage(main)
