"""From tasks to training data: by a samples file in a model's place, by an endpoint that drops half-way, and read by TRL."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests import inside
from tests.tiny import tiny
from tests.toolkit.models.generated import Endpoint, toolkit
from toolkit.cli import main as cli

TASKS = [
    {"name": "double", "text": "def double(x):\n", "tests": ["assert double(2) == 4", "assert double(-1) == -2"]},
    {"name": "triple", "text": "def triple(x):\n", "tests": ["assert triple(2) == 6"]},
    {"name": "hello", "text": "Write a function hello that returns 'hello'.", "tests": ["assert hello() == 'hello'"]},
]
ANSWERS = {
    "double": ["    return 2 * x\n", "    return 2 * x  # twice\n", "    return x + x\n", "    return x ** 2\n"],
    "triple": ["    return x *\n", "    return x + 2\n", "    while True: pass\n", "    return 0\n"],
    "hello": ["\ndef hello():\n    return 'hello'\n", "\ndef hello():\n    return 'bye'\n", "\nhello = 1\n", "\ndef hello(): return str('hello')\n"],
}
COLUMNS = ("--column", "prompt=text", "--column", "test=tests", "--column", "id=name")
OUTPUTS = ("train.jsonl", "pairs.jsonl", "ledger.jsonl", "samples.jsonl", "distill.json")


def tasks(folder: Path, rows: list[dict[str, Any]] = TASKS) -> Path:
    file = folder / "tasks.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def model(folder: Path) -> Path:
    file = folder / "model.jsonl"
    lines = [json.dumps({"task_id": name, "completion": text}) + "\n" for name, texts in ANSWERS.items() for text in texts]
    file.write_text("".join(lines))
    return file


@pytest.mark.boxes
@pytest.mark.models
def test_what_is_kept_passes_its_tests_and_is_learnt(tmp_path: Path) -> None:
    command = ("distill", tasks(tmp_path), *COLUMNS, "--model", model(tmp_path), "--n", 4, "--gate", "compile+tests", "--pairs", "dpo")
    done = toolkit(*command, "-o", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert "4 programs of 2 of 3 tasks; of 12 samples 12 ended by themselves, gates accepted 5, of which 4 are whole" in done.stdout
    assert "tests refused 5 of 10: wrong-answer 4, TypeError 1\n" in done.stdout
    data = tmp_path / "data"
    assert [(row["task_id"], row["sample_id"]) for row in rows(data / "train.jsonl")] == [("double", 0), ("double", 2), ("hello", 0), ("hello", 3)]
    assert rows(data / "train.jsonl")[2]["prompt"] == "\"\"\"\nWrite a function hello that returns 'hello'.\n\"\"\""
    assert [(row["task_id"], row["rejected_verdict"]["symbol"]) for row in rows(data / "pairs.jsonl")] == [
        ("double", "wrong-answer"), ("hello", "wrong-answer"), ("hello", "TypeError")
    ]  # fmt: skip
    assert rows(data / "ledger.jsonl")[1] == {
        "task_id": "triple", "n": 4, "finished": 4, "accepted": 0, "different": 0, "kept": 0,
        "refused": {"compile: SyntaxError": 2, "tests: wrong-answer": 2},
    }  # fmt: skip
    found = json.loads((data / "distill.json").read_text())
    assert (found["tasks"], found["samples"], found["accepted"], found["kept"], found["pairs"]) == (3, 12, 5, 4, 3)
    assert sum(reason["count"] for reason in found["reasons"]) == 7
    trained = toolkit("train", data, "--model", tiny(tmp_path / "tiny"), "--steps", 1, "--sequence", 64, "--batch", 1, "-o", tmp_path / "out", "--json")
    assert json.loads(trained.stdout)["n_texts"] == 4
    before = {name: (data / name).read_bytes() for name in OUTPUTS}
    assert toolkit(*command, "-o", data).returncode == 2
    assert toolkit(*command, "-o", data, "--resume").returncode == 0
    assert {name: (data / name).read_bytes() for name in OUTPUTS} == before
    other = toolkit(*command, "-o", data, "--resume", "--keep", 1)
    assert other.returncode == 2
    assert "keep: 2 -> 1" in other.stderr
    assert toolkit(*command[:-2], "-o", data, "--overwrite").returncode == 0
    assert not (data / "pairs.jsonl").exists()


@pytest.mark.boxes
def test_an_endpoint_that_drops_half_way_costs_nothing(tmp_path: Path, endpoint: Callable[..., Endpoint]) -> None:
    n_answered, drops = 0, True

    def answer(path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        nonlocal n_answered
        if drops and n_answered == 5:
            return 503, {}, {"error": {"message": "gone"}}
        n_answered += 1
        name = next(name for name in ANSWERS if name in body["messages"][-1]["content"])
        text = ANSWERS["double"][2] if name == "double" else ANSWERS[name][body["seed"] % 4]
        program = text if name == "hello" else f"def {name}(x):\n{text}"
        said = {"message": {"role": "assistant", "content": f"Sure!\n```python\n{program}```"}, "finish_reason": "stop"}
        return 200, {}, {"choices": [said], "usage": {"completion_tokens": 7, "prompt_tokens": 3}}

    server = endpoint(answer)
    command = ("distill", tasks(tmp_path), *COLUMNS, "--base-url", server.url, "--model", "m", "--n", 4, "--gate", "compile+tests",
               "--pairs", "kto", "--batch-size", 1)  # fmt: skip
    done = CliRunner().invoke(cli.app, [*map(str, command), "-o", str(tmp_path / "broken")])
    assert done.exit_code == 3, done.stderr
    assert "5 of 12 samples are kept; go on with --resume" in done.stderr
    drops = False
    for name, more in (("broken", ["--resume"]), ("whole", [])):
        done = CliRunner().invoke(cli.app, [*map(str, command), "-o", str(tmp_path / name), *more])
        assert done.exit_code == 0, done.stderr
    assert n_answered == 24
    for name in OUTPUTS:
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    (first, *_) = rows(tmp_path / "whole" / "train.jsonl")
    assert first["messages"][0]["content"].startswith("Please provide a self-contained Python script")
    assert first["messages"][1]["content"] == "Sure!\n```python\ndef double(x):\n    return x + x\n```"


KILLED = """
import os, sys
from toolkit.cli.main import main
from toolkit.commands import distill

