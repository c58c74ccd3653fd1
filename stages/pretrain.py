"""Stage pretrain: train the mini CLIP on scenes of sprites and the captions of the world set."""

from pathlib import Path

from safetensors.torch import save_file

from lexiclip.clip.backbone import load_clip, tokenize
from lexiclip.clip.pretraining import train_mini_clip
from lexiclip.clip.pretraining_texts import pretraining_texts
from lexiclip.errors import run_stage
from lexiclip.files import atomic_path, read_jsonl, write_csv
from lexiclip.images.sprites import load_sprites
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary

CHECKPOINT = Path("models/clip/mini.checkpoint.partial")


def main() -> None:
    params = load_params()
    names = load_vocabulary(params.vocabulary.file, params.vocabulary.without).names
    pretrain = params.pretrain
    sprites = load_sprites("data/world/sprites.yaml", names)
    texts = pretraining_texts(
        read_jsonl("data/captions/world.jsonl"),
        names,
        sprites,
        tokenize,
        templates=pretrain.templates,
        caption_share=pretrain.caption_share,
        seed=pretrain.seed,
    )
    class_tokens = tokenize(names)[:, : texts.tokens.shape[1]]
    clip = load_clip(pretrain.architecture, "random")
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
    with atomic_path("models/clip/mini.safetensors") as temporary:
        halves = {
            name: t.cpu().half() if t.is_floating_point() else t.cpu()
            for name, t in clip.state_dict().items()
        }
        save_file({name: tensor.contiguous() for name, tensor in halves.items()}, temporary)
    write_csv("metrics/pretrain.csv", history)
    CHECKPOINT.unlink(missing_ok=True)
    print("models/clip/mini.safetensors, metrics/pretrain.csv")


run_stage(main)
