"""Texts in, a folder of their frozen features out (METHOD §3): training runs no text tower on captions.

features.npy  (T, D) float16, one L2-normalised row per token; a text's last row, EOS, is its global feature
offsets.npy   (N + 1,) int64: text i owns the rows offsets[i]:offsets[i + 1]
texts.json    the N distinct texts, shortest first        header.json  what all this was made from
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from lexiclip.clip.loading import check_made_with, model_id, tokenize
from lexiclip.clip.text_tower import encode_texts
from lexiclip.errors import InputError
from lexiclip.files import atomic_path, read_json, reading, write_json


class TextBatch(NamedTuple):
    """Features of B texts: global_ (B, D), local (B, L, D); after EOS, mask (B, L) is False, local 0."""

    global_: Tensor
    local: Tensor
    mask: Tensor


class Store(NamedTuple):
    """An open feature store: `index` tells a text's row; `features` stays on disk until asked for.

    `digest` differs when any text differs.
    """

    index: dict[str, int]
    features: np.ndarray
    offsets: np.ndarray
    digest: str

    def rows(self, texts: Iterable[str]) -> np.ndarray:
        """The rows (B,) of `texts`. InputError names the first that was not encoded."""
        try:
            return np.array([self.index[text] for text in texts], dtype=np.int64)
        except KeyError as error:
            raise InputError(f"text {error} is not in the feature store: encode the texts again") from None

    def batch(self, rows: Sequence[int] | np.ndarray, like: Tensor) -> TextBatch:
        """Features of the texts at `rows` (B,), with the type and on the device of `like`."""
        rows = np.asarray(rows)
        starts, ends = self.offsets[rows], self.offsets[rows + 1]
        steps = np.arange((ends - starts).max())
        inside = steps < (ends - starts)[:, None]  # (B, L)
        # Positions after EOS read EOS again, so that the last position is every text's global feature.
        read = np.minimum(starts[:, None] + steps, ends[:, None] - 1)  # (B, L)
        local = torch.from_numpy(self.features[read]).to(like.device).to(like.dtype)  # (B, L, D)
        mask = torch.from_numpy(inside).to(like.device)
        return TextBatch(local[:, -1], local * mask.unsqueeze(-1), mask)

    def global_features(self, rows: Sequence[int] | np.ndarray, like: Tensor) -> Tensor:
        """Global features (B, D) of the texts at `rows` (B,), with the type and on the device of `like`."""
        return torch.from_numpy(self.features[self.offsets[np.asarray(rows) + 1] - 1]).to(like)


@torch.inference_mode()
def write_store(folder: str | Path, clip: nn.Module, texts: Sequence[str], batch_tokens: int = 16384) -> None:
    """Encode every distinct text once. The bytes depend on the set of texts and the model, not on the order.

    A batch holds at most `batch_tokens` tokens of texts of similar length. On a GPU the tower runs in bf16.
    Rows go to disk batch by batch: memory holds the texts and one batch, however many there are.
    """
    folder = Path(folder)
    if not texts:
        raise InputError(f"{folder}: no text to encode: the mixes are empty")
    texts, lengths = _shortest_first(texts)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    device = next(clip.parameters()).device
    # A killed run must not leave an old header over new features.
    (folder / "header.json").unlink(missing_ok=True)
    with atomic_path(folder / "features.npy") as path, path.open("wb") as file:
        for start, stop in _batches(lengths, batch_tokens):
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                encoded = encode_texts(clip, tokenize(texts[start:stop]).to(device))
            rows = torch.cat([row[:n] for row, n in zip(encoded.local, encoded.lengths, strict=True)])
            if start == 0:
                shape = (int(offsets[-1]), rows.shape[1])
                _write_npy_header(file, shape)
            file.write(rows.half().cpu().numpy())
    with atomic_path(folder / "offsets.npy") as path:
        np.save(path, offsets)
    write_json(folder / "texts.json", texts)
    write_json(folder / "header.json", {"model": model_id(clip), **_description(texts, shape)})


def open_store(folder: str | Path, model: str | None = None) -> Store:
    """Open `write_store`'s folder. InputError if it is incomplete, damaged, or not of the CLIP `model`."""
    folder = Path(folder)
    header, texts = read_json(folder / "header.json"), read_json(folder / "texts.json")
    features, offsets = _mapped(folder / "features.npy"), np.array(_mapped(folder / "offsets.npy"))
    fits = isinstance(header, dict) and isinstance(texts, list) and features.ndim == 2
    fits = fits and features.dtype == np.float16 and offsets.dtype == np.int64
    fits = fits and header == {"model": header.get("model"), **_description(texts, features.shape)}
    # Every text has a token of its own at least.
    fits = fits and offsets.shape == (len(texts) + 1,) and (np.diff(offsets) > 0).all()
    if not fits or offsets[0] != 0 or offsets[-1] != len(features):
        raise InputError(f"{folder}: header.json does not fit the files beside it: encode the texts again")
    if model is not None:
        check_made_with(folder, header["model"], model, "encode the texts again (`dvc repro encode_texts`)")
    return Store({text: row for row, text in enumerate(texts)}, features, offsets, header["texts"])


def _mapped(path: Path) -> np.ndarray:
    with reading(path, "encode the texts again"):
        return np.lib.format.open_memmap(path, mode="r")


def _description(texts: Sequence[str], shape: tuple[int, ...]) -> dict:
    digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()
    return {"texts": digest, "count": len(texts), "tokens": shape[0], "dim": shape[-1]}


def _write_npy_header(file: BinaryIO, shape: tuple[int, int]) -> None:
    """The head of a .npy file of float16 rows, which follow it."""
    kind = np.lib.format.dtype_to_descr(np.dtype(np.float16))
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})


def _shortest_first(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The distinct texts by number of tokens, then alphabetically, and those numbers (N,)."""
    distinct = sorted(set(texts))
    chunks = (distinct[start : start + 4096] for start in range(0, len(distinct), 4096))
    lengths = np.concatenate([tokenize(chunk).argmax(dim=-1).numpy() + 1 for chunk in chunks])
    order = np.argsort(lengths, kind="stable")
    return [distinct[i] for i in order], lengths[order]


def _batches(lengths: np.ndarray, batch_tokens: int) -> Iterator[tuple[int, int]]:
    """Ranges of texts, sorted by length, that hold at most `batch_tokens` tokens each once padded."""
    with tqdm(total=len(lengths), desc="encode texts", unit="text", disable=None) as bar:
        start = 0
        while start < len(lengths):
            stop = start + 1
            while stop < len(lengths) and (stop + 1 - start) * lengths[stop] <= batch_tokens:
                stop += 1
            yield start, stop
            bar.update(stop - start)
            start = stop
