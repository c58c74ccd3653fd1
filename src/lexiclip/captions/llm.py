"""One interface to language models, local or served: prompts in, answers out as they come (METHOD §1).

A local model answers one batch at a time, a server many prompts at once.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lexiclip.captions.instructions import few_shot_prefix


class Sampling(NamedTuple):
    max_new_tokens: int
    temperature: float
    top_p: float


class Batch(NamedTuple):
    seed: int
    prompts: list[str]


class Backend(NamedTuple):
    """`answer(batches, keep)` calls `keep(position, answers)` for each of `batches`, in any order.

    Answers depend only on `identity` and on a batch's seed and prompts, at most `batch_size` of them.
    """

    answer: Callable[[list[Batch], Callable[[int, list[str]], None]], None]
    batch_size: int
    identity: str


def backend(
    model: str,
    gguf_file: str | None,
    trust_remote_code: bool,
    batch_size: int,
    server: dict | None,
    *,
    instructions: dict,
    sampling: Sampling,
) -> Backend:
    """The language model of params.yaml, in this process or behind a server.

    It completes lines or follows chat instructions, by the kind of `instructions`. A local model is loaded
    with the first question.
    """
    few_shot = instructions["kind"] == "completion"

    def prefix(seed: int) -> str:
        return few_shot_prefix(instructions, np.random.default_rng(seed)) if few_shot else ""

    def answer_here(batches: list[Batch], keep: Callable[[int, list[str]], None]) -> None:
        # PyTorch and openai take seconds to import: only what is asked is imported.
        from lexiclip.captions.local_llm import complete, load_language_model

        lm = load_language_model(model, gguf_file, trust_remote_code)
        options = sampling._asdict() | {"first_line_only": few_shot}
        for position, (seed, texts) in enumerate(batches):
            if not few_shot:
                texts = [lm.as_chat(text) for text in texts]
            keep(position, complete(lm, texts, seed, prefix=prefix(seed), **options))

    def answer_there(batches: list[Batch], keep: Callable[[int, list[str]], None]) -> None:
        from lexiclip.captions.served_llm import Server, ask_server

        questions = [(seed, prefix(seed) + prompt) for seed, [prompt] in batches]
        options = dict(zip(("max_tokens", "temperature", "top_p"), sampling, strict=True))
        ask_server(
            Server(**server, model=model),
            questions,
            lambda position, text: keep(position, [text]),
            chat=not few_shot,
            **options,
        )

    # Behind a server every prompt is a batch with its own seed.
    answer, size = (answer_here, batch_size) if server is None else (answer_there, 1)
    return Backend(answer, size, json.dumps([model, gguf_file, instructions, sampling]))
