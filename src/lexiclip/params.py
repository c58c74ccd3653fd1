"""params.yaml, typed and validated: an unknown key, a wrong type or an impossible value ends in one line.

`load_params()` checks the whole file whatever a stage reads of it: a typo stops the first stage.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    model_validator,
)

from lexiclip.files import read_yaml
from lexiclip.validation import checked

# What is scored beside the variants, though nothing is tuned for it.
BASELINES = ("zero_shot", "caption_mean")
PROTOTYPES = "prototypes"
RULES = ("mean", "class_advantage", "ours")
# A variant of such a name would overwrite another's file, or a key of the results.
RESERVED = (
    *BASELINES, PROTOTYPES, "heldout", "ceiling", "evaluated", "ensemble", *(f"ensemble_{r}" for r in RULES)
)  # fmt: skip

Precision = Literal["exact", "fast"]
Positive = Annotated[int, Field(gt=0, strict=True)]
Count = Annotated[int, Field(ge=0, strict=True)]
Share = Annotated[float, Field(gt=0, lt=1)]


def _rising(bounds: tuple) -> tuple:
    if bounds[0] > bounds[1]:
        raise ValueError(f"expected the lower bound first, got {list(bounds)}")
    return bounds


def _distinct(values: list) -> list:
    if len(set(values)) < len(values):
        raise ValueError(f"expected each value once, got {values}")
    return values


def _variant_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or name.lower() in RESERVED:
        raise ValueError(
            f"no name for a variant: {name!r}: use letters, digits, _ and -, not {', '.join(RESERVED)}"
        )
    return name


def _listed(names: Any) -> Any:
    return [name.strip() for name in names.split(",") if name.strip()] if isinstance(names, str) else names


# A YAML list of class names, or "dog, traffic light".
Classes = Annotated[list[str], BeforeValidator(_listed)]
Rising = AfterValidator(_rising)
Distinct = AfterValidator(_distinct)


class Block(BaseModel, extra="forbid", frozen=True, allow_inf_nan=False):
    """A block of params.yaml: no other keys, no infinite numbers."""


class VocabularyParams(Block):
    file: str
    without: Classes


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
    instructions: str
    questions: Positive
    classes_per_question: Annotated[int, Field(ge=2)]
    sets: Positive
    sizes: list[Annotated[int, Field(ge=2)]] = Field(min_length=1)
    share: Share
    challenge_classes: Classes = Field(min_length=1)
    seed: Count


class CaptionSetParams(Block):
    asks_per_set: Count
    asks_per_class: Count
    challenge_only: bool
    seed: Count


class WriteParams(SamplingParams):
    instructions: str


CaptionSet = Literal["multi", "single", "challenge", "world"]


class FilterParams(Block):
    max_characters: Positive
    needs_asked_class: list[CaptionSet]
    adds_asked_class: list[CaptionSet]


class JudgeParams(SamplingParams):
    judges: list[Literal["filter", "check"]]
    instructions: str
    seed: Count


class WildParams(Block):
    file: str


class PretrainParams(Block):
    steps: Positive
    batch_size: Positive
    lr: Annotated[float, Field(gt=0)]
    templates: Positive
    caption_share: Annotated[float, Field(ge=0, le=1)]
    class_loss_share: Share
    seed: Count


class ClipParams(Block):
    model: str
    weights: str

    @model_validator(mode="after")
    def _trains_what_is_spelt_out(self) -> "ClipParams":
        if self.weights == "pretrain" and not self.model.endswith(".json"):
            raise ValueError(f"weights 'pretrain' trains a config (.json), not {self.model!r}")
        return self


class ScenesParams(Block):
    count: Positive
    objects: Annotated[tuple[Positive, Positive], Rising]
    clutter: Annotated[tuple[Count, Count], Rising]
    size: Annotated[tuple[Share, Share], Rising]
    noise: Annotated[float, Field(ge=0)]
    seed: Count


class ImagesParams(Block):
    labels: str
    folder: str
    limit: Positive | None


class MixParams(Block):
    heldout_share: Share
    rare_classes: Classes
    seed: Count


Source = Literal[
    "multi", "single", "challenge", "wild",
    "class", "pair", "person_pair", "companion", "set", "sampled_set",
]  # fmt: skip


def _amount(value: object) -> object:
    """On or off, at most so many texts drawn at random, or all of them several times ("x3")."""
    if (isinstance(value, int) and value >= 0) or re.fullmatch(r"x[1-9]\d*", str(value)):
        return value
    expected = "true, false, a number of texts to draw, or x3 for all of them three times"
    raise ValueError(f"expected {expected}, got {value!r}")


Amount = Annotated[Any, AfterValidator(_amount)]


class VariantMixParams(Block):
    texts: dict[Source, Amount]
    hard_classes: Classes


class VariantTrainParams(Block):
    n_ctx: Positive
    evidence: bool
    cooccurrence_loss: bool
    init_from: str
    average: Literal["none", "ema_decay"]
    result: Literal["student", "average"] = "student"
    lr: Annotated[float, Field(gt=0)]
    warmup_epochs: Count
    warmup_lr: Annotated[float, Field(gt=0)]
    epochs: Positive
    keep_epoch: Positive | Literal["heldout"]

    @model_validator(mode="after")
    def _keeps_what_it_makes(self) -> "VariantTrainParams":
        if self.keep_epoch != "heldout" and self.keep_epoch > self.epochs:
            raise ValueError(f"keep_epoch {self.keep_epoch} lies beyond epochs {self.epochs}")
        if self.result == "average" and self.average == "none":
            raise ValueError("result: there is no average to end with, set average to ema_decay")
        return self


class VariantFusionParams(Block):
    form: Literal["plain", "sharper", "standardised"]
    local_weight: Annotated[float, Field(ge=0)]
    cooccurrence: bool


class VariantParams(Block):
    mix: VariantMixParams
    train: VariantTrainParams
    fusion: VariantFusionParams


class BaselinesParams(Block):
    mix: str
    fusion: VariantFusionParams


class PrototypesParams(Block):
    images: Annotated[str, Field(min_length=1)] | None
    scenes: Positive
    seed: Count
    per_class: Positive
    fusion: VariantFusionParams


class CeilingParams(Block):
    labels: str | None
    folder: str | None
    limit: Positive | None
    scenes: Annotated[int, Field(ge=2, strict=True)]
    seed: Count

    @model_validator(mode="after")
    def _labels_with_their_folder(self) -> "CeilingParams":
        if self.labels and not self.folder:
            raise ValueError("folder: name the folder of the images that labels lists")
        return self


class TrainParams(Block):
    batch_size: Positive
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    seed: Count
    ema_decay: Share
    none: None


class WindowsParams(Block):
    scales: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1), Distinct]
    shapes: Annotated[list[Literal["square", "1x2", "1x1.5", "2x3"]], Field(min_length=1), Distinct]
    exif: bool
    workers: Count
    skip_unreadable: bool


class FusionParams(Block):
    retrieval: bool
    window_weight: Annotated[float, Field(ge=0)]
    threshold: float
    cooccurrence_weight: Annotated[float, Field(ge=0)]


class EnsembleParams(Block):
    variants: Annotated[list[str], Field(min_length=1), Distinct] | None
    rule: Literal[RULES]
    choice: str | None


class Params(Block):
    precision: Precision
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
    variants: dict[Annotated[str, AfterValidator(_variant_name)], VariantParams]
    baselines: BaselinesParams
    prototypes: PrototypesParams
    ceiling: CeilingParams
    windows: WindowsParams
    fusion: FusionParams
    ensemble: EnsembleParams

    @property
    def scored(self) -> list[str]:
        """The baselines, the variants and the prototypes, in the order of every table."""
        return [*BASELINES, *self.variants, PROTOTYPES]

    @property
    def members(self) -> list[str]:
        """What the reference's ensembles join: it has no prototypes."""
        return self.ensemble.variants or self.scored[:-1]

    def hard_classes(self, variants: Iterable[str]) -> list[list[str]]:
        """The classes that each variant was tuned on, empty for all, for `scoring.ensemble.class_mask`."""
        return [self.variants[v].mix.hard_classes if v in self.variants else [] for v in variants]

    def fusing(self, variant: str) -> dict:
        """How a variant's windows are fused: the settings of `scoring.fusion.fuse_scores`."""
        others = {PROTOTYPES: self.prototypes}
        of_variant = (self.variants | others).get(variant, self.baselines).fusion
        return {
            "form": of_variant.form,
            "local_weight": of_variant.local_weight,
            "window_weight": self.fusion.window_weight,
            "threshold": self.fusion.threshold,
            "retrieval": self.fusion.retrieval,
            "companion_weight": self.fusion.cooccurrence_weight if of_variant.cooccurrence else 0.0,
        }

    @model_validator(mode="after")
    def _known_variants(self) -> "Params":
        if self.baselines.mix not in self.variants:
            raise ValueError(
                f"baselines.mix: unknown {self.baselines.mix!r}, choose from {', '.join(self.variants)}"
            )
        known = [*BASELINES, *self.variants]
        if unknown := [variant for variant in self.members if variant not in known]:
            raise ValueError(f"ensemble.variants: unknown {unknown[0]!r}, choose from {', '.join(known)}")
        return self

    @model_validator(mode="after")
    def _starts_from_variants_alike(self) -> "Params":
        for name, variant in self.variants.items():
            chain = [name]
            while (start := self.variants[chain[-1]].train.init_from) != "zero_shot":
                if start not in self.variants:
                    raise ValueError(
                        f"variants.{chain[-1]}.train.init_from: no variant {start!r}, choose from "
                        f"{', '.join(self.variants)}, or zero_shot"
                    )
                if start in chain:
                    cycle = " from ".join([*chain[chain.index(start) :], start])
                    raise ValueError(
                        f"variants.{start}.train.init_from: {cycle} is a cycle, let one start from zero_shot"
                    )
                chain.append(start)
            if len(chain) > 1:
                other, own = self.variants[chain[1]].train, variant.train
                if (other.n_ctx, other.evidence) != (own.n_ctx, own.evidence):
                    raise ValueError(
                        f"variants.{name}.train.init_from: {chain[1]} has n_ctx {other.n_ctx} and evidence "
                        f"{other.evidence}, {name} {own.n_ctx} and {own.evidence}: make them equal"
                    )
        return self


def load_params(path: str | Path = "params.yaml") -> Params:
    """The validated params. InputError names the first wrong key and says all that is allowed."""
    return checked(Params, read_yaml(path), path)
