"""Stand-ins for a language model: a server on loopback, a tiny model of random weights."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}<|assistant|>"


class Server(ThreadingHTTPServer):
    """Says nothing of clients that were killed in the middle of a question."""

    daemon_threads = True

    def handle_error(self, *arguments: object) -> None:
        pass


@contextmanager
def serve(reply: Callable[[dict], tuple | None]) -> Iterator[str]:
    """The URL of a running server; reply(request body) is (status, content[, headers]).

    None as a reply closes the connection without a word.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
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

        def log_message(self, *arguments: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def save_tiny_model(folder: str | Path) -> None:
    """A language model of a few random weights that reads and writes bytes, as transformers loads it."""
    import torch  # by whoever runs this: some start processes before anything imports it
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {token: i for i, token in enumerate(["<eos>", *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    tokens = Tokenizer(models.BPE(vocabulary, []))
    tokens.pre_tokenizer, tokens.decoder = pre_tokenizers.ByteLevel(False), decoders.ByteLevel()
    size = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    PreTrainedTokenizerFast(
        tokenizer_object=tokens, eos_token="<eos>", chat_template=TEMPLATE
    ).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LlamaConfig(vocab_size=len(vocabulary), initializer_range=0.4, **size)
        LlamaForCausalLM(config).save_pretrained(folder)
