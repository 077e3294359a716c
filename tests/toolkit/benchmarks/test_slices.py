"""Which tasks are chosen: days, difficulties, releases; and where files of a release come from."""

import gzip
import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from toolkit.benchmarks import BENCHMARKS, DataMissing, Options
from toolkit.benchmarks.load import load
from toolkit.benchmarks.slices import Slice, left_out, select
from toolkit.errors import UsageError
from toolkit.records import Task

LCB = BENCHMARKS["livecodebench"]
REPO = "livecodebench/code_generation_lite"


def record(name: str, **more: Any) -> dict[str, Any]:
    tests = [{"input": "1", "output": "1", "testtype": "stdin"}]
    return {"question_id": name, "starter_code": "", "public_test_cases": json.dumps(tests), **more}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


DATED = [
    record("a", contest_date="2023-08-21T00:00:00", difficulty="easy"),
    record("b", contest_date="2023-09-02T00:00:00", difficulty="hard"),
    record("c", contest_date="2024-01-31T23:00:00", difficulty="easy"),
]


@pytest.fixture
def tasks(tmp_path: Path) -> dict[str, Task]:
    return load(LCB, Options(data=write(tmp_path / "dated.jsonl", *DATED)))[0]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, "abc"), ({"since": "2023-09-02"}, "bc"), ({"until": "2023-09-02"}, "ab"), ({"since": "2023-08-22", "until": "2024-01-30"}, "b"),
        ({"difficulty": "easy"}, "ac"), ({"difficulty": "hard, easy"}, "abc"), ({"difficulty": "easy", "since": "2023-09-01"}, "c"),
        ({"difficulty": "easy", "limit": 1}, "a"),
    ],
)  # fmt: skip
def test_days_are_included_and_conditions_add_up(tasks: dict[str, Task], given: dict[str, Any], names: str) -> None:
    assert "".join(select(LCB, tasks, Slice(**given))) == names


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"since": "2024-02-01"}, "no task is of a day from 2024-02-01 on: they are of 2023-08-21 to 2024-01-31"),
        ({"since": "2024-01-01", "until": "2023-01-01"}, "no task is of a day from 2024-01-01 on and until 2023-01-01"),
        ({"since": "2024-13-01"}, "--from wants a day such as 2024-05-31, not '2024-13-01'"),
        ({"until": "May"}, "--to wants a day"), ({"dates": Path("x")}, "--dates has no effect without --from or --to"),
        ({"difficulty": "eassy"}, "--difficulty eassy: tasks are easy, hard; did you mean 'easy'?"),
        ({"limit": 0}, "--limit must be at least 1, not 0"),
    ],
)  # fmt: skip
def test_what_chooses_nothing_or_makes_no_sense_is_refused(tasks: dict[str, Task], given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        select(LCB, tasks, Slice(**given))
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("shape", ["evaluations.json.gz", "dates.jsonl"])
def test_dates_of_another_file_join_by_id_and_those_of_the_data_stand(tmp_path: Path, shape: str) -> None:
    undated, _ = load(LCB, Options(data=write(tmp_path / "data.jsonl", record("x"), record("y"), DATED[0])))
    with pytest.raises(UsageError, match="2 of 3 tasks have no date, x first: name a file that has them with --dates"):
        select(LCB, undated, Slice(since="2024-01-01"))
    rows = [
        {"question_id": "x", "contest_date": "2024-05-01T00:00:00", "graded_list": [True]},
        {"task_id": "a", "date": "2024-06-01"}, {"question_id": "z", "contest_date": "2024-05-01"},
    ]  # fmt: skip
    file = tmp_path / shape
    if ".json." in shape:
        file.write_bytes(gzip.compress(json.dumps(rows).encode()))
    else:
        write(file, *rows)
    with pytest.raises(UsageError, match=f"1 of 3 tasks have no date, y first: not in .*{shape} either"):
        select(LCB, undated, Slice(since="2024-01-01", dates=file))
    known = {name: task for name, task in undated.items() if name != "y"}
    assert list(select(LCB, known, Slice(since="2024-01-01", dates=file))) == ["x"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"question_id": "x"}', "record 1: no column 'date'"), ('{"question_id": "x", "date": "soon"}', "record 1: Invalid isoformat"),
        ("[1]", "record 1: "), ("{", "Expecting property name"), (None, "No such file"),
    ],
)  # fmt: skip
def test_a_file_of_dates_that_is_none_is_refused(tasks: dict[str, Task], tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "dates.jsonl"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match=f"--dates .*dates.jsonl.*{said}"):
        select(LCB, tasks, Slice(since="2020-01-01", dates=file))


