"""Concurrent requests to an OpenAI-compatible server (vLLM, `transformers serve`).

In: prompts, each with a seed. Out: answers in the order they arrive. The API key is the environment
variable OPENAI_API_KEY.
"""

import asyncio
import os
from collections.abc import Callable
from typing import NamedTuple

import openai

from lexiclip.errors import InputError


class Server(NamedTuple):
    """The server at `url` of the model `model`, and how it is asked: at most `in_flight` requests at once.

    A failed request is sent again up to `retries` times, with exponential backoff or as the server asks; a
    question without an answer after `deadline` seconds ends the run.
    """

    url: str
    model: str
    in_flight: int
    retries: int
    deadline: float


def ask_server(
    server: Server,
    questions: list[tuple[int, str]],
    keep: Callable[[int, str], None],
    *,
    chat: bool,
    **sampling,
) -> None:
    """Ask (seed, prompt) `questions` and call `keep(position, answer)` as each answer comes.

    `chat` sends a prompt as a user's message, otherwise it is completed to the end of the line. The first
    question that finally fails stops the others, with an InputError that says what the server did.
    """
    asyncio.run(_ask_all(server, questions, keep, chat, sampling))


async def _ask_all(
    server: Server, questions: list[tuple[int, str]], keep: Callable, chat: bool, sampling: dict
) -> None:
    key = os.environ.get("OPENAI_API_KEY") or "no-key"  # local servers need none
    waiting = iter(enumerate(questions))
    async with openai.AsyncOpenAI(
        base_url=server.url, api_key=key, max_retries=server.retries, timeout=server.deadline
    ) as client:

        async def work() -> None:
            for position, (seed, prompt) in waiting:  # all workers draw from the same questions
                keep(position, await _ask(client, server, prompt, seed, chat, sampling))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(server.in_flight, len(questions))):
                    group.create_task(work())
        except ExceptionGroup as errors:
            error = errors.exceptions[0]
            if not isinstance(error, openai.OpenAIError | TimeoutError | ValueError):
                raise error from None
            reason = _reason(error, server.deadline).replace(key, "***")
            raise InputError(f"language_model.server: {server.url}: {reason}") from None


async def _ask(
    client: openai.AsyncOpenAI, server: Server, prompt: str, seed: int, chat: bool, sampling: dict
) -> str:
    options = {"model": server.model, "seed": seed, **sampling}
    async with asyncio.timeout(server.deadline):
        if chat:
            messages = [{"role": "user", "content": prompt}]
            answer = await client.chat.completions.create(messages=messages, **options)
        else:
            answer = await client.completions.create(prompt=prompt, stop=["\n"], **options)
    try:
        text = answer.choices[0].message.content if chat else answer.choices[0].text
    except (AttributeError, IndexError, TypeError):
        raise ValueError(f"no answer of a language model: {answer!r:.100}") from None
    if text is None and chat:  # all tokens went into thoughts
        text = ""
    if not isinstance(text, str):
        raise ValueError(f"expected a text as the answer, got {text!r:.100}")
    text = text.encode(errors="replace").decode()  # half a surrogate pair cannot be written
    return text if chat else text.strip()


def _reason(error: BaseException, deadline: float) -> str:
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return f"no answer within {deadline:g} s"
    if isinstance(error, openai.APIConnectionError):
        return f"no connection ({error.__cause__ or error})"
    hint = ": does the url end in /v1?" if isinstance(error, openai.NotFoundError) else ""
    return " ".join(str(error).split())[:300] + hint
