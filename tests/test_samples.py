"""Samples are read as the field writes them; whatever is wrong with a file is said at once, and with its place."""

import gzip
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from toolkit.samples import BadInput, read
from toolkit.sanitize import Sanitizer
from toolkit.types import Sample, Task

TASKS = {
    f"HumanEval/{i}": Task(
        task_id=f"HumanEval/{i}", prompt="def f():\n", entry_point="f", canonical_solution="    return 1\n"
    )
    for i in range(11)
}
GOOD = {"task_id": "HumanEval/0", "solution": "def f():\n    return 1\n"}


def write(path: Path, *rows: dict[str, Any] | bytes) -> Path:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def problems(path: Path, **settings: Any) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read(path, TASKS, **settings)
    return caught.value.problems


def test_all_fields_and_the_order_of_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.jsonl",
        {"task_id": "HumanEval/1", "completion": "    return 2\n"},
        b"",
        b"  \t",
        GOOD | {"completion": "no", "raw_response": "no"},
        {"task_id": "HumanEval/1", "raw_response": "So:\n```\ndef f():\n    return 3\n```"},
    )
    assert read(path, TASKS) == (
        [
            Sample(task_id="HumanEval/1", sample_id=0, solution="def f():\n    return 2\n", raw="    return 2\n"),
            Sample(task_id="HumanEval/0", sample_id=0, solution=GOOD["solution"]),
            Sample(
                task_id="HumanEval/1", sample_id=1, solution="def f():\n    return 3",
                raw="So:\n```\ndef f():\n    return 3\n```",
            ),
        ],
        [],
    )  # fmt: skip
    zipped = tmp_path / "s.jsonl.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert read(zipped, TASKS) == read(str(path), TASKS)


def test_a_folder_is_read_in_numeric_order(tmp_path: Path) -> None:
    for name in ("HumanEval_10/0", "HumanEval_2/10", "HumanEval_2/9", "HumanEval_2/notes", "Other_1/0"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.py").write_text(f"x = {name!r}\n")
    (tmp_path / "README").write_text("?")
    (tmp_path / "__pycache__").mkdir()
    samples, bad = read(tmp_path, TASKS, skip_bad=True)
    assert [(s.task_id, s.sample_id, s.solution) for s in samples] == [
        ("HumanEval/2", 0, "x = 'HumanEval_2/9'\n"),
        ("HumanEval/2", 1, "x = 'HumanEval_2/10'\n"),
        ("HumanEval/2", 2, "x = 'HumanEval_2/notes'\n"),
        ("HumanEval/10", 0, "x = 'HumanEval_10/0'\n"),
    ]
    reason = "unknown task_id 'Other/1' (this benchmark's ids begin with HumanEval/)"
    assert bad == [f"{tmp_path}/Other_1/0.py: {reason}"] == problems(tmp_path)


def test_every_bad_line_is_listed_and_the_rest_can_be_judged(tmp_path: Path) -> None:
    bad: list[tuple[dict[str, Any] | bytes, str]] = [
        (b'{"task_id": "HumanEval/0", "solution": ', "malformed JSON: Expecting value at column"),
        (b'{"a": ' + b"1" * 5_000 + b"}", "malformed JSON: Exceeds the limit"),
        (b"[" * 100_000, "malformed JSON: nested too deeply"),
        (b"[1]", "not an object but list"),
        ({"solution": "x"}, "task_id is missing"),
        (GOOD | {"task_id": 3}, "task_id is not a string but int"),
        (GOOD | {"task_id": "HumanEval/\x1b[31m" + "9" * 99}, "unknown task_id 'HumanEval/\\x1b[31m999"),
        (GOOD | {"task_id": "Mbpp/2"}, "unknown task_id 'Mbpp/2' (a task of MBPP; this benchmark's ids begin with"),
        ({"task_id": "HumanEval/0"}, "none of solution, completion, raw_response is there"),
        (GOOD | {"solution": None, "completion": "x"}, "solution is not a string but NoneType"),
        (b'{"task_id": "\xff"}', "invalid UTF-8 at byte 13"),
        (GOOD | {"solution": "x\0"}, "solution has a NUL byte"),
        (GOOD | {"solution": "x\ud800"}, "solution has a lone surrogate at character 1"),
        (GOOD | {"solution": "é" * 6_000}, "solution has 12,000 bytes, more than 10,000"),
        (GOOD | {"solution": "x" * 200_000}, "the line has more than 120,000 bytes"),
    ]
    path = write(tmp_path / "s.jsonl", GOOD, *(row for row, _ in bad), GOOD)
    found = problems(path, max_bytes=10_000)
    assert len(found) == len(bad)
    for number, (problem, (_, reason)) in enumerate(zip(found, bad, strict=True), start=2):
        assert problem.startswith(f"{path}:{number}: {reason}")
        assert problem.isascii()
        assert problem.isprintable()
    samples, skipped = read(path, TASKS, skip_bad=True, max_bytes=10_000)
    assert ([s.sample_id for s in samples], skipped) == ([0, 1], found)


def test_samples_of_tasks_that_are_not_selected_are_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", GOOD | {"task_id": "HumanEval/10"}, GOOD, GOOD | {"task_id": "HumanEval/11"})
    known = [f"HumanEval/{i}" for i in range(164)]
    selected = {"HumanEval/0": TASKS["HumanEval/0"]}
    assert [s.task_id for s in read(path, selected, known=known)[0]] == ["HumanEval/0"]
    path = write(tmp_path / "s.jsonl", GOOD | {"task_id": "HumanEval/10"})
    assert read(path, selected, known=known) == ([], [])


@pytest.mark.parametrize("skip_bad", [False, True])
def test_what_is_no_file_of_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skip_bad: bool) -> None:
    empty = write(tmp_path / "empty")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    folder = tmp_path / "folder"
    (folder / "HumanEval_0").mkdir(parents=True)
    assert problems(empty, skip_bad=skip_bad) == [f"{empty}: empty"]
    assert problems(write(tmp_path / "blank", b"", b" "), skip_bad=skip_bad) == [f"{tmp_path}/blank: empty"]
    assert problems(folder, skip_bad=skip_bad) == [f"{folder}: no samples (a folder is read as TASK_ID/0.py)"]
    for odd in (fifo, Path("/dev/zero")):
        assert problems(odd, skip_bad=skip_bad) == [f"{odd}: not a regular file"]
    assert problems(tmp_path / "none", skip_bad=skip_bad) == [f"{tmp_path}/none: No such file or directory"]

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # root may read all files, whatever their mode
    assert problems(empty, skip_bad=skip_bad) == [f"{empty}: Permission denied"]


