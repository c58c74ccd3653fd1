"""A served model behind the common interface; what its death costs is in test_asking.py."""

from lexiclip.captions.asking import write_answers
from lexiclip.captions.llm import Sampling, backend

ASKS = [({"names": [name]}, f"{name}:") for name in "abcdefghijkl"]
INSTRUCTIONS = {"kind": "completion", "lead": "Photos.", "shots": 1, "examples": ["x: An x.", "y: A y."]}


def served(url, in_flight=3, instructions=INSTRUCTIONS):
    server = {"url": url, "in_flight": in_flight, "retries": 0, "deadline": 30}
    return backend(
        "small", None, False, 128, server, instructions=instructions, sampling=Sampling(4, 0.8, 0.95)
    )


def answer(body):
    return 200, {"choices": [{"index": 0, "text": f"{body['prompt']} {body['seed']}".replace("\n", " | ")}]}


def run(url, path, **options):
    write_answers(ASKS, served(url, **options), path, seed=40)
    return path.read_bytes()


def test_each_question_has_a_seed_and_examples_of_its_own(serve, tmp_path):
    got = []
    run(serve(lambda body: got.append(body) or answer(body)), tmp_path / "a.jsonl")
    assert sorted(body["seed"] for body in got) == list(range(40, 52))
    assert all(body["prompt"].startswith("Photos.\n") for body in got)
    assert len({body["prompt"].split("\n")[1] for body in got}) == 2
    assert {"max_tokens": 4, "temperature": 0.8, "top_p": 0.95, "model": "small"}.items() <= got[0].items()


def test_other_instructions_do_not_take_over_what_was_answered(serve, tmp_path):
    ones = served(serve(answer))
    others = served(serve(answer), instructions=INSTRUCTIONS | {"shots": 2})
    assert ones.identity != others.identity and ones.batch_size == 1
