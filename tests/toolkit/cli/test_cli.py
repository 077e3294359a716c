"""The command line as a person or a script meets it: real runs, bad input, and every fault that can be arranged."""

import gzip
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests import inside
from tests.processes import busy, started
from toolkit.benchmarks import BENCHMARKS, Options

TOOLKIT = str(Path(sys.executable).parent / "toolkit")
TASKS = BENCHMARKS["humaneval"].load(Options()).tasks


def toolkit(*arguments: object, stdin: bytes = b"", **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([TOOLKIT, *map(str, arguments)], input=stdin, capture_output=True, check=False, **more)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def canonical(task_id: str) -> str:
    return TASKS[task_id].prompt + TASKS[task_id].canonical_solution


def write(path: Path, n_tasks: int, n: int = 2) -> Path:
    """`n_tasks` tasks with `n` samples each: the canonical solution and wrong ones."""
    with path.open("w") as file:
        for task_id in list(TASKS)[:n_tasks]:
            for i in range(n):
                solution = canonical(task_id) if i % 2 == 0 else f"def {TASKS[task_id].entry_point}(*_): return {i}"
                file.write(json.dumps({"task_id": task_id, "solution": f"{solution}\n# {i}\n"}) + "\n")
    return path


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    return write(tmp_path / "samples.jsonl", 12)


@pytest.mark.boxes
def test_eval(samples: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    missing = toolkit("eval", "humaneval", "--samples", samples, "--output", out)
    assert missing.returncode == 2
    assert "152 of 164 tasks have no sample: HumanEval/12, HumanEval/13" in missing.stderr
    assert not out.exists()
    judged = ("eval", "humaneval", "--samples", samples, "--allow-missing")
    done = toolkit(*judged, "--output", out, "--k", "1,2", "--json", "--no-cache")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["pass_at_k"]["base"]["1"]["value"] == 0.5
    assert summary["pass_at_k"]["base"]["2"]["value"] == 1.0
    assert summary["verdicts"]["passed"] == 12
    names = {"run.json", "samples.jsonl", "results.jsonl", "executions.jsonl", "summary.json", "report.html"}
    assert names | {"samples_eval_results.json"} <= {path.name for path in out.iterdir()}
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [(row["task_id"], row["sample_id"]) for row in rows] == [(t, i) for t in list(TASKS)[:12] for i in (0, 1)]
    shaped = json.loads((out / "samples_eval_results.json").read_text())["eval"]["HumanEval/0"]
    assert [row["base_status"] for row in shaped] == ["pass", "fail"]
    assert json.loads((out / "run.json").read_text())["settings"]["total_timeout_s"] == 60.0
    again = toolkit(*judged, "--output", out)
    assert again.returncode == 2
    assert "--resume" in again.stderr
    other = toolkit(*judged, "--output", out, "--resume", "--timeout", "3")
    assert other.returncode == 2
    assert "timeout_s" in other.stderr
    compared = toolkit("eval", "humaneval", "--samples", samples, "--output", tmp_path / "b", "--compare", out, "--limit", "6")
    assert compared.returncode == 0, compared.stderr
    assert "humaneval · 6 of 164 tasks" in compared.stdout
    assert "on the 6 tasks that both have, of 6 here and 12 there" in " ".join(compared.stdout.split())


@pytest.mark.boxes
def test_formats_give_the_same_verdicts(tmp_path: Path) -> None:
    task = TASKS["HumanEval/0"]
    rows = [
        {"task_id": task.task_id, "completion": task.canonical_solution},
        {"task_id": task.task_id, "solution": canonical(task.task_id), "completion": "nonsense("},
        {"task_id": task.task_id, "solution": f"Sure! Here it is:\n```python\n{canonical(task.task_id)}\n```\nDone."},
        {"task_id": task.task_id, "completion": f"<think>\nhm\n</think>\n```python\n{canonical(task.task_id)}```"},
        {"task_id": task.task_id, "completion": canonical(task.task_id)},
        {"task_id": task.task_id, "completion": "    return None\n"},
    ]
    file = tmp_path / "mixed.jsonl.gz"
    file.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    out = tmp_path / "run"
    done = toolkit("eval", "humaneval", "--samples", file, "--output", out, "--limit", 1)
    assert done.returncode == 0, done.stderr
    verdicts = [json.loads(line)["verdict"] for line in (out / "results.jsonl").read_text().splitlines()]
    assert verdicts == ["passed"] * 5 + ["wrong_answer"]
    assert "```" in (out / "samples.jsonl").read_text()
    folder = tmp_path / "folder"
    (folder / "HumanEval_0").mkdir(parents=True)
    for i, row in enumerate(rows[1:2]):
        (folder / "HumanEval_0" / f"{i}.py").write_text(row["solution"])
    done = toolkit("eval", "humaneval", "--samples", folder, "--output", tmp_path / "run2", "--limit", 1, "--json")
    assert json.loads(done.stdout)["verdicts"]["passed"] == 1


@pytest.mark.boxes
def test_bad_lines_are_all_listed_before_anything_runs(tmp_path: Path) -> None:
    good = json.dumps({"task_id": "HumanEval/0", "solution": canonical("HumanEval/0")}).encode()
    lines = [
        b'{"task_id": "HumanEval/0", "solution": ', b'{"task_id": "HumanEval/999", "solution": ""}', b'{"solution": ""}',
        b'{"task_id": "HumanEval/0"}', b'{"task_id": "HumanEval/0", "solution": 5}', b'{"task_id": "HumanEval/0", "solution": "\xff"}',
        b"[1]", b"[" * 100_000, json.dumps({"task_id": "HumanEval/0", "solution": "x" * (12 << 20)}).encode(),
    ]  # fmt: skip
    file = tmp_path / "bad.jsonl"
    file.write_bytes(b"\n".join([good, *lines, good]) + b"\n")
    out = tmp_path / "run"
    done = toolkit("eval", "humaneval", "--samples", file, "--output", out)
    assert done.returncode == 2
    for number in range(2, 2 + len(lines)):
        assert f"{file}:{number}: " in done.stderr
    assert not out.exists()
    done = toolkit("eval", "humaneval", "--samples", file, "--output", out, "--skip-bad", "--limit", 1, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_skipped"] == len(lines)
    assert json.loads(done.stdout)["verdicts"]["passed"] == 2
    assert json.loads(done.stdout)["bounds"]["base"]["1"] == {"low": 0.0, "high": 1.0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["eval", "humanevil", "--samples", "x"], "no benchmark"),
        (["eval", "humaneval", "--samples", "x", "--timeout", "0"], "--timeout"),
        (["eval", "humaneval", "--samples", "x", "--timeout", "nan"], "--timeout"),
        (["eval", "humaneval", "--samples", "x", "--total-timeout", "0"], "--total-timeout"),
        (["eval", "humaneval", "--samples", "x", "--resume", "--overwrite"], "--overwrite"),
        (["validate", "humaneval", "--timeout", "0"], "--timeout"),
        (["eval", "humaneval", "--samples", "x", "--k", "0"], "--k"),
        (["eval", "humaneval", "--samples", "x", "--id-range", "a-b"], "--id-range"),
        (["eval", "humaneval", "--samples", "x", "--mini"], "--mini"),
        (["eval", "humaneval", "--samples", "x", "--data", "/nowhere"], "--data"),
        (["run", "/nowhere.py"], "nowhere"),
        (["run", "-", "--timeout", "-1"], "--timeout wants seconds above 0"),
        (["run", "-", "--memory", "63"], "--memory wants at least 64 MiB"),
        (["eval", "humaneval", "--samples", "x", "--model", "y"], "--model has no effect with --samples"),
        (["eval", "humaneval", "--samples", "x", "--top-p", "1", "--n", "2", "--no-chat"], "--n, --top-p, --chat have no effect"),
        (["eval", "humaneval", "--top-p", "0.9"], "--top-p has no effect where the likeliest token is taken"),
        (["gate", "--kind", "compile", "--model", "x", "x.jsonl"], "the gates perplexity, inverse-perplexity, self-score, judge"),
        (["gate", "--kind", "compile+perplexity", "--judge-model", "x", "x.jsonl"], "--judge-model has no effect"),
        (["gate", "--kind", "quality", "--threshold", "pylint=11", "x.jsonl"], "pylint of the gate 'quality' must be at most 10"),
    ],
)
def test_usage_errors(arguments: list[str], words: str) -> None:
    done = inside.toolkit(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.boxes
@pytest.mark.parametrize("path", ["/nowhere.jsonl", "/dev/null", "/proc"])
def test_samples_that_cannot_be_read_are_named(path: str) -> None:
    done = toolkit("eval", "humaneval", "--samples", path)
    assert done.returncode == 2
    assert path in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_data_says_which_file_to_put_where(tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"
    file.write_text('{"task_id": "HumanEval/0", "solution": ""}\n')
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    environment.pop("HUMANEVAL_OVERRIDE_PATH", None)
    done = toolkit("eval", "humaneval+", "--samples", file, env=environment)
    assert done.returncode == 3
    assert "HumanEvalPlus-v0.1.10.jsonl" in done.stderr
    assert "--data" in done.stderr


def test_no_engine_is_exit_code_3(samples: Path) -> None:
    done = toolkit("eval", "humaneval", "--samples", samples, env=os.environ | {"DOCKER_HOST": "unix:///nowhere.sock"})
    assert done.returncode == 3
    assert "make engine" in done.stderr


@pytest.mark.boxes
def test_a_uniform_verdict_vector_is_a_warning(tmp_path: Path) -> None:
    file = write(tmp_path / "all.jsonl", 12, 1)
    done = toolkit("eval", "humaneval", "--samples", file, "--output", tmp_path / "a", "--limit", 12, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["pass_at_k"]["base"]["1"]["value"] == 1.0
    assert "--allow-uniform" in json.loads(done.stdout)["warnings"][0]
    assert "warning: all 12 verdicts are passed" in done.stderr
    assert "all 12 verdicts are passed" in (tmp_path / "a" / "report.html").read_text()
    flags = ["--output", tmp_path / "b", "--limit", 12, "--allow-uniform", "--json"]
    done = toolkit("eval", "humaneval", "--samples", file, *flags)
    assert done.returncode == 0
    assert json.loads(done.stdout)["warnings"] == []
    assert "warning" not in done.stderr


@pytest.mark.boxes
def test_killed_and_resumed_ends_with_the_same_bytes(tmp_path: Path) -> None:
    file = write(tmp_path / "samples.jsonl", 20, 6)
    flags = ["--samples", file, "--no-cache", "--timeout", "5", "--limit", 20]
    assert toolkit("eval", "humaneval", *flags, "--output", tmp_path / "whole").returncode == 0
    killed = tmp_path / "killed"
    rng = random.Random(1)
    for _ in range(6):
        command = [TOOLKIT, "eval", "humaneval", *map(str, flags), "--output", str(killed), "--resume"]
        with started(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(rng.uniform(0.2, 1.8))
            process.kill()
    if (killed / "results.jsonl").exists():
        with (killed / "results.jsonl").open("ab") as torn:
            torn.write(b'{"task_id": "Human')
    assert toolkit("eval", "humaneval", *flags, "--output", killed, "--resume").returncode == 0
    for name in ("results.jsonl", "samples.jsonl"):
        assert (killed / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    whole, resumed = (
        json.loads((folder / "samples_eval_results.json").read_text())["eval"] for folder in (tmp_path / "whole", killed)
    )
    assert whole == resumed


@pytest.mark.boxes
def test_interrupted(tmp_path: Path) -> None:
    file = write(tmp_path / "samples.jsonl", 40, 10)
    with file.open("a") as lines:
        lines.write(json.dumps({"task_id": "HumanEval/0", "solution": "import time\ntime.sleep(60)"}) + "\n")
    command = [TOOLKIT, "eval", "humaneval", "--samples", str(file), "--no-cache", "--output", str(tmp_path / "run")]
    command += ["--timeout", "60", "--limit", "40"]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        results = tmp_path / "run" / "results.jsonl"
        while process.poll() is None and not (results.exists() and results.stat().st_size):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted" in out
    assert f"go on with: toolkit {' '.join(command[1:])} --resume\n" in err
    assert "Traceback" not in err


@pytest.mark.boxes
def test_a_full_disk_is_no_verdict(samples: Path, tmp_path: Path) -> None:
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))

    out = tmp_path / "run"
    flags = ["eval", "humaneval", "--samples", samples, "--limit", 12, "--output", out, "--no-cache"]
    done = toolkit(*flags, preexec_fn=small)
    assert done.returncode == 3
    assert "--resume" in done.stderr
    assert "Traceback" not in done.stderr
    assert toolkit(*flags, "--resume").returncode == 0


@pytest.mark.boxes
def test_same_verdicts_whatever_the_machine_does(tmp_path: Path) -> None:
    file = write(tmp_path / "samples.jsonl", 25, 2)
    seen = set()
    for i, (n_busy, parallel) in enumerate([(0, 2), (4, 2), (0, 1)]):
        with busy(n_busy):
            flags = ["--samples", file, "--no-cache", "--parallel", parallel, "--limit", 25, "--output", tmp_path / str(i)]
            assert toolkit("eval", "humaneval", *flags, "--timeout", "2").returncode == 0
        seen.add((tmp_path / str(i) / "results.jsonl").read_bytes())
    assert len(seen) == 1


@pytest.mark.boxes
def test_run() -> None:
    done = toolkit("run", "-", stdin=b"import sys\nprint('out')\nsys.exit(5)")
    assert (done.returncode, done.stdout) == (0, "out\n")
    assert done.stderr.startswith("exited 5")
    assert toolkit("run", "-", "--exit-code", stdin=b"raise SystemExit(5)").returncode == 5
    facts = json.loads(toolkit("run", "-", "--json", "--timeout", "1", stdin=b"while True: pass").stdout)
    assert facts["status"] == "timed_out"
    assert facts["exit_code"] is None


@pytest.mark.boxes
def test_validate_and_doctor() -> None:
    found = json.loads(toolkit("validate", "humaneval", "--json").stdout)
    assert found["canonical_passed"] == found["empty_failed"] == found["n_tasks"] == 164
    assert found["surprises"] == []
    done = toolkit("doctor", "--json")
    assert done.returncode == 0, done.stdout
    assert {check["name"] for check in json.loads(done.stdout)["checks"]} >= {"engine", "seccomp", "run image", "box"}


def test_help_is_quick_and_names_every_command() -> None:
    started = time.monotonic()
    done = toolkit("--help")
    assert time.monotonic() - started < 3
    for name in ("eval", "run", "validate", "doctor", "images"):
        assert name in done.stdout


@pytest.mark.boxes
def test_hostile_rows_cost_their_own_verdict(tmp_path: Path) -> None:
    tasks = list(BENCHMARKS["humaneval"].load(Options()).tasks.values())[:12]
    right = {task.task_id: task.prompt + task.canonical_solution for task in tasks}
    name = [task.entry_point for task in tasks]
    hostile = {
        tasks[0].task_id: right[tasks[0].task_id] + "#\0",
        tasks[1].task_id: right[tasks[1].task_id] + "# \udcff",
        tasks[2].task_id: "# " + "x" * (2 << 20),
        tasks[3].task_id: "(" * 100_000,
        tasks[4].task_id: f"def {name[4]}(*a):\n    raise ValueError('\\x1b]0;title\\x07<script>alert(1)</script>\\u202e' + 'y' * 10**6)",
        tasks[5].task_id: f"import sys\nsys.setrecursionlimit(10**9)\ndef {name[5]}(*a):\n    return {name[5]}(*a)",
        tasks[6].task_id: f"def {name[6]}(*a):\n    return ['[' * 10**7]",
        tasks[7].task_id: f"class E(Exception):\n    def __str__(self): raise self\ndef {name[7]}(*a):\n    raise E",
        tasks[8].task_id: f"import os\ndef {name[8]}(*a):\n    os.kill(os.getppid(), 9); os.kill(0, 9)",
        tasks[9].task_id: f"def {name[9]}(*a):\n    while True: print('\\x1b[2J' * 10**5)",
        tasks[10].task_id: f"class {name[10]}(str): __eq__ = lambda s, o: True\n",
    }
    rows = [{"task_id": at, "solution": text} for at, text in (right | hostile).items()]
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "run"
    done = toolkit("eval", "humaneval", "--samples", tmp_path / "s.jsonl", "--limit", 12, "--timeout", 1, "--no-cache", "-o", out)
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    passed = {row["task_id"] for row in results if row["verdict"] == "passed"}
    assert passed == {tasks[11].task_id}
    assert {row["verdict"] for row in results if row["task_id"] in list(hostile)[:3]} == {"compile_error"}
    assert all(row["verdict"] for row in results)
    assert max(len(json.dumps(row)) for row in results) < 5000
    page = (out / "report.html").read_text()
    for text in (done.stdout, done.stderr, page):
        assert not {"\x1b", "\x07", "\u202e", "\0"} & set(text)
    assert "<script>alert" not in page
