"""Labels of 220,000 captions on one core; captions written in batches against one at a time.

The reference asks one at a time. Both ways answer the same questions of the model of params.yaml, in one run.
"""

import time
from itertools import cycle, islice

import numpy as np

from lexiclip.captions.instructions import completion_prompt, load_instructions
from lexiclip.captions.llm import Batch, Sampling, backend
from lexiclip.files import read_jsonl
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary

CAPTIONS, QUESTIONS = 220_000, 64


def measure() -> dict[str, dict[str, float]]:
    """Seconds, and seconds a caption by both ways."""
    params = load_params()
    vocabulary = load_vocabulary(params.vocabulary.file, params.vocabulary.without)
    generator = np.random.default_rng(0)
    pairs = [list(generator.choice(vocabulary.names, 2, False)) for _ in range(QUESTIONS)]
    prompts = [completion_prompt(pair, generator) for pair in pairs]
    return {
        f"labels of {CAPTIONS} captions, s": {"ours": labelling(vocabulary)},
        f"a caption, in batches of {QUESTIONS}, s": {
            "ours": generation(QUESTIONS, prompts),
            "reference": generation(1, prompts),
        },
    }


def labelling(vocabulary) -> float:
    """Seconds for the captions of the world set, repeated."""
    captions = [row["text"] for row in read_jsonl("data/captions/world.jsonl")]
    start = time.perf_counter()
    for caption in islice(cycle(captions), CAPTIONS):
        vocabulary.labels(caption)
    return time.perf_counter() - start


def generation(batch_size: int, prompts: list[str]) -> float:
    """Seconds an answer, once the model has been loaded by a first batch that does not count."""
    params = load_params()
    write, model = params.write, params.language_model.model_dump() | {"batch_size": batch_size}
    sampling = Sampling(write.max_new_tokens, write.temperature, write.top_p)
    ask = backend(**model, instructions=load_instructions(write.instructions), sampling=sampling)
    batches = [Batch(i, prompts[i : i + batch_size]) for i in range(0, len(prompts), batch_size)]
    times = []
    ask.answer([Batch(0, prompts[:1]), *batches], lambda *_: times.append(time.perf_counter()))
    return (times[-1] - times[0]) / len(prompts)
