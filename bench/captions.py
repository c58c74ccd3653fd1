"""Seconds to label 220,000 captions on one core; captions a second, batched against one at a time.

    python bench/captions.py CAPTIONS.txt

The captions (one a line, or any file that `readers` reads) are repeated up to 220,000. Generation asks the
model of params.yaml the same 64 questions both ways, in one run.
"""

import sys
import time
from itertools import cycle, islice

import numpy as np

from lexiclip.captions.backends import Batch, Sampling, backend
from lexiclip.captions.parsing import parse_answer
from lexiclip.captions.prompting import completion_prompt, load_prompts
from lexiclip.captions.readers import read_captions
from lexiclip.params import load_params
from lexiclip.vocabulary import load_vocabulary

CAPTIONS, QUESTIONS = 220_000, 64


def labelling(path: str, vocabulary_file: str) -> float:
    vocabulary = load_vocabulary(vocabulary_file)
    captions = [caption for text in read_captions(path) for caption in parse_answer(text)]
    captions = list(islice(cycle(captions), CAPTIONS))
    start = time.perf_counter()
    for caption in captions:
        vocabulary.labels(caption)
    return time.perf_counter() - start


def generation(batch_size: int, prompts: list[str]) -> float:
    """Answers a second, once the model has been loaded by a first batch that does not count."""
    params = load_params()
    write, model = params.write, params.language_model.model_dump() | {"batch_size": batch_size}
    sampling = Sampling(write.max_new_tokens, write.temperature, write.top_p)
    ask = backend(**model, prompts=load_prompts(write.prompts), sampling=sampling)
    batches = [Batch(i, prompts[i : i + batch_size]) for i in range(0, len(prompts), batch_size)]
    times = []
    ask.answer([Batch(0, prompts[:1]), *batches], lambda *_: times.append(time.perf_counter()))
    return len(prompts) / (times[-1] - times[0])


def main() -> None:
    params = load_params()
    seconds = labelling(sys.argv[1], params.vocabulary.file)
    print(f"labels of {CAPTIONS} captions: {seconds:.1f} s on one core")
    names = load_vocabulary(params.vocabulary.file).names
    generator = np.random.default_rng(0)
    prompts = [
        completion_prompt(list(generator.choice(names, 2, False)), generator) for _ in range(QUESTIONS)
    ]
    batched, single = generation(QUESTIONS, prompts), generation(1, prompts)
    print(f"captions a second: {batched:.2f} in a batch of {QUESTIONS}, {single:.2f} one at a time")
    print(f"ratio: {batched / single:.1f}")


main()
