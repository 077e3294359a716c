"""Rounds whose texts an endpoint writes: the same texts, each round by the adapter of the one before, through a loss half-way."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny
from tests.toolkit.models.conftest import endpoint  # noqa: F401
from tests.toolkit.models.generated import Endpoint
from tests.toolkit.rounds.test_machines import WITHOUT, settings
from toolkit.errors import InfrastructureError, UsageError
from toolkit.models.generators import Prompt, Sampling, Source
from toolkit.models.generators.openai_ import OpenAIGenerator
from toolkit.models.generators.served import ServedGenerator
from toolkit.models.load import load
from toolkit.rounds import run as rounds

torch = pytest.importorskip("torch")
pytest.importorskip("peft")


class Server:
    """What vLLM does, as far as rounds ask it: a model, adapters that come and go, and completions of tokens."""

    def __init__(self, folder: str) -> None:
        self.folder, base = folder, load(Source(model=folder, device="cpu"))
        self.tokenizer, self.models = base.tokenizer, {"base": base.model}
        self.calls: list[tuple[str, str]] = []
        self.n_left, self._lock = 10**6, threading.Lock()

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        call = path.removeprefix("/v1/")
        self.calls.append((call, body.get("lora_name") or body.get("model") or ""))
        if call == "load_lora_adapter":
            source = Source(model=self.folder, adapter=body["lora_path"], device="cpu")
            self.models[body["lora_name"]] = load(source).model
            return 200, {}, b"Success"
        if call == "unload_lora_adapter":
            del self.models[body["lora_name"]]
            return 200, {}, b"Success"
        self.n_left -= 1
        if self.n_left < 0:
            return 503, {}, {"error": "going down"}
        ids = torch.tensor([body["prompt"]])
        drawn = body["temperature"] > 0
        with self._lock, torch.inference_mode():  # its seed is that of the whole process
            torch.manual_seed(body["seed"])
            out = self.models[body["model"]].generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=drawn, max_new_tokens=body["max_tokens"], pad_token_id=0,
                **({"temperature": body["temperature"], "top_p": body["top_p"], "top_k": 0} if drawn else {}),
            )[0][ids.shape[1] :]  # fmt: skip
        said = {"text": self.tokenizer.decode(out, skip_special_tokens=True), "finish_reason": "length",
                "logprobs": {"token_logprobs": [-1.0] * len(out)}}  # fmt: skip
        return 200, {}, {"choices": [said], "usage": {"prompt_tokens": len(body["prompt"]), "completion_tokens": len(out)}}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny(tmp_path_factory.mktemp("model"))


def answers(folder: Path, at: str) -> list[tuple[str, str]]:
    lines = (folder / "run" / "seed0" / at / "answers-humaneval.jsonl").read_text().splitlines()
    return [(row["prompt"], row["written"]) for row in map(json.loads, lines)]


def test_an_endpoint_writes_what_this_process_would(
    tmp_path: Path, model: str, endpoint: Callable[..., Endpoint]  # noqa: F811
) -> None:
    server = Server(model)
    asked = {"rounds": 2, "stages": WITHOUT, "temperature": 0.0, "learning_rate": 0.03}
    texts = {}
    for name, more in (("here", {}), ("there", {"base_url": endpoint(server.answer).url, "served": "base"})):
        (tmp_path / name).mkdir()
        rounds.run(settings(tmp_path / name, model, **asked, **more))
        texts[name] = [answers(tmp_path / name, at) for at in ("base/round0", "none/round1", "none/round2")]
    assert texts["there"] == texts["here"]
    assert len({str(each) for each in texts["there"]}) == 3, "training changed what is written"
    adapters = [name for call, name in server.calls if call == "load_lora_adapter"]
    assert len(set(adapters)) == len(adapters) == 2
    assert [name for call, name in server.calls if call == "unload_lora_adapter"] == adapters
    assert set(server.models) == {"base"}
    writers = list(dict.fromkeys(name for call, name in server.calls if call == "completions"))
    assert writers == ["base", *adapters], "round 2 is written by what round 1 trained"


def test_an_endpoint_that_goes_away_costs_nothing(
    tmp_path: Path, model: str, endpoint: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    server = Server(model)
    url = endpoint(server.answer).url
    found = {}
    for name, lost in (("broken", (3, 9)), ("whole", ())):
        (tmp_path / name).mkdir()
        asked = settings(tmp_path / name, model, rounds=2, stages=WITHOUT, base_url=url, served="base")
        for n in lost:
            server.n_left = n
            with pytest.raises(InfrastructureError, match="503"):
                rounds.run(asked)
        server.n_left = 10**6
        rounds.run(asked)
        found[name] = [
            (path.name, path.read_bytes()) for path in sorted((tmp_path / name).rglob("*.jsonl")) if "pool" not in path.parts
        ]
    assert found["broken"] == found["whole"]
    with pytest.raises(UsageError, match="endpoint"):
        rounds.run(settings(tmp_path / "whole", model, rounds=2, stages=WITHOUT))


def test_a_server_that_takes_no_adapter_is_said(tmp_path: Path, model: str, endpoint: Callable[..., Endpoint]) -> None:  # noqa: F811
    server = Server(model)

    def answer(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        refused = (400, {}, {"message": "no LoRA here"})
        return refused if path.endswith("lora_adapter") else server.answer(path, body)

    with pytest.raises(UsageError, match=r"does not take the adapter .*no LoRA here.*VLLM_ALLOW_RUNTIME_LORA_UPDATING"):
        rounds.run(settings(tmp_path, model, rounds=2, stages=WITHOUT, base_url=endpoint(answer).url, served="base"))


def test_a_call_above_the_api_is_found(model: str, endpoint: Callable[..., Endpoint], tmp_path: Path) -> None:  # noqa: F811
    """SGLang has it there; and an adapter that is there already is taken as it is."""
    called = []

    def answer(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        called.append(path)
        return (404, {}, {}) if path.startswith("/v1/") else (400, {}, {"message": "a is already loaded"})

    generator = ServedGenerator(Source(model="m", base_url=endpoint(answer).url, adapter=str(tmp_path)), Server(model).tokenizer, "a")
    assert called == ["/v1/load_lora_adapter", "/load_lora_adapter"]
    assert generator.model == "a"


def test_a_chat_is_sent_as_its_template_writes_it(model: str, endpoint: Callable[..., Endpoint]) -> None:  # noqa: F811
    """As tokens, so that nobody writes a second template around it; the row has the text that they came from."""
    tokenizer = Server(model).tokenizer
    tokenizer.chat_template = "{% for m in messages %}<|endoftext|>{{ m.content }}\n{% endfor %}"
    seen: list[Any] = []

    def answer(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        seen.append((path, body["prompt"]))
        return 200, {}, {"choices": [{"text": "x = 1\n```\nmore", "finish_reason": "length"}], "usage": {}}

    generator = ServedGenerator(Source(model="m", base_url=endpoint(answer).url), tokenizer)
    prompt = Prompt(task_id="a", text="Add.", chat=True, prefill="```python\n", field="raw_response")
    (batch,) = generator.generate([prompt], Sampling(n=1, temperature=0.0, top_p=1.0, max_new_tokens=4, seed=0, stop=("```",)))
    assert batch[0].prompt == "<|endoftext|>Add.\n```python\n"
    assert seen == [("/v1/completions", tokenizer("<|endoftext|>Add.\n```python\n", add_special_tokens=False)["input_ids"])]
    assert seen[0][1][0] == tokenizer.eos_token_id, "its special tokens are meant as such"
    assert (batch[0].completion, batch[0].finished) == ("x = 1\n", True)
    assert generator.prefills
    assert not OpenAIGenerator.prefills
