"""params.yaml, typed and validated: an unknown key, a wrong type or an impossible value ends in one line.

`load_params()` checks the whole file whatever a stage reads of it, so that a typo stops the first stage, not the last.
"""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lexiclip.errors import InputError

Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VocabularyParams(Block):
    file: str
    without: list[str]


class LanguageModelParams(Block):
    model: str
    gguf_file: str | None
    batch_size: Positive


class ComposeParams(Block):
    sets: Positive
    sizes: list[Annotated[int, Field(ge=2)]] = Field(min_length=1)
    share: Share
    challenge_classes: list[str] = Field(min_length=1)
    seed: int


class CaptionSetParams(Block):
    asks_per_set: Count
    asks_per_class: Count
    challenge_only: bool
    seed: int


class WriteParams(Block):
    prompts: str
    max_new_tokens: Positive
    temperature: Annotated[float, Field(gt=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]


CaptionSet = Literal["multi", "single", "challenge", "world"]


class FilterParams(Block):
    needs_asked_class: list[CaptionSet]
    adds_asked_class: list[CaptionSet]


class PretrainParams(Block):
    architecture: str
    steps: Positive
    batch_size: Positive
    lr: Annotated[float, Field(gt=0)]
    templates: Positive
    caption_share: Annotated[float, Field(ge=0, le=1)]
    class_loss_share: Share
    seed: int


class ClipParams(Block):
    model: str
    weights: str


class ScenesParams(Block):
    count: Positive
    objects: tuple[Positive, Positive]
    clutter: tuple[Count, Count]
    size: tuple[Share, Share]
    noise: Annotated[float, Field(ge=0)]
    seed: int


class Params(Block):
    vocabulary: VocabularyParams
    language_model: LanguageModelParams
    compose: ComposeParams
    write: WriteParams
    captions: dict[CaptionSet, CaptionSetParams]
    filter: FilterParams
    pretrain: PretrainParams
    clip: ClipParams
    scenes: ScenesParams


def load_params(path: str | Path = "params.yaml") -> Params:
    """The validated params. InputError names the first wrong key and says what was expected."""
    try:
        return Params.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {key}: {first['msg'].lower()} (got {first['input']!r:.60})") from None
