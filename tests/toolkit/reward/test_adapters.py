"""One file for each trainer: its own call, its own words for "no reward", and nothing of it imported by the core."""

import asyncio
import importlib.util
import json
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import toolkit.reward.openrlhf as openrlhf_file
import toolkit.reward.verl as verl_file
from sandbox import UsageError
from tests.one_file import _areal
from tests.toolkit.reward.test_judge import ASSERTS, CALLS, DOUBLE, LINES, PRINT, RAISES
from toolkit.oracle import Oracle
from toolkit.reward import Judge, code_eval, slime
from toolkit.reward.formats import NotJudged, as_tests, text_of
from toolkit.reward.from_settings import VARIABLE, judge_of
from toolkit.reward.trl import AsyncCodeReward, CodeReward

TRAINERS = {"trl", "verl", "openrlhf", "slime", "inspect_ai", "mcp", "ray", "torch", "transformers", "evaluate", "datasets"}
VERL_CALLS = json.dumps({"inputs": ["1", "2"], "outputs": ["2", "4"], "fn_name": "double"})
VERL_LINES = json.dumps({"inputs": LINES["inputs"], "outputs": LINES["outputs"]})
OPEN_R1 = {"language": "python", "test_cases": [{"input": "1 2\n", "output": "2\n4\n", "type": "stdin_stdout"}]}


@pytest.fixture
def unjudged(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any) -> Any:
        raise OSError("the disk is full")

    monkeypatch.setattr(Oracle, "judge", lost)


