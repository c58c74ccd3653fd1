"""Questions to a server: what is sent, many at once, failures sent again, the last word."""

import json
import threading
import time

import pytest

from lexiclip.captions.served_llm import Server, ask_server
from lexiclip.errors import InputError

SOON = {"Retry-After-Ms": "5"}  # how long the client is told to wait


def said(text):
    return 200, {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}


def ask(url, prompts, *, chat=True, in_flight=8, retries=0, deadline=20.0, **sampling):
    answers = {}
    server = Server(url, "small", in_flight, retries, deadline)
    questions = [(100 + i, prompt) for i, prompt in enumerate(prompts)]
    ask_server(server, questions, answers.__setitem__, chat=chat, **sampling)
    return answers


def test_a_question_carries_model_seed_sampling_and_the_key_of_the_environment(serve, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    got = []
    url = serve(lambda body: got.append(body) or said("A dog."))
    assert ask(url, ["Describe a dog"], max_tokens=9, temperature=0.3, top_p=0.95) == {0: "A dog."}
    assert got[0]["path"] == "/v1/chat/completions" and got[0]["key"] == "Bearer sesame"
    assert got[0]["messages"] == [{"role": "user", "content": "Describe a dog"}]
    wanted = {"model": "small", "seed": 100, "max_tokens": 9, "temperature": 0.3, "top_p": 0.95}
    assert wanted.items() <= got[0].items()


def test_a_line_to_complete_ends_at_the_line(serve):
    got = []
    url = serve(lambda body: got.append(body) or (200, {"choices": [{"index": 0, "text": " A dog. "}]}))
    assert ask(url, ["dog:"], chat=False) == {0: "A dog."}
    assert got[0]["path"] == "/v1/completions" and got[0]["prompt"] == "dog:" and got[0]["stop"] == ["\n"]


def test_as_many_requests_as_allowed_are_in_flight_and_answers_keep_their_place(serve):
    together, lock, now, most = threading.Barrier(4, timeout=20), threading.Lock(), [0], [0]

    def reply(body):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait()  # passed only if four requests are there at once
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return said(body["messages"][0]["content"].upper())

    assert ask(serve(reply), list("abcdefgh"), in_flight=4) == dict(enumerate("ABCDEFGH"))
    assert most == [4]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failure_that_passes_is_sent_again(serve, status):
    calls = []

    def reply(body):
        calls.append(body["messages"][0]["content"])
        return said("fine") if calls.count(calls[-1]) > 2 else (status, {"error": "busy"}, SOON)

    assert ask(serve(reply), ["a", "b"], retries=3) == {0: "fine", 1: "fine"}
    assert sorted(calls) == ["a"] * 3 + ["b"] * 3


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ((500, {"error": {"message": "out of memory"}}, SOON), "out of memory"),
        ((429, {"error": {"message": "too many"}}, SOON), "too many"),
        ((404, {"error": {"message": "no model 'small'"}}), "no model 'small'"),
        ((200, b"<html>hello</html>", {"Content-Type": "text/html"}), "no answer of a language model"),
        ((200, b"{{{"), "http://127.0.0.1"),
        ((200, {"choices": []}), "no answer of a language model"),
        ((200, {"answer": 42}), "no answer of a language model"),
        ((200, {"choices": [{"message": {"content": 3}}]}), "expected a text"),
        (None, "no connection"),
    ],
)
def test_a_failure_that_stays_is_told_in_one_line(serve, reply, told):
    with pytest.raises(InputError) as error:
        ask(serve(lambda body: reply), ["a"], retries=1 if reply and reply[0] in (500, 429) else 0)
    message = str(error.value)
    assert message.startswith("language_model.server: http://127.0.0.1:") and told in message
    assert "\n" not in message


def test_silence_and_retries_end_at_the_deadline(serve):
    over = threading.Event()
    for reply in (lambda body: over.wait(20) and None, lambda body: (503, {}, {"Retry-After": "30"})):
        with pytest.raises(InputError, match=r"no answer within 0\.3 s"):
            ask(serve(reply), ["a"], deadline=0.3, retries=50)
    over.set()


def test_the_key_is_never_told(serve, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    reply = serve(lambda body: (401, {"error": {"message": f"wrong key {body['key']}"}}))
    with pytest.raises(InputError, match=r"wrong key Bearer \*\*\*") as error:
        ask(reply, ["a"])
    assert "sesame" not in str(error.value)


def test_long_foreign_and_broken_texts_come_through(serve):
    """And none at all, where all tokens went into thoughts."""
    texts = ["x" * 100_000, "一只狗\x00", "half a pair \ud800", None]
    replies = [json.dumps(said(text)[1]).encode() for text in texts]
    answers = ask(serve(lambda body: (200, replies[int(body["messages"][0]["content"])])), list("0123"))
    assert answers == {0: texts[0], 1: texts[1], 2: "half a pair ?", 3: ""}
