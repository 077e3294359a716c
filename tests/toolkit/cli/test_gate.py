"""`toolkit gate` as a person or a script meets it: every form of output, on real boxes."""

import gzip
import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests import inside
from tests.processes import peak_rss_kib, started
from tests.toolkit.cli.gated import BAD, GOOD, NEVER_WRITE, TASKS, TOOLKIT, rows, toolkit, write
from toolkit.samples.rows import ADDED


@pytest.mark.boxes
def test_every_field_and_what_is_written(tmp_path: Path) -> None:
    first = b'{"task_id":"x/1" , "solution": "print(\\u0041)", "score": 1.50e1, "n": 12345678901234567890123}'
    given: list[dict[str, Any] | bytes] = [
        first,
        {"completion": "    return 1\n", "prompt": "def f():\n"},
        {"completion": "    return 1\n"},
        {"completion": TASKS["HumanEval/0"].canonical_solution, "task_id": "HumanEval/0"},
        {"code": BAD, "text": "A task in words."},
        {"text": GOOD},
        {"content": GOOD, "reports": "from before"},
        {"raw_response": f"Sure:\n```python\n{GOOD}```\nDone."},
        {"solution": GOOD, "completion": "(", "entry_point": "square", "test": ["assert square(2) == 4"], "n_tokens": 3},
    ]
    file = tmp_path / "in.jsonl.gz"
    file.write_bytes(gzip.compress(write(tmp_path / "in.jsonl", *given).read_bytes()))
    out = tmp_path / "out"
    done = toolkit("--kind", "compile", file, "--output", out)
    assert done.returncode == 0, done.stderr
    assert "accepted 7, rejected 2" in done.stdout
    accepted, rejected = rows(out / "accepted.jsonl"), rows(out / "rejected.jsonl")
    assert (out / "accepted.jsonl").read_bytes().startswith(
        first[:-1] + b', "judged_sha256": "' + hashlib.sha256(b"print(A)").hexdigest().encode() + b'", "reports": [{"gate": "compile"'
    )
    assert [row["reports"][0]["passed"] for row in accepted + rejected] == [True] * 7 + [False] * 2
    assert [row["reports"][0]["findings"][0]["symbol"] for row in rejected] == ["IndentationError", "SyntaxError"]
    plain = [json.loads(row) if isinstance(row, bytes) else row for row in given]
    for row in accepted + rejected:
        assert {name: value for name, value in row.items() if name not in ADDED} in [
            {name: value for name, value in one.items() if name not in ADDED} for one in plain
        ]
    assert sorted(path.name for path in out.iterdir()) == ["accepted.jsonl", "rejected.jsonl", "summary.json"]
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["n"], summary["n_accepted"], summary["n_rejected"]) == (9, 7, 2)
    assert summary["acceptance"]["low"] < 7 / 9 == summary["acceptance"]["value"] < summary["acceptance"]["high"]
    assert summary["gates"] == {"compile": {"asked": 9, "refused": 2, "share": 2 / 9}}
    assert [(it["symbol"], it["count"], it["place"]) for it in summary["reasons"]] == [
        ("IndentationError", 1, f"{file}:3"), ("SyntaxError", 1, f"{file}:5")
    ]  # fmt: skip
    assert summary["images"]["run"].startswith("sha256:")
    assert summary["versions"]["python"].startswith("3.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kind", "compiler"], "no gate is called 'compiler'; known: none, "),
        (["--threshold", "foo=3"], "there are pylint (quality), cc (quality), mi (quality)"),
        (["--threshold", "pylint=8", "cc=x"], "'cc=x'"),
        (["--threshold=pylint=8", "cc=nan"], "'cc=nan'"),
        (["--threshold", "pylint"], "such as pylint=8"),
        (["--parallel", "0"], "--parallel"),
        (["--format", "xml"], "--format is one of github, sarif, not 'xml'"),
        (["--format", "sarif", "--json"], "--format and --json exclude each other"),
        (["--against", "/nowhere.jsonl"], "/nowhere.jsonl: No such file"),
        (["--against", "{tmp}"], "no run folder"),
        (["--against", "{tmp}/one.py"], "one.py:1: malformed JSON"),
        (["{tmp}/empty"], "neither samples.jsonl nor any .py file"),
        (["-o", "{tmp}/full"], "--overwrite"),
    ],
)
def test_usage_errors(tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "one.py").write_text(GOOD)
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    write(tmp_path / "full" / "summary.json", {})
    done = inside.toolkit("gate", tmp_path / "one.py", *(word.format(tmp=tmp_path) for word in arguments), cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.boxes
def test_overwriting_strict_and_unwritable(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "good.py").write_text(GOOD)
    out = tmp_path / "out"
    assert toolkit("--kind", "compile", tmp_path / "good.py", "-o", out, "--strict").returncode == 0
    assert toolkit("--kind", "compile", tmp_path / "bad.py", "-o", out, "--strict").returncode == 2
    assert len(rows(out / "accepted.jsonl")) == 1
    assert toolkit("--kind", "compile", tmp_path / "bad.py", "-o", out, "--strict", "--overwrite").returncode == 1
    assert rows(out / "accepted.jsonl") == []
    assert toolkit("--kind", "compile", tmp_path / "bad.py", "-o", tmp_path / "other").returncode == 0
    done = toolkit("--kind", "none", tmp_path / "bad.py", "-o", tmp_path / "bad.py" / "x")
    assert done.returncode == 2
    assert "choose another --output" in done.stderr


def test_no_engine_is_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(GOOD)
    environment = os.environ | {"DOCKER_HOST": "unix:///nowhere.sock"}
    done = toolkit("--kind", "compile", tmp_path / "a.py", env=environment, cwd=tmp_path)
    assert done.returncode == 3
    assert "make engine" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.boxes
def test_thresholds_all_findings_and_the_cache(tmp_path: Path) -> None:
    branches = "".join(f"    if x == {i}:\n        return {2 * i}\n" for i in range(6))
    complex_ = f'"""Seven paths."""\n\n\ndef paths(x):\n    """Return twice x."""\n{branches}    return x\n'
    file = write(tmp_path / "in.jsonl", {"code": GOOD}, {"code": complex_}, {"code": BAD})
    environment = os.environ | {"TOOLKIT_CACHE": str(tmp_path / "cache")}

    def summary(*flags: object) -> dict[str, Any]:
        out = tmp_path / str(time.monotonic_ns())
        done = toolkit(file, "--kind", "compile+quality", "-o", out, "--json", *flags, env=environment)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    plain = summary()
    assert plain["thresholds"]["quality"].items() >= {"pylint": 7.0, "cc": 10.0, "mi": 20.0}.items()
    assert (plain["n_accepted"], plain["n_known"]) == (2, 0)
    assert [plain["gates"][name]["asked"] for name in ("compile", "quality")] == [3, 2]
    again = summary()
    assert again["n_known"] == 5
    assert again["seconds"] < plain["seconds"]
    timeless = {"seconds", "programs_per_s", "n_known", "folder"}
    assert {k: v for k, v in again.items() if k not in timeless} == {k: v for k, v in plain.items() if k not in timeless}
    for flags in (("--threshold", "pylint=0", "cc=5", "mi=0"), ("--threshold=pylint=0", "--threshold", "cc=5", "mi=0")):
        strict = summary(*flags)
        assert strict["thresholds"]["quality"].items() >= {"pylint": 0.0, "cc": 5.0, "mi": 0.0}.items()
        assert strict["n_accepted"] == 1
        assert {it["symbol"] for it in strict["reasons"]} == {"SyntaxError", "complexity"}
    every = summary("--all-findings")
    assert [every["gates"][name]["asked"] for name in ("compile", "quality")] == [3, 3]
    assert summary("--no-cache", "--kind", "compile")["n_known"] == 0


@pytest.mark.boxes
def test_public_examples_are_the_tests_of_a_known_task(tmp_path: Path) -> None:
    task = TASKS["HumanEval/0"]
    file = write(
        tmp_path / "in.jsonl",
        {"task_id": task.task_id, "completion": task.canonical_solution},
        {"task_id": task.task_id, "solution": "def has_close_elements(numbers, threshold):\n    return None\n"},
        {"code": "def f():\n    return 3\n", "test": "assert f() == 3"},
        {"code": "def f():\n    return 3\n", "test_list": ["assert f() == 4"]},
        {"code": "def f():\n    return 3\n"},
    )
    summary = json.loads(toolkit("--kind", "compile+tests", file, "-o", tmp_path / "out", "--json").stdout)
    assert [row.get("task_id", row.get("test")) for row in rows(tmp_path / "out" / "accepted.jsonl")] == [
        task.task_id, "assert f() == 3"
    ]  # fmt: skip
    assert summary["n_rejected"] == 3


@pytest.mark.boxes
def test_contamination_is_looked_for_in_the_known_benchmarks(tmp_path: Path) -> None:
    task = TASKS["HumanEval/1"]
    file = write(tmp_path / "in.jsonl", {"code": task.prompt + task.canonical_solution}, {"code": GOOD})
    done = toolkit("--kind", "decontaminate", file, "-o", tmp_path / "out", "--json", env=os.environ | {"http_proxy": "127.0.0.1:9", "https_proxy": "127.0.0.1:9"})
    assert json.loads(done.stdout)["n_rejected"] == 1, done.stderr
    assert rows(tmp_path / "out" / "accepted.jsonl")[0]["code"] == GOOD


def many(path: Path, n: int) -> Path:
    with path.open("w") as file:
        for i in range(n):
            file.write(json.dumps({"task_id": f"T/{i}", "code": f"{GOOD}\n# {i} {'x' * 2_000}\n"}) + "\n")
    return path


@pytest.mark.boxes
def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    peaks = []
    for n in (1_000, 10_000):
        command = [TOOLKIT, "gate", "--kind", "none", "--no-cache", str(many(tmp_path / "in.jsonl", n)), "-o", str(tmp_path / str(n))]
        peaks.append(peak_rss_kib(command))
    assert peaks[1] < 1.2 * peaks[0] < 300 << 10


@pytest.mark.boxes
def test_interrupted(tmp_path: Path) -> None:
    file, out = many(tmp_path / "in.jsonl", 20_000), tmp_path / "out"
    command = [TOOLKIT, "gate", "--kind", "compile", "--no-cache", str(file), "-o", str(out)]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not any(path.stat().st_size for path in out.glob(".accepted*")):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted; nothing was written" in err
    assert "Traceback" not in err
    assert not out.exists()
    assert not boxes_of(process.pid)


def boxes_of(pid: int) -> list[str]:
    import docker

    client = docker.from_env()
    try:
        found = client.api.containers(all=True, filters={"label": "exogate.box"})
    finally:
        client.close()
    return [box["Id"] for box in found if f"/{pid}/" in box["Labels"]["exogate.owner"]]


@pytest.mark.boxes
def test_a_full_disk_leaves_nothing_torn(tmp_path: Path) -> None:
    import resource

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    done = toolkit("--kind", "none", many(tmp_path / "in.jsonl", 100), "-o", tmp_path / "out", preexec_fn=small, env=NEVER_WRITE)
    assert done.returncode == 3
    assert "Make room" in done.stderr
    assert not (tmp_path / "out").exists()


def test_help_is_quick() -> None:
    started = time.monotonic()
    done = toolkit("--help")
    assert time.monotonic() - started < 3
    for word in ("--kind", "--threshold", "--against", "--format", "--strict"):
        assert word in done.stdout
