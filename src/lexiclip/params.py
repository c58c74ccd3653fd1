"""params.yaml, typed and validated: an unknown key, a wrong type or an impossible value ends in one line.

`load_params()` checks the whole file whatever a stage reads of it: a typo stops the first stage.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lexiclip.errors import InputError
from lexiclip.files import read_yaml

Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VocabularyParams(Block):
    file: str
    without: list[str]


class ServerParams(Block):
    url: str
    in_flight: Positive
    retries: Count
    deadline: Annotated[float, Field(gt=0)]


class LanguageModelParams(Block):
    model: str
    gguf_file: str | None
    trust_remote_code: bool
    batch_size: Positive
    server: ServerParams | None


class SamplingParams(Block):
    max_new_tokens: Positive
    temperature: Annotated[float, Field(gt=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]


class ComposeParams(SamplingParams):
    by: Literal["likelihood", "answers"]
    share_scene: bool
    prompts: str
    questions: Positive
    classes_per_question: Annotated[int, Field(ge=2)]
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


class WriteParams(SamplingParams):
    prompts: str


CaptionSet = Literal["multi", "single", "challenge", "world"]


class FilterParams(Block):
    needs_asked_class: list[CaptionSet]
    adds_asked_class: list[CaptionSet]


class JudgeParams(SamplingParams):
    judges: list[Literal["filter", "check"]]
    prompts: str
    seed: int


class WildParams(Block):
    file: str


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


class ImagesParams(Block):
    labels: str
    folder: str
    limit: Positive | None


class MixParams(Block):
    heldout_share: Share
    seed: int


Source = Literal["multi", "single", "challenge", "wild", "class", "pair", "companion", "set", "sampled_set"]


class VariantParams(Block):
    n_ctx: Positive
    evidence: bool
    cooccurrence: bool
    texts: dict[Source, bool | Positive]
    hard_classes: list[str]
    lr: Annotated[float, Field(gt=0)]
    warmup_epochs: Count
    warmup_lr: Annotated[float, Field(gt=0)]
    epochs: Positive
    keep_epoch: Positive
    fusion: Literal["plain", "sharper", "standardised"]
    local_weight: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _keeps_an_epoch_it_runs(self) -> "VariantParams":
        if self.keep_epoch > self.epochs:
            raise ValueError(f"keep_epoch {self.keep_epoch} lies beyond epochs {self.epochs}")
        return self


class BaselinesParams(Block):
    mix: str
    fusion: Literal["plain", "sharper", "standardised"]
    local_weight: Annotated[float, Field(ge=0)]
    cooccurrence: bool


class TrainParams(Block):
    batch_size: Positive
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    seed: int
    ema_decay: Share
    ema_result: Literal["student", "average"]


class WindowsParams(Block):
    scales: list[Annotated[int, Field(ge=2)]] = Field(min_length=1)
    shapes: list[str] = Field(min_length=1)
    workers: Count
    skip_unreadable: bool


class FusionParams(Block):
    retrieval: bool
    window_weight: Annotated[float, Field(ge=0)]
    threshold: float
    cooccurrence_weight: Annotated[float, Field(ge=0)]


class EnsembleParams(Block):
    variants: list[str] = Field(min_length=1)
    rule: Literal["mean", "class_advantage"]


class Params(Block):
    vocabulary: VocabularyParams
    language_model: LanguageModelParams
    compose: ComposeParams
    write: WriteParams
    captions: dict[CaptionSet, CaptionSetParams]
    filter: FilterParams
    judge: JudgeParams
    wild: WildParams
    pretrain: PretrainParams
    clip: ClipParams
    scenes: ScenesParams
    images: ImagesParams
    mix: MixParams
    train: TrainParams
    variants: dict[str, VariantParams]
    baselines: BaselinesParams
    windows: WindowsParams
    fusion: FusionParams
    ensemble: EnsembleParams

    @model_validator(mode="after")
    def _ensemble_of_known_variants(self) -> "Params":
        known = ["zero_shot", "caption_mean", *self.variants]
        if unknown := [variant for variant in self.ensemble.variants if variant not in known]:
            raise ValueError(f"ensemble.variants: unknown {unknown[0]!r}, choose from {', '.join(known)}")
        return self


def load_params(path: str | Path = "params.yaml") -> Params:
    """The validated params. InputError names the first wrong key and says what was expected."""
    content = read_yaml(path)
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {key}: {first['msg'].lower()} (got {first['input']!r:.60})") from None
