"""Ask a language model for captions of class sets and keep every answer as it comes (METHOD §1, "write").

In: class names and prompts. Out: a JSONL of {"names", "answer"} in the order asked. A killed run goes on
after its last whole batch and ends in the same bytes, because each batch has a seed of its own.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from lexiclip.files import write_jsonl


def write_answers(
    asks: list[tuple[list[str], str]],
    complete: Callable[[list[str], int], list[str]],
    path: Path,
    *,
    batch_size: int,
    seed: int,
) -> None:
    """Answer `asks` (class names, prompt) through `complete(prompts, seed)` and write them to `path`.

    Answers gather in `path`.partial, one JSON line each, behind a first line that identifies the questions.
    """
    identity = hashlib.sha256(json.dumps([asks, batch_size, seed]).encode()).hexdigest()
    # Prompts of like length share a batch, so that little of it is padding.
    order = sorted(range(len(asks)), key=lambda i: (len(asks[i][1]), i))
    partial = path.with_name(path.name + ".partial")
    answers = _answers_so_far(partial, identity)
    answers = answers[: len(answers) // batch_size * batch_size]
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in [identity, *answers])
        with tqdm(total=len(asks), initial=len(answers), desc=path.stem, unit="answer") as bar:
            for start in range(len(answers), len(asks), batch_size):
                batch = [asks[i][1] for i in order[start : start + batch_size]]
                new = complete(batch, seed + start)
                file.writelines(json.dumps(answer, ensure_ascii=False) + "\n" for answer in new)
                file.flush()
                answers += new
                bar.update(len(new))
    answer_of = dict(zip(order, answers, strict=True))
    write_jsonl(path, ({"names": names, "answer": answer_of[i]} for i, (names, _) in enumerate(asks)))
    partial.unlink()


def _answers_so_far(partial: Path, identity: str) -> list[str]:
    if not partial.exists():
        return []
    lines = partial.read_text(encoding="utf-8").split("\n")[
        :-1
    ]  # what follows the last newline was cut short
    if not lines or json.loads(lines[0]) != identity:
        return []
    return [json.loads(line) for line in lines[1:]]
