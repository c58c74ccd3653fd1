"""Language models behind one function: questions in, answers handed over as they come (METHOD §1).

A local model answers a batch at a time, a server many questions at once; what asks them cannot tell.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lexiclip.captions.instructions import few_shot_prefix
from lexiclip.captions.served_llm import Server, ask_server


class Sampling(NamedTuple):
    max_new_tokens: int
    temperature: float
    top_p: float


class Batch(NamedTuple):
    seed: int
    prompts: list[str]


class Backend(NamedTuple):
    """`answer(batches, keep)` calls `keep(position, answers)` for each of `batches`, in any order.

    The answers depend on a batch's seed and prompts and on `identity` alone. `batch_size` prompts make one.
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
    prompts: dict,
    sampling: Sampling,
) -> Backend:
    """The language model of params.yaml, in this process or behind a server.

    The kind of the prompt set `prompts` says whether it finishes lines or follows chat instructions. A local
    model is loaded when there is something to ask.
    """
    few_shot = prompts["kind"] == "completion"

    def prefix(seed: int) -> str:
        return few_shot_prefix(prompts, np.random.default_rng(seed)) if few_shot else ""

    def answer_here(batches: list[Batch], keep: Callable[[int, list[str]], None]) -> None:
        # PyTorch takes seconds to import: whoever asks a server, or nothing, does not wait for it.
        from lexiclip.captions.local_llm import complete, load_language_model

        lm = load_language_model(model, gguf_file, trust_remote_code)
        options = sampling._asdict() | {"first_line_only": few_shot}
        for position, (seed, texts) in enumerate(batches):
            if not few_shot:
                texts = [lm.as_chat(text) for text in texts]
            keep(position, complete(lm, texts, seed, prefix=prefix(seed), **options))

    def answer_there(batches: list[Batch], keep: Callable[[int, list[str]], None]) -> None:
        questions = [(seed, prefix(seed) + prompt) for seed, [prompt] in batches]
        max_tokens, temperature, top_p = sampling
        ask_server(
            Server(**server, model=model),
            questions,
            lambda position, text: keep(position, [text]),
            chat=not few_shot,
            max_tokens=max_tokens,
            temperature=temperature,
            top_p=top_p,
        )

    # Behind a server every question is a batch of its own, with its own seed.
    answer, size = (answer_here, batch_size) if server is None else (answer_there, 1)
    return Backend(answer, size, json.dumps([model, gguf_file, prompts, sampling]))
