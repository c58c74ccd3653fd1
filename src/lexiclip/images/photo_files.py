"""Files, folders and patterns in, the photos that they stand for out."""

import os
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path

from lexiclip.errors import InputError
from lexiclip.files import reading

# What a folder's photos end in. HEIC among them: that one cannot be read has to be said.
ENDINGS = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif",
)  # fmt: skip


def photo_files(given: Sequence[str | Path]) -> list[Path]:
    """Each photo once: files as given, those of folders and of patterns (also with **) sorted.

    Of folders and patterns, what is hidden or has no photo's ending is passed over. InputError where that
    leaves none.
    """
    found: dict[Path, None] = {}
    for text in map(str, given):
        with reading(text):
            photos = _photos(text)
        if not photos:
            raise InputError(f"{text}: no photo in it: expected files that end in {', '.join(ENDINGS)}")
        found |= dict.fromkeys(photos)
    return list(found)


def _photos(text: str) -> list[Path]:
    path = Path(text)
    if path.is_dir():
        return _photos_in(path)
    if path.exists() or not has_magic(text):
        return [path]  # if it is no photo, reading it says so
    matches = sorted(glob(text, recursive=True))  # noqa: PTH207 Path.glob takes no absolute pattern
    return [photo for match in matches for photo in _photos_in(Path(match))]


def _photos_in(path: Path) -> list[Path]:
    """The file itself, or all photos below a folder."""
    below = [path]
    if path.is_dir():  # links to folders are followed, each folder once
        seen, below = {path.resolve()}, []
        for folder, folders, files in os.walk(path, followlinks=True):
            here = Path(folder)
            folders[:] = [name for name in sorted(folders) if not _seen(here / name, seen)]
            below += [here / name for name in files]
        below.sort()
    shown = [file for file in below if not any(part[0] == "." for part in file.relative_to(path).parts)]
    return [file for file in shown if file.suffix.lower() in ENDINGS]


def _seen(folder: Path, seen: set[Path]) -> bool:
    real = folder.resolve()
    if real in seen:
        return True
    seen.add(real)
    return False
