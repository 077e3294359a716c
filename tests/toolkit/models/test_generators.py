"""Endpoints on a real HTTP server, and what holds of every generator."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.toolkit.models.generated import PROMPTS, TEXTS, Endpoint, everything, right
from toolkit.models.generators import GENERATORS, BadModel, GenerationFailed, Prompt, Sampling, Source, chosen, kind_of
from toolkit.models.generators.base import Generation
from toolkit.models.generators.openai_ import OpenAIGenerator


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
        ((200, {}, b"<html>no</html>"), GenerationFailed, "not a completion.*<html>"),
        ((200, {}, {"choices": [{"text": 5}]}), GenerationFailed, "not a completion"),
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
    with pytest.raises(BadModel, match="not an address"):
        OpenAIGenerator(Source(model="m", base_url="nonsense"))
    with pytest.raises(BadModel, match="--model"):
        OpenAIGenerator(Source(model="", base_url=endpoint(right).url.replace("/v1", "/v2")))
    server = endpoint(right)
    generator = OpenAIGenerator(Source(model="m", base_url=server.url))
    server.close()
    with pytest.raises(GenerationFailed, match="does not answer"):
        everything(generator, Sampling(), PROMPTS[:1])


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
