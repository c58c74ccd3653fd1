"""A user's classes and a file of captions in; the captions that name a class, labelled by their text, out."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lexiclip.captions.filtering import filter_answers
from lexiclip.captions.readers import read_captions
from lexiclip.errors import InputError
from lexiclip.own_classes import check_classes, is_vocabulary, own_vocabulary
from lexiclip.vocabulary import Vocabulary, load_vocabulary

FOLDER = Path(__file__).with_name("vocabularies")
COCO = FOLDER / "coco80.yaml"
LONGEST = 300  # characters of a caption that a user gives: about what fits a text tower
SHIPPED = (COCO, FOLDER / "voc20.yaml", FOLDER / "nus81.yaml")


class Captions(NamedTuple):
    """Captions {"text", "labels", "source"} to tune on and to choose by, and how many name each class."""

    trained: list[dict]
    held_out: list[dict]
    per_class: dict[str, int]


def words_for(classes: str | Path | Sequence[str]) -> Vocabulary:
    """The vocabulary of a YAML, or of class names with the words that COCO, VOC or NUS-WIDE have for them.

    The names come first, then those of COCO's other classes: a "hot dog" is no dog. InputError for two names
    of one spelling.
    """
    if is_vocabulary(classes):
        return load_vocabulary(classes, param="--classes")
    check_classes(classes)
    return own_vocabulary(classes, *map(load_vocabulary, SHIPPED))


def labelled_captions(path: str | Path, vocabulary: Vocabulary) -> tuple[list[dict], dict]:
    """The captions of a file that name a class, each once, with "labels"; the counts of `filter_answers`.

    InputError if the file has no caption, or none that names a class.
    """
    answers = [{"names": [], "answer": text} for text in read_captions(path)]
    if not answers:
        raise InputError(f"{path}: no captions in it")
    kept, counts = filter_answers(
        answers, vocabulary, "wild", max_characters=LONGEST, needs_asked=False, adds_asked=False
    )
    if not kept:
        some = ", ".join(vocabulary.names[:3]) + (", …" if len(vocabulary.names) > 3 else "")
        parsed, left = counts["parsed"], counts["left_after"]
        remedy = "list the words that they use for the classes in a vocabulary's YAML"
        if not left["long"]:
            remedy = f"give sentences of at most {LONGEST} characters"
        raise InputError(
            f"{path}: none of {parsed} captions can be used: {left['long']} name no class ({some}), "
            f"{left['short'] - left['long']} too long, {parsed - left['short']} unreadable: {remedy}"
        )
    return kept, counts