def test_other_benchmarks_have_neither_days_nor_difficulties_nor_releases() -> None:
    humaneval = BENCHMARKS["humaneval"]
    known, _ = load(humaneval, Options())
    with pytest.raises(UsageError, match="164 of 164 tasks have no date"):
        select(humaneval, known, Slice(until="2024-01-01"))
    with pytest.raises(UsageError, match="the tasks of humaneval have none"):
        select(humaneval, known, Slice(difficulty="easy"))
    with pytest.raises(UsageError, match="--release is for livecodebench, not for humaneval"):
        load(humaneval, Options(release="release_v1"))


def test_a_task_without_a_test_is_known_and_never_chosen(tmp_path: Path) -> None:
    bare = record("bare") | {"public_test_cases": "[]"}
    tasks, _ = load(LCB, Options(data=write(tmp_path / "data.jsonl", DATED[0], bare)))
    assert list(tasks) == ["a", "bare"]
    assert list(select(LCB, tasks, Slice())) == ["a"]
    assert left_out(tasks) == ["1 of 2 tasks have no test in this data, and are left out: bare"]
    alone, _ = load(LCB, Options(data=write(tmp_path / "data.jsonl", bare)))
    with pytest.raises(UsageError, match="no task of livecodebench has a test in this data"):
        select(LCB, alone, Slice())


@pytest.mark.parametrize(
    ("release", "names"),
    [
        ("", "abc"), ("release_v1", "a"), ("release_v3", "abc"), ("v2", "b"), ("v2_v3", "bc"), ("v1_v2", "ab"),
    ],
)  # fmt: skip
def test_a_release_is_the_first_of_the_files(tmp_path: Path, release: str, names: str) -> None:
    for name, row in zip(["test.jsonl.gz", "test2.jsonl", "test3.jsonl.gz"], DATED, strict=True):
        write(tmp_path / f"public-{name}", row)
    assert "".join(load(LCB, Options(data=tmp_path, release=release))[0]) == names


def test_a_release_that_is_not_there_is_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "test.jsonl", DATED[0])
    for name in ("release_v7", "v0", "v3_v2", "release_v", "latest"):
        with pytest.raises(UsageError, match=f"--release {name}: livecodebench has release_v1, .*release_latest"):
            load(LCB, Options(data=tmp_path, release=name))
    with pytest.raises(UsageError, match="--release chooses among the files of a folder"):
        load(LCB, Options(data=one, release="v1"))
    with pytest.raises(DataMissing, match=r"has no files whose names end in test2\.jsonl"):
        load(LCB, Options(data=tmp_path, release="release_v2"))
    write(tmp_path / "other-test.jsonl", DATED[1])
    with pytest.raises(DataMissing, match=r"has 2 files whose names end in test\.jsonl"):
        load(LCB, Options(data=tmp_path, release="release_v1"))


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    """A hub with the six files of LiveCodeBench, one record each: its address, and what it was asked for."""
    contents = {
        f"test{n if n > 1 else ''}.jsonl": json.dumps(record(f"q{n}", contest_date=f"2024-0{n}-01")).encode() for n in range(1, 7)
    }
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1]
            content = contents.get(name, json.dumps({"id": REPO, "sha": "0" * 40, "siblings": []}).encode())
            if self.command == "GET" and name in contents:
                asked.append(name)
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_files_of_a_release_come_from_the_hub_once(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    address, asked = hub
    program = (
        "import sys\nfrom toolkit.benchmarks import BENCHMARKS, Options\n"
        "for release in sys.argv[1:]:\n"
        "    print(*BENCHMARKS['livecodebench'].load(Options(release=release)).tasks)\n"
    )
    place = {"HF_ENDPOINT": address, "TOOLKIT_CACHE": str(tmp_path / "cache"), "HF_HOME": str(tmp_path / "hf"), "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program, "release_v2", "v3", "release_v2"], env=place, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.splitlines() == ["q1 q2", "q3", "q1 q2"], done.stderr
    assert asked == ["test.jsonl", "test2.jsonl", "test3.jsonl"]