class Dying:
    def __init__(self, inner, calls):
        self.inner, self.calls = inner, calls

    def __call__(self, *given, **more):
        if not self.calls:
            os._exit(137)
        self.calls -= 1
        return self.inner(*given, **more)

where, calls = sys.argv.pop(1).split(":")
owner, name = {"candidates": (distill, "_candidates"), "gate": (distill.gating, "gate"), "rows": (distill.chosen, "rows_of")}[where]
setattr(owner, name, Dying(getattr(owner, name), int(calls)))
main()
"""
"""The command, whose process ends at once where it would do that for the so-manieth time."""


@pytest.mark.slow
def test_a_process_that_is_killed_in_any_stage_costs_nothing(tmp_path: Path) -> None:
    command = ("distill", tasks(tmp_path), *COLUMNS, "--model", model(tmp_path), "--n", 4, "--gate", "duplicate", "--pairs", "dpo")
    for where in ("candidates:0", "gate:0", "rows:1"):
        words = [sys.executable, "-c", KILLED, where, *map(str, command), "-o", str(tmp_path / "killed")]
        resume = ["--resume"] if (tmp_path / "killed").exists() else []
        done = subprocess.run([*words, *resume], capture_output=True, text=True, check=False)
        assert done.returncode == 137, done.stderr
    for name, more in (("killed", ("--resume",)), ("whole", ())):
        done = inside.toolkit(*command, "-o", tmp_path / name, *more)
        assert done.returncode == 0, done.stderr
    for name in OUTPUTS:
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert {path.name for path in (tmp_path / "killed").glob("[!.]*")} == {path.name for path in (tmp_path / "whole").iterdir()}


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ((), "3 of 3 tasks have no tests, which the gate tests needs \\(double, triple, hello\\)"),
        (("--column", "test=testz"), "test=testz: its columns are name, text, tests; did you mean 'tests'"),
        (("--column", "tets=tests"), "--column: 'tets=tests' is no pair .*; did you mean 'test'"),
        (("--gate", "compile+pretty"), "no gate is called 'pretty'"),
        (("--threshold", "ngram=x"), "--threshold wants NAME=NUMBER"),
        (("--pairs", "ppo"), "--pairs is one of dpo, kto, not 'ppo'; did you mean 'dpo'"),
        (("--form", "prose"), "--form is one of text, chat, not"),
        (("--similarity", "0"), "--similarity must be above 0"),
        (("--greedy",), "all 16 samples of a task would be the same"),
        (("--prompt", "1-shots"), "--prompt is one of"),
        (("--resume", "--overwrite"), "exclude each other"),
    ],
)
def test_bad_input_is_said_before_anything_is_written(tmp_path: Path, more: tuple[str, ...], error: str) -> None:
    done = inside.toolkit("distill", tasks(tmp_path), *COLUMNS[:2], *COLUMNS[4:], "--model", model(tmp_path), "-o", tmp_path / "data", *more)
    assert done.returncode == 2
    assert re.search(error, done.stderr), done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.models
@pytest.mark.parametrize("form", ["text", "chat"])
@pytest.mark.filterwarnings("ignore")  # of other packages, about each other
def test_trl_reads_the_pairs_as_they_are(torch: Any, tmp_path: Path, form: str) -> None:
    trl = pytest.importorskip("trl", reason="NOT CHECKED: TRL is not here")
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tests.toolkit.training.test_chosen import ASKED, of_task, refused, row
    from toolkit.training.chosen import pairs_of

    task = of_task(row(0, "def f(x):\n    return x"), row(1, "def f(x):\n    return 1"), row(2, "x", reports=refused("tests")), row(3, "y", reports=refused("compile")))
    task.choose(2, similarity=1.0, shortest_first=False)
    folder = tiny(tmp_path / "tiny")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}{% endfor %}"
    for kind, name in (("dpo", "DPO"), ("kto", "KTO")):
        file = tmp_path / f"{kind}.jsonl"
        file.write_text("".join(json.dumps(each) + "\n" for each in pairs_of(task, kind, form, ASKED)))  # type: ignore[arg-type]
        config, trainer = getattr(trl, f"{name}Config", None), getattr(trl, f"{name}Trainer", None)
        if config is None:
            from trl.experimental import kto

            config, trainer = kto.KTOConfig, kto.KTOTrainer
        args = config(output_dir=str(tmp_path / kind), per_device_train_batch_size=2, max_steps=1, report_to=[], use_cpu=True, bf16=False)
        data = load_dataset("json", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
        said = trainer(model=AutoModelForCausalLM.from_pretrained(folder), args=args, train_dataset=data, processing_class=tokenizer).train()
        assert 0 < said.training_loss < 10
