"""Real steps of trainers and harnesses, with real boxes: a tiny model learns nothing, but every part of the way is walked."""

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

from sandbox import DockerEngine
from tests.tiny import tiny
from tests.toolkit.reward.conftest import boxes  # noqa: F401
from tests.toolkit.reward.test_judge import ASSERTS, DOUBLE, RAISES
from toolkit.reward import Judge
from toolkit.reward.trl import AsyncCodeReward, CodeReward

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(900)]


class Once(CodeReward):
    """A reward that has something to tell a tiny model's nonsense apart by."""

    seen: list[float | None] = []  # noqa: RUF012

    def __call__(self, completions: Any, **columns: Any) -> list[float | None]:
        found = super().__call__([DOUBLE if i % 2 else each for i, each in enumerate(completions)], **columns)
        self.seen += found
        return found


@pytest.mark.parametrize("conversational", [False, True], ids=["plain", "conversational"])
def test_steps_of_grpo(boxes: None, tmp_path: Path, conversational: bool) -> None:  # noqa: F811
    trl = pytest.importorskip("trl", reason="NOT CHECKED: TRL is not here")
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tiny(tmp_path / "tiny")
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.chat_template = "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}{% endfor %}"
    text = "Write double(x)."
    prompt: Any = [{"role": "user", "content": text}] if conversational else text
    data = Dataset.from_list([{"prompt": prompt, "tests": ASSERTS}] * 4)
    args = trl.GRPOConfig(
        output_dir=str(tmp_path / "out"), per_device_train_batch_size=4, num_generations=4, max_steps=2, max_completion_length=8,
        report_to=[], use_cpu=True, bf16=False, logging_steps=1, learning_rate=1e-2, save_strategy="no",
    )  # fmt: skip
    judge = Judge.tests(parallel=2, timeout=2)
    Once.seen.clear()
    trainer = trl.GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder), args=args, train_dataset=data, processing_class=tokenizer,
        reward_funcs=[Once(judge, "half"), AsyncCodeReward(judge, "code")],
    )  # fmt: skip
    trainer.train()
    log = [each for each in trainer.state.log_history if "loss" in each]
    assert len(log) == 2
    assert Once.seen == [0.0, 1.0] * 4
    assert [each["rewards/half/mean"] for each in log] == [0.5, 0.5]
    assert [each["rewards/code/mean"] for each in log] == [0.0, 0.0]
    assert [each["half/unscored"] for each in log] == [0.0, 0.0]


def test_evaluate_finds_the_shim_before_the_hub(boxes: None, tmp_path: Path) -> None:  # noqa: F811
    """What lm-eval's tasks humaneval and mbpp ask, word for word, when they are loaded."""
    pytest.importorskip("evaluate", reason="NOT CHECKED: evaluate is not here")
    subprocess.run([sys.executable, "-m", "toolkit.cli", "shim", "code_eval", str(tmp_path)], check=True)
    asked = f"""import evaluate as hf_evaluate
compute_ = hf_evaluate.load("code_eval")
results = compute_.compute(references=["assert add(2, 3)==5"], predictions=[["def add(a,b): return a*b"]], k=[1])
assert results[0] == {{"pass@1": 0.0}}, results
results = compute_.compute(references=["assert double(1) == 2"], predictions=[[{DOUBLE!r}, {RAISES!r}]], k=[1])
assert results[0] == {{"pass@1": 0.5}}, results
print(results[1][0][1][1]["result"])
"""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "HF_ALLOW_CODE_EVAL": "1"}
    ran = subprocess.run([sys.executable, "-c", asked], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("failed: ")


def test_inspect_scores_and_runs(engine: DockerEngine, boxes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    inspect_ai = pytest.importorskip("inspect_ai", reason="NOT CHECKED: inspect_ai is not here")
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput, get_model
    from inspect_ai.solver import generate, use_tools

    from toolkit.oracle import Oracle
    from toolkit.reward import inspect_

    words = SimpleNamespace(encode=lambda text, **_: text.split())
    monkeypatch.setattr("tiktoken.get_encoding", lambda _: words)  # it would be downloaded, only to count tokens
    def task(**settings: Any) -> Any:
        return inspect_ai.Task(
            dataset=[Sample(id="HumanEval/2", input="write it")],
            solver=[use_tools(inspect_.python(timeout=2)), generate()],
            scorer=inspect_.judged("humaneval", parallel=2, **settings),
        )

    def scored(answer: str, **settings: Any) -> Any:
        told = [
            ModelOutput.for_tool_call("mockllm/model", "python", {"code": "print(6 * 7)"}),
            ModelOutput.from_content("mockllm/model", f"```python\ndef truncate_number(number):\n    return {answer}\n```"),
        ]
        model = get_model("mockllm/model", custom_outputs=told)
        (log,) = inspect_ai.eval(task(**settings), model=model, log_dir=str(tmp_path), display="none")
        assert log.status == "success", log.error
        (sample,) = log.samples
        assert any(message.role == "tool" and message.text == "42\n" for message in sample.messages)
        return sample.scores["judged"]

    assert scored("number % 1.0").value == 1.0
    assert scored("number").value == 0.0

    def lost(*_: Any) -> Any:
        raise OSError("the disk is full")

    monkeypatch.setattr(Oracle, "judge", lost)
    unscored = scored("number % 1.0", use_cache=False)
    assert unscored.value != unscored.value
    assert "the disk is full" in unscored.explanation


def test_inspect_finds_the_entry_point() -> None:
    pytest.importorskip("inspect_ai", reason="NOT CHECKED: inspect_ai is not here")
    from inspect_ai._util.registry import registry_info

    points = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["entry-points"]["inspect_ai"]
    module = importlib.import_module(points["exogate"])
    names = {registry_info(made).name.removeprefix("exogate/") for made in (module.judged("humaneval"), module.python())}
    assert names == {"judged", "python"}