def told(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": "I think so"}, {"role": "tool", "content": "3"}, {"role": "assistant", "content": text}]


def test_the_core_imports_no_trainer() -> None:
    files = "judge, local, remote, rows, formats, running, from_settings, trl, verl, openrlhf, slime, code_eval, mcp_"
    code = f"import sys\nfrom toolkit.reward import {files}\nprint(','.join(name for name in sys.modules if '.' not in name))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert not set(loaded.split(",")) & TRAINERS


def test_trl_gets_a_number_or_none_for_each_completion(boxes: None) -> None:
    reward, logged = CodeReward(Judge.tests(parallel=2, timeout=2)), dict[str, float]()
    assert reward.__name__ == "code"
    assert pickle.loads(pickle.dumps(reward)) == reward
    completions = [DOUBLE, RAISES, f"```python\n{DOUBLE}```"]
    columns = {"prompts": ["p"] * 3, "completion_ids": [[1]] * 3, "trainer_state": None, "log_extra": None}
    more = {"log_metric": logged.__setitem__, "tests": [ASSERTS] * 3, **columns}
    assert reward(completions=completions, **more) == [1.0, 0.0, 1.0]
    assert logged == {"code/unscored": 0.0, "code/passed": 2 / 3}
    assert reward(completions=[told(text) for text in completions], **more) == [1.0, 0.0, 1.0]
    assert asyncio.run(AsyncCodeReward(reward.judge)(completions=completions, **more)) == [1.0, 0.0, 1.0]
    assert reward(completions=[f"```python\n{PRINT}```"], verification_info=[OPEN_R1]) == [1.0]


def test_trl_learns_nothing_from_what_was_not_judged(boxes: None, unjudged: None) -> None:
    logged = dict[str, float]()
    reward = CodeReward(Judge("humaneval", parallel=2, use_cache=False), "tests")
    found = reward(completions=["    return number % 1.0\n"], task_id=["HumanEval/2"], log_metric=logged.__setitem__)
    assert (found, logged) == ([None], {"tests/unscored": 1.0})


def test_trl_names_the_column_that_is_missing() -> None:
    with pytest.raises(UsageError, match=r"no column task_id; it has prompts"):
        CodeReward(Judge("humaneval"))(completions=["x"], prompts=["p"])
    with pytest.raises(UsageError, match="no column tests or verification_info"):
        CodeReward(Judge.tests())(completions=["x"])


@pytest.mark.parametrize("truth", [VERL_CALLS, VERL_LINES, {"assert_case": ASSERTS["asserts"]}], ids=["calls", "lines", "asserts"])
def test_verl_reads_its_own_ground_truths(boxes: None, truth: Any) -> None:
    spec = importlib.util.spec_from_file_location("custom_module", verl_file.__file__)  # as verl loads it
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    right = PRINT if truth is VERL_LINES else DOUBLE
    settings = {"parallel": 2, "timeout": 2, "reward_router_address": None}
    found = module.compute_score("taco", f"```python\n{right}```", truth, {"index": 1}, **settings)
    assert found == {"score": 1.0, "passed": 1.0, "tests_passed": 1.0, "unscored": 0.0}
    for wrong in ("```python\nimport sys\nsys.exit(0)\n```", "no code", f"```python\n{RAISES}double(1)\n```"):
        later = asyncio.run(module.compute_score_async("taco", wrong, truth, None, **settings))
        assert later == {"score": 0.0, "passed": 0.0, "tests_passed": 0.0, "unscored": 0.0}


def test_verl_stops_rather_than_learn_from_a_zero_nobody_earned(boxes: None, unjudged: None) -> None:
    asked = ("taco", DOUBLE, VERL_CALLS)
    with pytest.raises(NotJudged, match="the disk is full"):
        verl_file.compute_score(*asked, use_cache=False)
    assert verl_file.compute_score(*asked, use_cache=False, unscored="zero")["unscored"] == 1.0
    with pytest.raises(UsageError, match="raise or zero"):
        verl_file.compute_score(*asked, use_cache=False, unscored="nothing")


def test_openrlhf_loads_the_file_and_gets_bare_numbers(boxes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"benchmark": "humaneval", "parallel": 2}')
    spec = importlib.util.spec_from_file_location("reward_func", openrlhf_file.__file__)  # as OpenRLHF loads it
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    prompt = "<|im_start|>user\nwrite it<|im_end|>\n<|im_start|>assistant\n"
    right, wrong = (f"{prompt}```python\ndef truncate_number(number):\n    return number % {n}\n```<|im_end|>" for n in (1.0, 2.0))
    assert module.reward_func([right], [prompt], ["HumanEval/2"]) == {"rewards": 1.0, "scores": 1.0, "extra_logs": {"passed": 1.0}}
    assert module.reward_func([wrong], [prompt], ["HumanEval/2"])["rewards"] == 0.0
    assert module.reward_func([right, wrong], [prompt] * 2, ["HumanEval/2"] * 2)["rewards"] == [1.0, 0.0]


def test_openrlhf_and_slime_raise_where_nothing_was_judged(boxes: None, unjudged: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"use_cache": false}')
    with pytest.raises(NotJudged):
        openrlhf_file.reward_func([DOUBLE], [""], [json.dumps(ASSERTS)])
    with pytest.raises(NotJudged):
        asyncio.run(slime.custom_rm(None, SimpleNamespace(response=DOUBLE, label=ASSERTS)))


def test_slime_gets_floats(boxes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"parallel": 2, "partial": 1.0}')
    half = "def double(x):\n    return 2 if x == 1 else 4 if x == 2 else 0\n"
    samples = [SimpleNamespace(prompt="", response=text, label=json.dumps(CALLS), metadata={}) for text in (DOUBLE, half, RAISES)]
    assert asyncio.run(slime.group_rm(None, samples)) == [1.0, pytest.approx(2 / 3), 0.0]
    assert asyncio.run(slime.custom_rm(SimpleNamespace(rm_url=None), samples[0])) == 1.0


def test_another_trainer_is_a_file(boxes: None) -> None:
    """The one of docs/extend.md, as AReaL calls it: in a process of a pool."""
    half = "def double(x):\n    return 2 if x == 1 else 4 if x == 2 else 0\n"
    columns = {"prompt": "p", "prompt_ids": [1], "completion_ids": [2], "query_id": "1", "tests": json.dumps(CALLS)}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
        found = [processes.submit(_areal.reward, completions=text, **columns).result() for text in (DOUBLE, half, RAISES)]
    assert found == [1.0, pytest.approx(0.5 * 2 / 3), 0.0]


def test_another_trainer_is_told_where_there_is_no_reward(boxes: None, unjudged: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_areal, "JUDGE", Judge.tests(use_cache=False))
    with pytest.raises(NotJudged, match="the disk is full"):
        _areal.reward("p", DOUBLE, [], [], tests=CALLS)


@pytest.mark.parametrize("given", ["[1]", "{", '{"no_such": 1}'])
def test_settings_that_are_none_are_named(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, given)
    with pytest.raises(UsageError):
        judge_of()


def test_ground_truths() -> None:
    assert as_tests(VERL_CALLS) == {"kind": "inputs", "entry_point": "double", "inputs": [[1], [2]], "outputs": [2, 4]}
    assert as_tests({"inputs": [[1, [2]]], "outputs": ["x"], "fn_name": "f"})["inputs"] == [[1, [2]]]
    assert as_tests(OPEN_R1)["inputs"] == ["1 2\n"]
    assert as_tests(["assert f(1)"]) == {"kind": "asserts", "asserts": ["assert f(1)"]}
    assert as_tests(json.dumps(CALLS)) == CALLS
    for wrong in ("", "x", 3, {}, {"inputs": [1], "outputs": []}, {"inputs": [], "outputs": []}, {"inputs": [""], "outputs": [None]}, [1]):
        with pytest.raises(ValueError, match="ground truth"):
            as_tests(wrong)
    assert text_of([{"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]}]) == "ab"
    assert text_of([]) == text_of([{"role": "user", "content": "a"}]) == ""


# -- code_eval -----------------------------------------------------------------------------------------------------------

CHECKED = "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 4\n\ncheck(double)"


def test_code_eval_says_what_the_metric_says(boxes: None) -> None:
    ends = "import sys\nsys.exit(0)\n"
    predictions = [[DOUBLE, RAISES], [DOUBLE, ends], ["def add(a, b):\n    return a * b\n"] * 2]
    scores, found = code_eval.compute(predictions, [CHECKED, "assert double(2) == 4", "assert add(2, 3)==5"], k=[1, 2, 10])
    assert scores == {"pass@1": pytest.approx(1 / 3), "pass@2": pytest.approx(2 / 3)}
    assert [[said["passed"] for _, said in each] for each in found.values()] == [[True, False], [True, False], [False, False]]
    assert found[0][0] == (0, {"task_id": 0, "passed": True, "result": "passed", "completion_id": 0})
    assert found[1][1][1]["result"].startswith("failed: ")
    assert code_eval.compute([["def f():\n    while True: pass\n"]], ["assert f()"], k=1, timeout=0.3)[1][0][0][1]["result"] == "timed out"
    with pytest.raises(UsageError):
        code_eval.compute([["x"]], [])


def test_code_eval_has_no_score_where_something_was_not_judged(boxes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from gates.tests import Tests

    def broken(*_: Any) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Tests, "_check", broken)
    with pytest.raises(Exception, match="a defect"):
        code_eval.compute([[DOUBLE]], ["assert double(1) == 2"], k=1)


def test_the_shim_is_written_where_evaluate_looks(tmp_path: Path) -> None:
    written = subprocess.run([sys.executable, "-m", "toolkit.cli", "shim", "code_eval", str(tmp_path)], capture_output=True, text=True, check=True)
    assert written.stdout.strip() == str(tmp_path / "code_eval" / "code_eval.py")
    compile((tmp_path / "code_eval" / "code_eval.py").read_text(), "code_eval.py", "exec")


def test_no_other_shim(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-m", "toolkit.cli", "shim", "bleu", str(tmp_path)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (2, "toolkit: METRIC is one of code_eval, not 'bleu'\n")
