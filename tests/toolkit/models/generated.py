"""What the tests of generators share: prompts, and all that a generator says of them."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.models.generators import Prompt, Sampling, Source
from toolkit.models.generators.base import Generation
from toolkit.models.generators.transformers_ import TransformersGenerator

TOOLKIT = str(Path(sys.executable).parent / "toolkit")
TASKS = dict(list(BENCHMARKS["humaneval"].load(Options()).tasks.items())[:4])
TEXTS = ["def add(a, b):\n    return", "def", "x = 'ä", "def add(a, b):\n    return a + b\n# quality: ", "def sub(a", "y", "zz"]
PROMPTS = [Prompt(task_id=f"T/{i}", text=text) for i, text in enumerate(TEXTS)]


def opened(folder: str, **more: Any) -> TransformersGenerator:
    return TransformersGenerator(Source(model=folder, device="cpu", **more))


def everything(generator: Any, sampling: Sampling, asked: Sequence[Prompt] = PROMPTS, **more: Any) -> list[Generation]:
    found = [one for batch in generator.generate(asked, sampling, **more) for one in batch]
    return sorted(found, key=lambda one: (one.index, one.sample_id))


def toolkit(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TOOLKIT, *map(str, arguments)], capture_output=True, text=True, check=False, **more)


class Endpoint:
    """An OpenAI-compatible server whose answers a test plants: (status, headers, body) for a request's path and body."""

    def __init__(self, answer: Callable[[str, dict[str, Any]], tuple[int, dict[str, str], Any]]) -> None:
        self.requests: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.n_now = self.n_most = 0
        lock, outer = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                self.send(200, {}, {"data": [{"id": "the-model"}]} if self.path == "/v1/models" else {})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with lock:
                    outer.requests.append((self.path, body, {name.lower(): value for name, value in self.headers.items()}))
                    outer.n_now += 1
                    outer.n_most = max(outer.n_most, outer.n_now)
                time.sleep(0.02)
                status, headers, said = answer(self.path, body)
                with lock:
                    outer.n_now -= 1
                self.send(status, headers, said)

            def send(self, status: int, headers: dict[str, str], said: Any) -> None:
                data = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def right(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
    text = f"seed {body['seed']}\nSTOP and more"
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    if path.endswith("chat/completions"):
        said: dict[str, Any] = {"message": {"content": text}, "logprobs": {"content": [{"logprob": -1.0}, {"logprob": -2.0}]}}
    else:
        said = {"text": text, "logprobs": {"token_logprobs": [-1.0, -3.0]}}
    return 200, {}, {"choices": [{**said, "finish_reason": "length"}], "usage": usage}
