"""Ask a language model and keep every answer as it comes (METHOD §1: to propose, to write, to judge).

In: questions and a backend. Out: a JSONL in the order asked. A run resumed after a kill asks only what has
no answer yet and ends in the same bytes, because each batch has its own seed.
"""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter
from tqdm import tqdm

from lexiclip.captions.llm import Backend, Batch
from lexiclip.errors import InputError
from lexiclip.files import atomic_path, write_jsonl

LINE = TypeAdapter(tuple[Annotated[int, Field(ge=0, strict=True)], list[str]])  # batch number, its answers


def sets_to_ask(
    proposed: list[list[str]],
    names: list[str],
    asks_per_set: int,
    asks_per_class: int,
    only: list[str] | None,
) -> list[list[str]]:
    """The class sets to ask a caption set's captions for, each as often as it is asked, then single classes.

    `only` reduces every set to these classes (the challenge set, METHOD §1); duplicates are dropped.
    """
    if only is not None:
        kept = {tuple(name for name in members if name in only) for members in proposed}
        proposed = [list(members) for members in sorted(kept) if members]
        names = [name for name in names if name in only]
    return [members for members in proposed for _ in range(asks_per_set)] + [
        [name] for name in names for _ in range(asks_per_class)
    ]


def write_answers(asks: list[tuple[dict, str]], backend: Backend, path: Path, *, seed: int) -> None:
    """Ask `asks` (row, prompt) and write each row with its "answer" to `path`.

    Until all are answered, `path`.partial holds a line that identifies the questions, then a line
    [batch number, answers] for each batch.
    """
    size = backend.batch_size
    identity = hashlib.sha256(json.dumps([asks, backend.identity, size, seed]).encode()).hexdigest()
    # Prompts of similar length share a batch, to reduce padding.
    order = sorted(range(len(asks)), key=lambda i: (len(asks[i][1]), i))
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    partial = path.with_name(path.name + ".partial")
    answers = _answers_so_far(partial, identity, batches)
    open_batches = [number for number in range(len(batches)) if number not in answers]
    with atomic_path(partial) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in [identity, *answers.items()])
    with (
        partial.open("a", encoding="utf-8") as file,
        tqdm(total=len(asks), desc=path.stem, unit="answer", disable=not asks) as bar,
    ):
        bar.update(sum(map(len, answers.values())))

        def keep(position: int, new: list[str]) -> None:
            number = open_batches[position]
            file.write(json.dumps([number, new]) + "\n")
            file.flush()
            answers[number] = new
            bar.update(len(new))

        if open_batches:
            pending = [Batch(seed + n * size, [asks[i][1] for i in batches[n]]) for n in open_batches]
            try:
                backend.answer(pending, keep)
            except InputError as error:
                kept = sum(map(len, answers.values()))
                raise InputError(
                    f"{error}; {kept} of {len(asks)} answers are kept, run again to go on"
                ) from None
    answer_of = {
        i: text for n, batch in enumerate(batches) for i, text in zip(batch, answers[n], strict=True)
    }
    write_jsonl(path, (about | {"answer": answer_of[i]} for i, (about, _) in enumerate(asks)))
    partial.unlink()


def _answers_so_far(partial: Path, identity: str, batches: list[list[int]]) -> dict[int, list[str]]:
    """{batch number: answers} of the intact lines; a batch whose line is damaged is asked again."""
    if not partial.is_file():
        return {}
    text = partial.read_text(encoding="utf-8", errors="surrogateescape")
    first, *lines = text.split("\n")[:-1] or [""]  # a line that does not end was cut off
    answers = {}
    for line in lines if first == json.dumps(identity) else []:
        with suppress(ValueError):
            number, texts = LINE.validate_json(line)
            if number < len(batches) and len(texts) == len(batches[number]):
                answers[number] = texts
    return answers
