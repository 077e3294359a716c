"""Clients of others, unchanged, against a live server: SandboxFusion's own, and verl's and OpenRLHF's out of their wheels."""

import asyncio
import base64
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.toolkit.service.live import Server

MARK = "```python\n{}\n```"
DOUBLE = "def double(x):\n    return 2 * x"
ASSERTS = {"assert_case": ["assert double(2) == 4", "assert double(3) == 6"]}


@pytest.fixture(scope="module")
def fusion(plain: Server) -> Iterator[Any]:
    client = pytest.importorskip("sandbox_fusion", reason="NOT CHECKED: SandboxFusion's client is not installed")
    client.set_endpoint(plain.url)
    yield client
    client.set_endpoint("http://127.0.0.1:9")


@pytest.fixture(scope="module")
def verl() -> Iterator[ModuleType]:
    """verl's module alone, by its path: the package itself wants torch and Ray."""
    found = importlib.util.find_spec("verl")
    if found is None or not found.submodule_search_locations:
        pytest.skip("NOT CHECKED: verl is not installed (pip install --no-deps verl==0.9.1)")
    folder = Path(found.submodule_search_locations[0]) / "utils/reward_score/sandbox_fusion"
    name = "verl_sandbox_fusion"
    spec = importlib.util.spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec
    assert spec.loader
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for each in [each for each in sys.modules if each.startswith(name)]:
        del sys.modules[each]


def test_sandbox_fusions_client(fusion: Any) -> None:
    asked = fusion.RunCodeRequest(
        code="print(open('a.txt').read())\nopen('b.txt', 'w').write('out')", language="python", stdin="x",
        files={"a.txt": base64.b64encode(b"in").decode()}, fetch_files=["b.txt"],
    )  # fmt: skip
    found = fusion.run_code(asked)
    assert (found.status, found.run_result.stdout, found.run_result.return_code) == ("Success", "in\n", 0)
    assert base64.b64decode(found.files["b.txt"]) == b"out"
    late = fusion.run_code(fusion.RunCodeRequest(code="import time\ntime.sleep(60)", language="python", run_timeout=0.5))
    assert (late.status, late.run_result.status) == ("Failed", "TimeLimitExceeded")
    assert asyncio.run(fusion.run_code_async(asked)).status == "Success"
    assert fusion.summary_run_code_result(found, fusion.SummaryMapping()) == "Success"


def test_sandbox_fusions_client_of_data_sets(fusion: Any) -> None:
    config = fusion.TestConfig()
    (prompt,) = fusion.get_prompts(fusion.GetPromptsRequest(dataset="humaneval", config=config, offset=53, limit=1))
    assert prompt == fusion.get_prompt_by_id(fusion.GetPromptByIdRequest(dataset="humaneval", id="HumanEval/53", config=config))
    for sign, accepted in (("+", True), ("-", False)):
        answer = MARK.format(f"def add(x, y):\n    return x {sign} y")
        asked = fusion.SubmitRequest(dataset="humaneval", id=prompt.id, completion=answer, config=config)
        found = fusion.submit(asked)
        assert (found.accepted, found.tests[0].passed, found.extracted_type) == (accepted, accepted, "fenced")
        assert fusion.submit_safe(asked).accepted is accepted


def score(verl: ModuleType, url: str, program: str, cases: dict[str, Any], timeout: float = 10) -> Any:
    return verl.compute_score(f"{url}/run_code", None, 1024, MARK.format(program), json.dumps(cases), True, timeout)


def test_verls_reward(verl: ModuleType, plain: Server) -> None:
    stdin = {"inputs": ["2\n", "3\n"], "outputs": ["4\n", "6\n"]}
    called = {"inputs": ["2", "[1]"], "outputs": ["4", "[1, 1]"], "fn_name": "double"}
    assert score(verl, plain.url, "print(2 * int(input()))", stdin)[0] == 1.0
    assert score(verl, plain.url, "print(4)", stdin)[0] == 0.5
    assert score(verl, plain.url, DOUBLE, called)[0] == 1.0
    assert score(verl, plain.url, "class Solution:\n    def double(self, x):\n        return 2 * x", called)[0] == 1.0
    assert score(verl, plain.url, DOUBLE, dict(ASSERTS))[0] == 1.0
    assert score(verl, plain.url, DOUBLE.replace("2", "3"), dict(ASSERTS))[0] == 0.0
    assert score(verl, plain.url, "print('x' * 160_000)", {"inputs": [""], "outputs": ["x" * 160_000]})[0] == 1.0
    share, about = score(verl, plain.url, "import time\ntime.sleep(60)", {"inputs": ["1"], "outputs": ["1"]}, 1)
    assert (share, about[0]["status"]) == (0.0, "timeout")
    assert about[0]["api_request_error"] is None


