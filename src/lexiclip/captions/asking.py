"""Ask a language model and keep every answer as it comes (METHOD §1, "write"; stage 1 and judging ask too).

In: questions and a backend. Out: a JSONL in the order asked. A killed run asks only what has no answer yet
and ends in the same bytes, because each batch has a seed of its own.
"""

import hashlib
import json
from pathlib import Path

from tqdm import tqdm

from lexiclip.captions.llm import Backend, Batch
from lexiclip.errors import InputError
from lexiclip.files import atomic_path, write_jsonl


def write_answers(asks: list[tuple[dict, str]], backend: Backend, path: Path, *, seed: int) -> None:
    """Answer `asks` (what a row says of the question, prompt) and write each row with its "answer" to `path`.

    Answers gather in `path`.partial: a first line that identifies the questions, then [batch, answers] each.
    """
    size = backend.batch_size
    identity = hashlib.sha256(json.dumps([asks, backend.identity, size, seed]).encode()).hexdigest()
    # Prompts of like length share a batch, so that little of it is padding.
    order = sorted(range(len(asks)), key=lambda i: (len(asks[i][1]), i))
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    partial = path.with_name(path.name + ".partial")
    answers = _answers_so_far(partial, identity, batches)  # of each finished batch, by its number
    open_batches = [number for number in range(len(batches)) if number not in answers]
    with atomic_path(partial) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in [identity, *answers.items()])
    with (
        partial.open("a", encoding="utf-8") as file,
        tqdm(total=len(asks), desc=path.stem, unit="answer") as bar,
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
    """The answers of the lines that are whole; a batch whose line is damaged is asked again."""
    if not partial.is_file():
        return {}
    text = partial.read_text(encoding="utf-8", errors="surrogateescape")
    first, *lines = text.split("\n")[:-1] or [""]  # a line without its end was cut short
    answers = {}
    for line in lines if first == json.dumps(identity) else []:
        try:
            number, texts = json.loads(line)
            "".join(texts).encode()  # nothing but texts, and no half of a character in them
        except (TypeError, ValueError, RecursionError):
            continue
        of_batch = type(number) is int and 0 <= number < len(batches) and isinstance(texts, list)
        if of_batch and len(texts) == len(batches[number]):
            answers[number] = texts
    return answers
