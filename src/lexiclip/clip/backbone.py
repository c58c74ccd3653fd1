"""A frozen CLIP out of a folder in open_clip's layout; its tokenizer, its identity."""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from torch import Tensor, nn

from lexiclip.clip.text_tower import text_tower
from lexiclip.errors import InputError, reason_of
from lexiclip.files import read_json
from lexiclip.precision import DTYPES, Precision, precision_of

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"


def load_clip(folder: str | Path, precision: Precision) -> nn.Module:
    """The CLIP of a folder that the stage `clip` wrote: eval mode, frozen, on the CPU.

    open_clip itself reads it as "local-dir:FOLDER". InputError names what is missing or damaged, and a text
    tower that takes no prompts.
    """
    for name in (CONFIG, WEIGHTS):
        if not Path(folder, name).is_file():
            raise InputError(f"{folder}: no {name} in it: run `dvc pull`, or `dvc repro clip`")
    read_json(Path(folder, CONFIG))
    try:
        clip = open_clip.create_model(f"local-dir:{folder}", pretrained_text=False)
    except Exception as error:  # open_clip raises anything: KeyError, AssertionError, ZeroDivisionError
        reason = reason_of(error, 160)
        raise InputError(
            f"{folder}: damaged, or weights and config do not fit ({reason}): run `dvc repro -f clip`"
        ) from None
    return frozen(clip, precision)


def frozen(clip: nn.Module, precision: Precision = "fast") -> nn.Module:
    """The same CLIP in eval mode and without gradients. InputError if it takes no prompts."""
    text_tower(clip)
    clip = clip.to(DTYPES[precision]).eval().requires_grad_(False)
    clip.visual.to(memory_format=torch.channels_last)  # faster convolutions, on CPUs without bf16 above all
    return clip


def tokenize(texts: Sequence[str]) -> Tensor:
    """Tokens (N, 77) of texts: SOS, byte pairs, EOS, zeros; a longer text loses its end, not its EOS."""
    return _tokenizer()(list(texts))


def encode_name(name: str) -> list[int]:
    """SOS, the tokens of a class name and of the full stop after it, EOS; "_" reads as a space."""
    tokenizer = _tokenizer()
    return [tokenizer.sot_token_id, *tokenizer.encode(name.replace("_", " ") + "."), tokenizer.eot_token_id]


def model_id(clip: nn.Module) -> str:
    """16 hex digits that differ when any weight differs, and the precision that the model computes in."""
    digest = hashlib.sha256()
    for name, tensor in sorted(clip.state_dict().items()):
        digest.update(name.encode())
        tensor = tensor.float() if tensor.is_floating_point() else tensor
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return f"{digest.hexdigest()[:16]} {precision_of(clip)}"


def check_made_with(path: str | Path, made_with: object, model: str, remedy: str) -> None:
    """InputError if what lies at `path` was made with another CLIP than the one of id `model`."""
    if made_with == model:
        return
    weights, precision = model.split()
    if str(made_with).split()[:1] == [weights]:
        other = " ".join(str(made_with).split()[1:]) or "unknown"
        raise InputError(f"{path}: written with precision {other}, params.yaml says {precision}: {remedy}")
    raise InputError(f"{path}: made with CLIP {made_with}, not {model}: {remedy}")


def preprocess_size(clip: nn.Module) -> int:
    """The side S of the pixels (B, 3, S, S) that the image tower reads."""
    size = clip.visual.image_size
    return size if isinstance(size, int) else size[0]


@cache
def _tokenizer() -> SimpleTokenizer:
    return SimpleTokenizer()