def test_bad_files_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "HumanEval_0"
    folder.mkdir()
    (folder / "0.py").write_bytes(b"\xff")
    (folder / "1.py").write_bytes(b"#" * 101)
    os.mkfifo(folder / "2.py")
    assert problems(tmp_path, max_bytes=100) == [
        f"{folder}/0.py: invalid UTF-8 at byte 0",
        f"{folder}/1.py: more than 100 bytes",
        f"{folder}/2.py: not a regular file",
    ]


def test_broken_gzip_keeps_what_was_read(tmp_path: Path) -> None:
    rows = "".join(json.dumps(GOOD | {"solution": f"x = {random.Random(i).random()}"}) + "\n" for i in range(5_000))
    whole = gzip.compress(rows.encode())
    path = tmp_path / "s.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    samples, (problem,) = read(path, TASKS, skip_bad=True)
    assert 0 < len(samples) < 5_000
    assert problem.startswith(f"{path}:{len(samples) + 1}: broken gzip: ")
    assert problems(path) == [problem]
    path.write_bytes(whole[:500] + b"\0" * 500 + whole[1_000:])
    assert ": broken gzip: " in problems(path)[-1]
    path.write_bytes(b"no gzip at all")
    assert problems(path)[0].startswith(f"{path}:1: broken gzip: Not a gzipped file")


def test_a_gzip_bomb_is_one_line_too_long(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(64):
            file.write(b" " * (1 << 20))
    assert problems(path, max_bytes=1_000) == [f"{path}:1: the line has more than 12,000 bytes"]


def test_equal_texts_are_kept_once_and_a_given_sanitizer_is_used(tmp_path: Path) -> None:
    row = {"task_id": "HumanEval/0", "completion": "    return 1\n"}
    path = write(tmp_path / "s.jsonl", *[row] * 50)
    with Sanitizer() as sanitizer:
        samples, _ = read(path, TASKS, sanitizer=sanitizer)
        assert any(worker.process for worker in sanitizer._workers)
    assert len({id(s.solution) for s in samples}) == len({id(s.raw) for s in samples}) == 1
    assert [s.sample_id for s in samples] == list(range(50))