def test_the_first_hack_through_verls_client(verl: ModuleType, plain: Server, strict: Server) -> None:
    """An exit code is the program's to choose: only --strict-exit sees this one, and `/judge` all of them."""
    hack = "import sys\nsys.exit(0)"
    assert score(verl, plain.url, hack, dict(ASSERTS))[0] == 1.0
    keyed = f"{strict.url}/k/key-of-one"
    assert score(verl, keyed, hack, dict(ASSERTS))[0] == 0.0
    assert score(verl, keyed, DOUBLE, dict(ASSERTS))[0] == 1.0
    found = plain.post("/judge", {"solution": hack, "tests": {"asserts": ASSERTS["assert_case"]}}).json()
    assert found["status"] == "runtime_error"


def test_verl_tries_again_when_there_is_no_room(verl: ModuleType, strict: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """504, and nothing else, is tried again by it; so that is what a full queue and our own failures are."""
    statuses: list[int] = []
    real = verl.utils.requests.post

    def post(*args: Any, **kwargs: Any) -> Any:
        answer = real(*args, **kwargs)
        statuses.append(answer.status_code)
        return answer

    monkeypatch.setattr(verl.utils.requests, "post", post)
    monkeypatch.setattr(verl.utils.time, "sleep", lambda _: None)
    for _ in range(2):  # the key may begin one a minute
        score(verl, f"{strict.url}/k/key-of-three", DOUBLE, {"assert_case": ["assert 1"]})
    assert statuses[-3:] == [504, 504, 504]


# -- OpenRLHF ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def openrlhf() -> Iterator[ModuleType]:
    """The module of its rollouts alone, by its path: the package itself wants DeepSpeed, Ray and vLLM."""
    pytest.importorskip("aiohttp", reason="NOT CHECKED: aiohttp is not installed")
    folder = Path(sys.prefix) / "foreign/openrlhf"
    if not folder.exists():
        pytest.skip("NOT CHECKED: openrlhf is not in .venv/foreign (rm .venv/stamp && make venv)")
    names = {"openrlhf": None, "openrlhf.utils": None, "openrlhf.utils.logging_utils": "", "openrlhf.utils.agent": ""}
    for name in names:
        path = folder / f"{name.partition('.')[2].replace('.', '/')}.py"
        spec = importlib.util.spec_from_file_location(name, path) if names[name] == "" else None
        sys.modules[name] = module = importlib.util.module_from_spec(spec) if spec else ModuleType(name)
        if spec and spec.loader:
            spec.loader.exec_module(module)
    yield sys.modules["openrlhf.utils.agent"]
    for name in names:
        del sys.modules[name]


class Engine:
    """Stands in for vLLM, and for a tokenizer whose tokens are characters."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def __call__(self, text: str, **_: Any) -> dict[str, Any]:
        return {"input_ids": [SimpleNamespace(tolist=lambda: list(map(ord, text)))]}

    def decode(self, tokens: list[int], **_: Any) -> str:
        return "".join(map(chr, tokens))

    async def generate(self, *_: Any, **__: Any) -> Any:
        tokens = list(map(ord, self.answer))
        return SimpleNamespace(outputs=[SimpleNamespace(token_ids=tokens, finish_reason="stop", logprobs=None)])


def rewarded(openrlhf: ModuleType, urls: list[str], program: str, label: str, prompt: str = "<|user|>Write it.<|assistant|>") -> Any:
    """Return what a rollout of one answer says of its reward."""
    engine = Engine(MARK.format(program) + "<|im_end|>")
    about = SimpleNamespace(max_tokens=2000, logprobs=None)
    executor = openrlhf.SingleTurnAgentExecutor(urls)
    found = asyncio.run(executor.execute(prompt, label, about, 9000, engine, engine))
    return found["reward"], found["scores"], found["extra_logs"]


def test_openrlhfs_rollout(openrlhf: ModuleType, plain: Server, strict: Server) -> None:
    label = json.dumps({"tests": {"asserts": ASSERTS["assert_case"]}})
    url = f"{plain.url}/reward/openrlhf"
    assert rewarded(openrlhf, [url], DOUBLE, label) == (1.0, 1.0, {"passed": 1.0})
    assert rewarded(openrlhf, [url], "import sys\nsys.exit(0)", label) == (0.0, 0.0, {"passed": 0.0})
    third = {"tests": {"asserts": [*ASSERTS["assert_case"], "assert double('a') == 'b'"]}, "partial": True}
    assert rewarded(openrlhf, [url], DOUBLE, json.dumps(third)) == (2 / 3, 2 / 3, {"passed": 0.0})
    keyed = f"{strict.url}/k/key-of-one/reward/openrlhf"
    assert rewarded(openrlhf, [keyed, keyed], "def add(x, y):\n    return x + y", "humaneval:HumanEval/53")[0] == 1.0


def test_openrlhf_gets_no_reward_where_nothing_was_judged(openrlhf: ModuleType, strict: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tries five times, and leaves the reward None: a 504 is no 0."""

    async def sleep(_: float) -> None:
        pass

    monkeypatch.setattr(openrlhf, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
    url = f"{strict.url}/k/key-of-three/reward/openrlhf"
    found = [rewarded(openrlhf, [url], DOUBLE, json.dumps({"tests": {"asserts": ["assert double(1) == 2"]}})) for _ in range(2)]
    assert found[1] == (None, None, {}), "the key may begin one a minute"
