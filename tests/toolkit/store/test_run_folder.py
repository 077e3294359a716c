"""A run folder keeps what was finished through kills, full disks and second processes, and ends the same each time."""

import errno
import json
import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import started
from toolkit.errors import UsageError
from toolkit.records import Result, Sample, Verdict
from toolkit.report import run_files
from toolkit.report import summary as report
from toolkit.store import run_folder as runs
from toolkit.store.files import SettingsChanged
from toolkit.store.refusals import NoRun, RunExists, RunFolderError, RunFolderUnwritable, RunInUse
from toolkit.store.rows import from_row
from toolkit.store.run_folder import RunFolder

SETTINGS = {"benchmark": "humaneval+", "timeout_s": 5.0, "samples": Path("s.jsonl")}
DATA = {"humaneval+": "fe585eb4df8c88d844eeb463ea4d0302"}


def samples(n: int = 40) -> list[Sample]:
    return [
        Sample(task_id=f"T/{i % 7}", sample_id=i // 7, solution=f"x = {i}\n\ud800é", raw="```" if i % 3 else None)
        for i in range(n)
    ]


def judge(sample: Sample) -> Result:
    verdict = list(Verdict)[(int(sample.task_id[2:]) + sample.sample_id) % len(Verdict)]
    key: dict[str, Any] = {"task_id": sample.task_id, "sample_id": sample.sample_id}
    return Result(**key, verdict=verdict, base=Verdict.PASSED, plus=verdict, detail=f"in call {sample.sample_id}: …")


def unscored(sample: Sample) -> Result:
    return Result(task_id=sample.task_id, sample_id=sample.sample_id, verdict=None, error="the box went away")


def create(path: Path, **more: Any) -> RunFolder:
    return RunFolder.create(path, SETTINGS, images={"run": "sha256:1"}, data=DATA, **more)


def finish(folder: RunFolder, results: list[Result]) -> None:
    summary = report.summarise(benchmark="humaneval+", results=results, ks=[1], has_plus=True)
    folder.finish(results, summary, run_files.made(folder, results, summary, {}))


def complete(path: Path, *, order: list[Sample] | None = None, **more: Any) -> RunFolder:
    with create(path, **more) as folder:
        folder.write_samples(samples())
        known = folder.done()
        for sample in order or samples():
            if (sample.task_id, sample.sample_id) not in known:
                folder.append(judge(sample), {"wall_s": random.random()})
        finish(folder, [judge(sample) for sample in samples()])
    return folder


def same(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in (runs.SAMPLES, runs.RESULTS, runs.SUMMARY)}


def test_a_finished_run(tmp_path: Path) -> None:
    folder = complete(tmp_path / "a", order=samples()[::-1], about={"parallel": 2}, seed=7)
    given = {*(f"{runs.GENERATED}{end}" for end in ("", ".part", runs.SUFFIX)), runs.STDIN}
    assert {file.name for file in folder.path.iterdir()} == {*runs.FILES, runs.LOCK} - given
    run = json.loads((folder.path / runs.RUN).read_text())
    assert run["settings"] == {"benchmark": "humaneval+", "timeout_s": 5.0, "samples": "s.jsonl"}
    assert (run["seed"], run["images"], run["data"], run["about"]) == (7, {"run": "sha256:1"}, DATA, {"parallel": 2})
    assert {"python", "numpy"} <= run["versions"].keys()
    assert "git_commit" in run
    rows = [json.loads(line) for line in (folder.path / runs.RESULTS).read_bytes().splitlines()]
    assert [from_row(row) for row in rows] == [judge(sample) for sample in samples()]
    assert rows[0].keys() == {
        "task_id", "sample_id", "verdict", "base", "plus", "error", "detail", "base_call", "plus_call", "failed", "shared",
    }  # fmt: skip
    written = [Sample(**json.loads(line)) for line in (folder.path / runs.SAMPLES).read_bytes().splitlines()]
    assert written == samples()
    facts = [json.loads(line) for line in (folder.path / runs.EXECUTIONS).read_bytes().splitlines()]
    assert [(row["task_id"], row["sample_id"]) for row in facts] == [(s.task_id, s.sample_id) for s in samples()]
    assert runs.read(folder.path) == {(s.task_id, s.sample_id): judge(s) for s in samples()}


def test_evalplus_reads_its_shape(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with create(path) as folder:
        folder.write_samples(samples(10))
        finish(folder, [unscored(sample) if i == 8 else judge(sample) for i, sample in enumerate(samples(10))])
    found = json.loads((path / runs.EVALPLUS).read_text())
    assert found["date"] == folder.run["date"][:16].replace("T", " ")
    assert found["hash"] == DATA["humaneval+"]
    assert list(found["eval"]) == [f"T/{i}" for i in range(7)]
    assert [row["solution"] for row in found["eval"]["T/2"]] == ["x = 2\n\ud800é", "x = 9\n\ud800é"]
    assert len(found["eval"]["T/1"]) == 1, "an unscored sample is neither a pass nor a fail"
    assert found["eval"]["T/4"][0] == {
        "task_id": "T/4",
        "solution": "x = 4\n\ud800é",
        "base_status": "pass",
        "plus_status": "timeout",
        "base_fail_tests": [],
        "plus_fail_tests": [],
    }
    assert {row["plus_status"] for rows in found["eval"].values() for row in rows} == {"pass", "fail", "timeout"}


def test_base_only_has_no_plus_status(tmp_path: Path) -> None:
    with create(tmp_path) as folder:
        folder.write_samples(samples(1))
        finish(folder, [Result(task_id="T/0", sample_id=0, verdict=Verdict.PASSED)])
    row = json.loads((tmp_path / runs.EVALPLUS).read_text())["eval"]["T/0"][0]
    assert (row["base_status"], row["plus_status"]) == ("pass", None)


def test_a_run_is_not_lost_by_accident(tmp_path: Path) -> None:
    complete(tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    before = same(tmp_path)
    with pytest.raises(RunExists, match=r"--resume.*--overwrite"):
        create(tmp_path)
    with pytest.raises(ValueError, match="exclude"):
        create(tmp_path, resume=True, overwrite=True)
    assert same(tmp_path) == before
    with create(tmp_path, overwrite=True) as folder:
        assert folder.done() == {}
        assert not folder.resumed
    assert {file.name for file in tmp_path.iterdir()} == {"mine.txt", runs.RUN, runs.LOCK}


def test_resume_wants_the_same_settings(tmp_path: Path) -> None:
    complete(tmp_path)
    date = json.loads((tmp_path / runs.RUN).read_text())["date"]
    changed = {**SETTINGS, "timeout_s": 3.0, "limit": 5}
    with pytest.raises(SettingsChanged) as caught:
        RunFolder.create(tmp_path, changed, images={"run": "sha256:2"}, data=DATA, resume=True)
    assert caught.value.changes == [
        "settings.timeout_s: 5.0 -> 3.0",
        "settings.limit: not set -> 5",
        'images.run: "sha256:1" -> "sha256:2"',
    ]
    assert all(change in str(caught.value) for change in caught.value.changes)
    with create(tmp_path, resume=True, about={"parallel": 9}) as folder:
        assert folder.resumed
        assert folder.run["date"] == date
        assert len(folder.done()) == 40


def test_resume_of_nothing_begins(tmp_path: Path) -> None:
    with create(tmp_path / "new" / "deep", resume=True) as folder:
        assert not folder.resumed
        assert folder.done() == {}


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"settings": 1, "seed": 0, "images": {}, "data": {}}'])
def test_unreadable_run_json(tmp_path: Path, text: bytes) -> None:
    (tmp_path / runs.RUN).write_bytes(text)
    with pytest.raises(RunExists, match="--overwrite"):
        create(tmp_path, resume=True)
    create(tmp_path, overwrite=True).close()


@pytest.mark.parametrize("torn", [b"", b"{", b'{"task_id": "T/0"', b"\0" * 200_000, b"\xff", b'{"task_id": "T/0"}'])
def test_a_torn_last_line_is_repaired(tmp_path: Path, torn: bytes) -> None:
    with create(tmp_path) as folder:
        for sample in samples(5):
            folder.append(judge(sample), {})
    whole = (tmp_path / runs.RESULTS).read_bytes()
    for name in (runs.RESULTS, runs.EXECUTIONS):
        with (tmp_path / name).open("ab") as file:
            file.write(torn)
    with create(tmp_path, resume=True) as folder:
        assert (tmp_path / runs.RESULTS).read_bytes() == whole
        assert len(folder.done()) == 5
        folder.append(judge(samples()[5]), {})
        assert len(folder.done()) == 6


def test_a_file_without_a_whole_line(tmp_path: Path) -> None:
    create(tmp_path).close()
    (tmp_path / runs.RESULTS).write_bytes(b'{"task')
    with create(tmp_path, resume=True) as folder:
        assert folder.done() == {}
    assert (tmp_path / runs.RESULTS).read_bytes() == b""


def test_done_takes_the_last_and_leaves_the_unscored_and_the_unreadable(tmp_path: Path) -> None:
    first, second, third = samples(3)
    with create(tmp_path) as folder:
        folder.append(unscored(first), {})
        folder.append(judge(first), {})
        folder.append(unscored(second), {})
        with (tmp_path / runs.RESULTS).open("ab") as file:
            file.write(b'\0\0\n{"task_id": 1}\n[]\n7\n')
        folder.append(judge(third), {})
        assert folder.done() == {("T/0", 0): judge(first), ("T/2", 0): judge(third)}
        assert len(runs.read(tmp_path)) == 3


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with create(tmp_path):
        for more in ({"resume": True}, {"overwrite": True}, {}):
            with pytest.raises(RunInUse, match="another run"):
                create(tmp_path, **more)
    create(tmp_path, resume=True).close()


def test_read_says_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(NoRun, match="no run folder"):
        runs.read(tmp_path)
    with pytest.raises(NoRun, match="no run folder"):
        runs.read(tmp_path / "absent")
    create(tmp_path).close()
    assert runs.read(tmp_path) == {}
    (tmp_path / runs.RESULTS).mkdir()
    with pytest.raises(RunFolderError, match=runs.RESULTS):
        runs.read(tmp_path)


SLOWLY = """
import sys
sys.path[:0] = [sys.argv[2]]
from pathlib import Path
from tests.toolkit.store.test_run_folder import create, judge, samples
with create(Path(sys.argv[1]), resume=True) as folder:
    folder.write_samples(samples())
    for sample in samples()[::-1]:
        if (sample.task_id, sample.sample_id) not in folder.done():
            folder.append(judge(sample), {"wall_s": 1.0})
            print(sample.sample_id, flush=True)
            sys.stdin.read(1)
"""


@pytest.mark.slow
def test_kill_9_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    complete(tmp_path / "undisturbed")
    root, judged = str(Path(__file__).parents[3]), 0
    for n_more in (0, 1, 5, 17):
        command = [sys.executable, "-c", SLOWLY, str(tmp_path / "killed"), root]
        with started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for _ in range(n_more):
                assert process.stdout.readline()
                process.stdin.write(b".")
                process.stdin.flush()
            assert process.stdout.readline()
            process.kill()
        judged += n_more + 1
        assert len(runs.read(tmp_path / "killed")) == judged
    complete(tmp_path / "killed", resume=True)
    assert same(tmp_path / "killed") == same(tmp_path / "undisturbed")
    lines = (tmp_path / "killed" / runs.EXECUTIONS).read_bytes().splitlines()
    assert sum(json.loads(line)["wall_s"] == 1.0 for line in lines) == judged
    assert len(lines) == 40


def test_a_run_that_failed_in_part_is_retried_after_finish(tmp_path: Path) -> None:
    complete(tmp_path / "undisturbed")
    with create(tmp_path / "b") as folder:
        folder.write_samples(samples())
        results = [unscored(s) if i % 4 == 0 else judge(s) for i, s in enumerate(samples())]
        for result in results:
            folder.append(result, {})
        finish(folder, results)
    with create(tmp_path / "b", resume=True) as folder:
        assert len(folder.done()) == 30
    complete(tmp_path / "b", resume=True)
    assert same(tmp_path / "b") == same(tmp_path / "undisturbed")


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """The limit on a file's size makes the kernel write a part of a line and then refuse, as a full disk does."""
    code = f"""
import resource, sys
sys.path[:0] = [{str(Path(__file__).parents[3])!r}]
from pathlib import Path
from tests.toolkit.store.test_run_folder import create, judge, samples
from toolkit.store.refusals import RunFolderUnwritable
with create(Path({str(tmp_path)!r})) as folder:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    try:
        for sample in samples():
            folder.append(judge(sample), {{}})
    except RunFolderUnwritable as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{tmp_path / runs.RESULTS}: ")
    assert "--resume" in done.stdout
    written = (tmp_path / runs.RESULTS).read_bytes()
    assert written.endswith(b"\n")
    assert 800 < len(written) <= 1000
    complete(tmp_path, resume=True)
    complete(tmp_path / "undisturbed")
    assert same(tmp_path) == same(tmp_path / "undisturbed")


@pytest.mark.parametrize(("code", "remedy"), [(errno.ENOSPC, "free some space"), (errno.EIO, "make it writable")])
def test_errors_name_the_file_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    with create(tmp_path) as folder:
        folder.write_samples(samples(3))
        before = (tmp_path / runs.SAMPLES).read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", refuse)
            patch.setattr(os, "fsync", refuse)
            with pytest.raises(RunFolderUnwritable, match=rf"executions\.jsonl: .*; {remedy}.*--resume"):
                folder.append(judge(samples()[0]), {})
            with pytest.raises(RunFolderUnwritable, match=rf"samples\.jsonl: .*; {remedy}"):
                folder.write_samples(samples(4))
        assert (tmp_path / runs.SAMPLES).read_bytes() == before
        assert [path.name for path in tmp_path.glob(".*")] == [runs.LOCK]
        folder.append(judge(samples()[0]), {})
        assert len(folder.done()) == 1


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(UsageError, match="another --output"):
            create(path)
    with pytest.raises(RunFolderUnwritable, match="another --output"):
        create(Path("/proc/run"))


def test_a_failing_source_of_samples_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[Sample]:
        yield from samples(3)
        raise RuntimeError

    with create(tmp_path) as folder, pytest.raises(RuntimeError):
        folder.write_samples(broken())
    assert {file.name for file in tmp_path.iterdir()} == {runs.RUN, runs.LOCK}


@pytest.mark.slow
def test_many_samples_take_little_memory(tmp_path: Path) -> None:
    def many() -> Iterator[Sample]:
        return (Sample(task_id=f"T/{i % 164}", sample_id=i // 164, solution="x" * 12_000) for i in range(8200))

    with create(tmp_path) as folder:
        results = [judge(sample) for sample in many()]
        for result in results:
            folder.append(result, {"wall_s": 0.1})
        summary = report.summarise(benchmark="humaneval+", results=results, ks=[1])
        tracemalloc.start()
        try:
            folder.write_samples(many())
            writing = tracemalloc.get_traced_memory()[1]
            folder.finish(results, summary, run_files.made(folder, results, summary, {}))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert writing < 1 << 20
    assert peak < 32 << 20, "of 98 MB of programs"


def test_no_handles_are_left(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        complete(tmp_path, overwrite=True)
        with pytest.raises(RunExists):
            create(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before
