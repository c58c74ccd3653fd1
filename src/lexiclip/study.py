"""The prompts of a study in; its root, params, files of prompts and class names out. Loads no torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lexiclip.clip_spec import prompts_header
from lexiclip.errors import InputError
from lexiclip.own_classes import check_classes, with_competitors
from lexiclip.params import PROTOTYPES, Params, load_params
from lexiclip.vocabulary import load_vocabulary


class Study(NamedTuple):
    """The folder of params.yaml, the params, the files of the prompts that were named, and the names of the
    classes: the first `shown` are ranked, the others compete."""

    root: Path
    params: Params
    files: list[Path]
    names: tuple[str, ...]
    shown: int


def find_study(prompts: Path, classes: Sequence[str] | None) -> Study:
    """The study around `prompts`: a folder (its ensemble), or one variant's .safetensors.

    InputError for a file that is missing, unreadable, of no variant or of other classes, and for bad classes.
    """
    root = next((folder for folder in prompts.absolute().parents if (folder / "params.yaml").is_file()), None)
    if root is None:
        if prompts.suffix == ".safetensors":
            raise _of_no_study(prompts)
        raise InputError(
            f"{prompts}: no params.yaml above it: run this in the project, name a project's prompts, or a "
            "CLIP (--clip ViT-B-16/openai)"
        )
    elsewhere = prompts.suffix == ".safetensors" and prompts.absolute().parent != root / "models/prompts"
    try:
        params = load_params(root / "params.yaml")
    except InputError:
        if elsewhere:  # that params.yaml may be of another tool
            raise _of_no_study(prompts) from None
        raise
    files = [prompts]
    if prompts.suffix != ".safetensors":
        files = [prompts / f"{variant}.safetensors" for variant in (*params.members, PROTOTYPES)]
    for file in files:
        if not file.is_file():
            raise InputError(f"{file}: no such file: run `dvc pull` (or `make repro` to train the prompts)")
        if file.stem not in params.scored:
            raise _of_no_study(file)
    vocabulary = load_vocabulary(root / params.vocabulary.file, params.vocabulary.without)
    own = vocabulary.names if classes is None else classes
    check_classes(own)
    names = with_competitors(own, vocabulary)
    headers = {file.stem: prompts_header(file) for file in files}
    if not any(header.serve(names) or variant == "zero_shot" for variant, header in headers.items()):
        raise InputError(f"{prompts}: no learned contexts, so only its own classes: choose a tuned variant")
    return Study(root, params, files, names, len(own))


def _of_no_study(file: Path) -> InputError:
    clip = prompts_header(file).model.partition(" ")[0]
    return InputError(
        f"{file}: no variant of a study, but tuned for the CLIP of id {clip}: name that CLIP, too, as "
        "`lexiclip tune` was given it (--clip ViT-B-16/openai)"
    )
