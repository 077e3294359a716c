"""Ctrl-C, a consumer that raises, a pool that is closed: what runs ends at once, and nothing is left."""

import contextlib
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sandbox import BoxLost, DockerEngine, EngineUnavailable, Sandbox
from tests.faults import (
    ENDLESS,
    ERRORS,
    HIT,
    OWN,
    RIGHT,
    SMALL,
    TASKS,
    judge,
    nothing_left,
    soon,
)
from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.benchmarks.slices import Slice
from toolkit.cli import main as cli
from toolkit.commands.evaluate import Settings, evaluate
from toolkit.oracle import Oracle
from toolkit.records import DEFECT, Result, Sample, Verdict
from toolkit.store import run_folder as runs
from toolkit.store.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("known_here")


@contextlib.contextmanager
def interrupted(engine: DockerEngine, *, is_closed: bool = True) -> Iterator[tuple[Oracle, Iterator[Any], list[float]]]:
    """Give an oracle, what it judges (one right program and many endless ones), and where to note when it was interrupted."""
    at: list[float] = []
    many = [Sample(task_id=task, sample_id=i, solution=f"{ENDLESS}\n# {i}") for i in range(10) for task in HIT.values()]
    with nothing_left(engine, within_s=30):
        with Sandbox(engine, 2, SMALL) as own:
            by = Oracle(own, OWN, TASKS, "faults-1", timeout_s=60)
            yield by, by.judge_many([Sample(task_id="Own/3", sample_id=99, solution=RIGHT), *many]), at
            if not is_closed:
                assert time.monotonic() - at[0] < soon(2)
                assert judge(by, "check").verdict is judge(by, "table").verdict is Verdict.PASSED
                return
        assert time.monotonic() - at[0] < soon(2)


def test_a_consumer_that_raises_ends_what_runs(pool: Sandbox, engine: DockerEngine) -> None:
    """The pool is as good as before."""

    def consume(by: Oracle, judging: Iterator[Any], at: list[float]) -> None:
        for _, result, _ in judging:
            assert result.verdict is Verdict.PASSED
            time.sleep(0.5)
            at.append(time.monotonic())
            raise KeyboardInterrupt

    with interrupted(engine, is_closed=False) as given:
        with contextlib.suppress(KeyboardInterrupt):
            consume(*given)
        given[1].close()  # type: ignore[attr-defined]


def test_ctrl_c_while_results_are_waited_for(pool: Sandbox, engine: DockerEngine) -> None:
    with interrupted(engine) as (_, judging, at):
        assert next(judging)[1].verdict is Verdict.PASSED

        def interrupt() -> None:
            at.append(time.monotonic())
            signal.raise_signal(signal.SIGINT)

        timer = threading.Timer(0.5, interrupt)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            next(judging)
        timer.join()


def test_a_pool_that_is_closed_in_the_middle(pool: Sandbox, engine: DockerEngine) -> None:
    """Every sample has an error; none is begun in a new box."""
    with interrupted(engine) as (by, judging, at):
        assert next(judging)[1].verdict is Verdict.PASSED

        def close() -> None:
            at.append(time.monotonic())
            by.pool.close()

        timer = threading.Timer(0.5, close)
        timer.start()
        results = [result for _, result, _ in judging]
        timer.join()
    assert len(results) == 20
    assert all((result.error or "").startswith("not judged: ") for result in results)


def test_ctrl_c_in_a_run(pool: Sandbox, engine: DockerEngine, tmp_path: Path) -> None:
    first = BENCHMARKS["humaneval"].load(Options()).tasks["HumanEval/0"]
    programs = [first.prompt + first.canonical_solution, *["while True: pass"] * 3]
    file = tmp_path / "samples.jsonl"
    file.write_text("".join(json.dumps({"task_id": f"HumanEval/{i}", "solution": it}) + "\n" for i, it in enumerate(programs)))
    at: list[float] = []

    def advance(what: str, n: int, *_: Any) -> None:
        if what == "humaneval" and n:
            at.append(time.monotonic())
            raise KeyboardInterrupt

    settings = Settings(benchmark="humaneval", samples=file, timeout_s=60, chosen=Slice(limit=4), use_cache=False, output=tmp_path / "run")
    with nothing_left(engine, within_s=30):
        outcome = evaluate(settings, advance)
        assert time.monotonic() - at[0] < soon(2)
    assert outcome.interrupted
    assert outcome.summary["interrupted"] == "1 of 4 samples were judged"



def test_what_is_raised_while_a_result_is_journalled_costs_that_sample_alone(
    engine: DockerEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Through the command line: exit code 70, and a run that goes on as if nothing had been."""
    tasks = dict(list(BENCHMARKS["humaneval"].load(Options()).tasks.items())[:10])
    hit, n = list(tasks)[3], len(ERRORS)
    rows = [{"task_id": t.task_id, "solution": f"{t.prompt}{t.canonical_solution}\n# {i}"} for t in tasks.values() for i in range(n)]
    file = tmp_path / "samples.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["eval", "humaneval", "--samples", str(file), "--limit", "10", "--timeout", "5", "--no-cache", "--allow-uniform"]
    command += ["--parallel", "2", "--output", str(tmp_path / "run")]
    append = RunFolder.append

    def struck(self: RunFolder, result: Result, facts: Any) -> None:
        if result.task_id == hit:
            raise ERRORS[result.sample_id]("planted")
        append(self, result, facts)

    with monkeypatch.context() as patch, nothing_left(engine):
        patch.setattr(RunFolder, "append", struck)
        done = CliRunner().invoke(cli.app, command)
    found = runs.read(tmp_path / "run")
    errors = {type_: found[hit, i].error or "" for i, type_ in enumerate(ERRORS)}
    assert done.exit_code == 70, done.output
    assert "Traceback" in done.stderr
    assert f"5 of {len(rows)} samples could not be judged because of a defect" in done.stderr
    assert [one for one, said in errors.items() if said == "not judged: planted"] == [OSError, BoxLost, EngineUnavailable]
    assert sum(said.startswith(DEFECT) for said in errors.values()) == 5
    assert sum(result.verdict is Verdict.PASSED for result in found.values()) == len(rows) - n
    assert CliRunner().invoke(cli.app, [*command, "--resume"]).exit_code == 0
    assert [result.verdict for result in runs.read(tmp_path / "run").values()] == [Verdict.PASSED] * len(rows)
