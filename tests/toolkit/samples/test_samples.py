"""Samples are read as the field writes them; whatever is wrong with a file is said at once, and with its place."""

import gzip
import hashlib
import io
import json
import os
import random
import sys
import time
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest

from tests.processes import peak_rss_kib
from toolkit.errors import UsageError
from toolkit.records import Sample, Task
from toolkit.samples.lines import MAX_BYTES, Problems, unjudgeable
from toolkit.samples.read import BadInput, read
from toolkit.samples.rows import FIELDS, JUDGED, Program, Row, Source, programs
from toolkit.samples.sanitize import Sanitizer
from toolkit.training import data as training

TASKS = {
    f"HumanEval/{i}": Task(
        task_id=f"HumanEval/{i}", prompt="def f():\n", entry_point="f", canonical_solution="    return 1\n"
    )
    for i in range(11)
}
GOOD = {"task_id": "HumanEval/0", "solution": "def f():\n    return 1\n"}
BOM = b"\xef\xbb\xbf"


def write(path: Path, *rows: dict[str, Any] | bytes) -> Path:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def problems(path: Path, **settings: Any) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read(path, TASKS, **settings)
    return list(caught.value.problems)


def test_all_fields_and_the_order_of_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.jsonl",
        BOM + json.dumps({"task_id": "HumanEval/1", "completion": "    return 2\n"}).encode(),
        b"",
        b"  \t",
        GOOD | {"completion": "no", "raw_response": "no"},
        {"task_id": "HumanEval/1", "raw_response": "So:\n```\ndef f():\n    return 3\n```"},
    )
    samples, bad = read(path, TASKS)
    assert not bad
    assert samples == [
        Sample(task_id="HumanEval/1", sample_id=0, solution="def f():\n    return 2\n", raw="    return 2\n"),
        Sample(task_id="HumanEval/0", sample_id=0, solution=GOOD["solution"]),
        Sample(
            task_id="HumanEval/1", sample_id=1, solution="def f():\n    return 3",
            raw="So:\n```\ndef f():\n    return 3\n```",
        ),
    ]  # fmt: skip
    zipped = tmp_path / "s.jsonl.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert read(zipped, TASKS)[0] == read(str(path), TASKS)[0] == samples
    path.write_bytes(BOM)
    assert problems(path) == [f"{path}: empty"]


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
    assert list(bad) == [f"{tmp_path}/Other_1/0.py: {reason}"] == problems(tmp_path)


def test_every_bad_line_is_listed_and_the_rest_can_be_judged(tmp_path: Path) -> None:
    bad: list[tuple[dict[str, Any] | bytes, str]] = [
        (b'{"task_id": "HumanEval/0", "solution": ', "malformed JSON: Expecting value at column"),
        (b'{"a": ' + b"1" * 5_000 + b"}", "malformed JSON: Exceeds the limit"),
        (b"[" * 100_000, "malformed JSON: nested too deeply"),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "malformed JSON: nested too deeply"),
        (b"[1]", "not an object but list"),
        ({"solution": "x"}, "task_id is missing"),
        (GOOD | {"task_id": 3.0}, "task_id is not a string but float"),
        (GOOD | {"task_id": "HumanEval/\x1b[31m" + "9" * 99}, "unknown task_id 'HumanEval/\\x1b[31m999"),
        (GOOD | {"task_id": "Mbpp/2"}, "unknown task_id 'Mbpp/2' (a task of mbpp or mbpp+; this benchmark's ids begin with"),
        ({"task_id": "HumanEval/0"}, "none of solution, completion, raw_response is there"),
        (GOOD | {"solution": None, "completion": "x"}, "solution is not a string but NoneType"),
        (b'{"task_id": "\xff"}', "invalid UTF-8 at byte 13"),
        (b"\xef\xbb\xbf{}", "malformed JSON: Unexpected UTF-8 BOM"),
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
    assert ([s.sample_id for s in samples], list(skipped), len(skipped)) == ([0, 1], found, len(bad))
    assert skipped.by_task == {"HumanEval/0": 2}  # the rows that can be read and name it


def test_samples_of_tasks_that_are_not_selected_are_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", GOOD | {"task_id": "HumanEval/10"}, GOOD, GOOD | {"task_id": "HumanEval/11"})
    known = [f"HumanEval/{i}" for i in range(164)]
    selected = {"HumanEval/0": TASKS["HumanEval/0"]}
    assert [s.task_id for s in read(path, selected, known=known)[0]] == ["HumanEval/0"]
    path = write(tmp_path / "s.jsonl", GOOD | {"task_id": "HumanEval/10"})
    assert [len(each) for each in read(path, selected, known=known)] == [0, 0]


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
    (folder / "1.py").write_bytes(b"#" * 1_201)
    os.mkfifo(folder / "2.py")
    assert problems(tmp_path, max_bytes=100) == [
        f"{folder}/0.py: invalid UTF-8 at byte 0",
        f"{folder}/1.py: more than 1,200 bytes",
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


READ = """
import sys
from toolkit.samples.read import BadInput, read
from toolkit.records import Task
task = Task(task_id="T/0", prompt="", entry_point="f", canonical_solution="")
try:
    read(sys.argv[1], {"T/0": task})
except BadInput as error:
    assert str(error).endswith(sys.argv[2]), error
    assert len(str(error).splitlines()) == 12
"""


@pytest.mark.slow
@pytest.mark.parametrize("line", [b"x", b"{x}", b"{}", b'{"a": 1, "b": 2}'])
def test_millions_of_bad_lines_are_counted_and_a_hundred_kept(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "s.jsonl.gz"
    n = 10_000_000 // (len(line) + 1)
    path.write_bytes(gzip.compress((line + b"\n") * n))
    assert path.stat().st_size < 30_000
    start = time.monotonic()
    assert peak_rss_kib([sys.executable, "-c", READ, path, f"\n... and {n - 10:,} more"]) < 200 << 10
    assert time.monotonic() - start < 20


@pytest.mark.slow
def test_of_a_text_that_is_too_long_no_more_is_held(tmp_path: Path) -> None:
    """Some kilobytes of texts that are each a sample's `compile_error`, unzipped."""
    path, file = tmp_path / "s.jsonl.gz", io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as lines:
        for i in range(16):
            lines.write(b'{"task_id": "T/0", "solution": "%d%b"}\n' % (i, b"#" * (8 << 20)))
    path.write_bytes(file.getvalue())
    assert peak_rss_kib([sys.executable, "-c", READ, path, ""]) < 150 << 10
    (sample, *_), _ = read(path, {"T/0": replace(TASKS["HumanEval/0"], task_id="T/0")})
    assert (sample.solution[:2], len(sample.solution)) == ("0#", MAX_BYTES + 1)


def test_problems_are_bounded_whatever_is_in_them() -> None:
    found = Problems()
    for number in range(1_000):
        found.add(f"\x1b[31m\u202e\udcff{number}", "é\n" + "x" * 100_000)
    assert len(found) == 1_000
    assert len(list(found)) == 100
    assert max(map(len, found)) < 10_000
    assert found[0].startswith("\\x1b[31m\\u202e\\udcff0: é\\nxxx")
    assert all(line.isprintable() for line in found)
    assert found.listed(2) == [found[0], found[1], "... and 998 more"]
    assert found.listed()[-1] == "... and 990 more"
    assert len(found.listed(100)) == 101
    assert not Problems()
    assert Problems().listed() == []


def test_why_a_text_is_no_program() -> None:
    assert unjudgeable("x = 'é'") is None
    assert unjudgeable("x" * MAX_BYTES) is None
    assert unjudgeable("def f(:") is None
    assert unjudgeable("x\0\ud800") == "has a NUL byte"
    assert unjudgeable("x\ud800") == "has a lone surrogate at character 1"
    assert unjudgeable("é" * (1 << 20)) == "has 2,097,152 bytes, more than 1,048,576"


@pytest.mark.parametrize("text", ["x = 1\0", "```\n\ud800\n```", "#" * (MAX_BYTES + 1), "\x01\u20ac" * (MAX_BYTES // 2)])
def test_a_text_that_is_no_program_is_a_sample_as_it_is(tmp_path: Path, text: str) -> None:
    fields = ("solution", "completion", "raw_response")
    path = write(tmp_path / "s.jsonl", *({"task_id": "HumanEval/0", field: text} for field in fields))
    with Sanitizer() as sanitizer:
        samples, bad = read(path, TASKS, sanitizer=sanitizer)
        assert not any(worker.process for worker in sanitizer._workers)
    assert not bad
    assert [(s.sample_id, s.solution, s.raw) for s in samples] == [(i, text, None) for i in range(3)]
    assert json.loads(json.dumps(samples[0].solution)) == text
    if "\ud800" not in text:
        folder = tmp_path / "folder" / "HumanEval_0"
        folder.mkdir(parents=True)
        (folder / "0.py").write_text(text)
        assert read(folder.parent, TASKS)[0] == samples[:1]


def test_a_folder_is_read_without_following_what_it_points_to(tmp_path: Path) -> None:
    folder, secret = tmp_path / "folder", tmp_path / "HumanEval_9"
    secret.mkdir()
    (secret / "0.py").write_text("secret = 1\n")
    task = folder / "HumanEval_0"
    task.mkdir(parents=True)
    (task / "0.py").write_text("x = 1\n")
    (task / "1.py").symlink_to(secret / "0.py")
    (task / "2.py").symlink_to("nowhere")
    (folder / "HumanEval_1").symlink_to(secret)
    (folder / "HumanEval_2").symlink_to("nowhere")
    reason = "a symbolic link, which is not followed"
    names = ("HumanEval_0/1.py", "HumanEval_0/2.py", "HumanEval_1", "HumanEval_2")
    assert problems(folder) == [f"{folder}/{name}: {reason}" for name in names]
    (tmp_path / "link").symlink_to(folder)
    samples, bad = read(tmp_path / "link", TASKS, skip_bad=True)
    assert ([s.solution for s in samples], len(bad)) == (["x = 1\n"], 4)
    assert bad.by_task == {"HumanEval/0": 2, "HumanEval/1": 1, "HumanEval/2": 1}
    (tmp_path / "s.jsonl").symlink_to(write(tmp_path / "real.jsonl", GOOD))
    assert len(read(tmp_path / "s.jsonl", TASKS)[0]) == 1


def test_names_of_files_are_safe_to_print(tmp_path: Path) -> None:
    folder = tmp_path / "HumanEval_0"
    folder.mkdir()
    for name in ("\x1b[31mred", "\u202egnp", "line\nend", os.fsdecode(b"\xff")):
        (folder / f"{name}.py").write_bytes(b"\xff")
    found = problems(tmp_path)
    assert len(found) == 4
    assert all(problem.isprintable() for problem in found)
    assert any("/\\x1b[31mred.py: invalid UTF-8" in problem for problem in found)


def test_equal_texts_are_kept_once_and_a_given_sanitizer_is_used(tmp_path: Path) -> None:
    row = {"task_id": "HumanEval/0", "completion": "    return 1\n"}
    path = write(tmp_path / "s.jsonl", *[row] * 50)
    with Sanitizer() as sanitizer:
        samples, _ = read(path, TASKS, sanitizer=sanitizer)
        assert any(worker.process for worker in sanitizer._workers)
    assert len({id(s.solution) for s in samples}) == len({id(s.raw) for s in samples}) == 1
    assert [s.sample_id for s in samples] == list(range(50))


# -- what a row means --------------------------------------------------------------------------------------------------

CHATS: dict[str, dict[str, Any]] = {
    "no chat": {},
    "chat": {"chat": True},
    "settings": {"settings": {"chat": True}},
    "endpoint": {"settings": {"chat": True, "base_url": "http://x"}},
}
SUBSETS = list(chain.from_iterable(combinations(FIELDS, n) for n in range(1, len(FIELDS) + 1)))


def judged(file: Path) -> Program:
    found = Problems()
    (program,) = programs([Source(file, str(file))], found, ())
    assert not found
    return program


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("prompt", [None, "the_prompt = 0\n"])
@pytest.mark.parametrize("chat", CHATS)
def test_what_is_judged_is_what_is_learnt(tmp_path: Path, chat: str, prompt: str | None, backwards: bool) -> None:
    """Of each set of fields, in any order: training takes the text that the gate judges, or refuses the row."""
    n_learnt = 0
    for names in SUBSETS:
        fields = {name: f"{name}_{'x' * len(name)} = 1\n" for name in (reversed(names) if backwards else names)}
        row = fields | CHATS[chat] | ({"prompt": prompt} if prompt else {})
        file = write(tmp_path / "rows.jsonl", row)
        program = judged(file)
        (name,) = (name for name in names if fields[name] in program.solution.code)
        if (name == "completion" and not prompt) or (name == "raw_response" and (not prompt or chat in ("no chat", "endpoint"))):
            with pytest.raises(UsageError, match=f"{name} has no prompt"):
                training.read([file])
            continue
        (text,), _ = training.read([file])
        n_learnt += 1
        answer = text if isinstance(text, str) else text[1]
        assert [each for each in FIELDS if each in fields and fields[each] in answer] == [name], row
        if chat == "no chat":
            assert text == program.solution.code
            assert hashlib.sha256(program.solution.code.encode()).hexdigest() == program.sha256
        elif not isinstance(text, str):
            assert (text, program.solution.chat) == ((program.solution.prompt, program.solution.code), True)
    assert n_learnt >= 32


@pytest.mark.parametrize(
    ("row", "changes"),
    [
        ({"content": "x = 1", "solution": "y = 2"}, [{"solution": "y = 3"}, {"solution": None}]),
        ({"content": "x = 1"}, [{"solution": "x = 2"}, {"completion": "x", "prompt": "y"}, {JUDGED: None}, {JUDGED: "0" * 64}]),
        ({"prompt": "a", "completion": "b"}, [{"prompt": "c"}, {"completion": "c"}, {"chat": True}]),
        (
            {"prompt": "a", "completion": "b", "raw_response": "c", "chat": True},
            [{"raw_response": "d"}, {"prompt": "d"}, {"chat": False}, {"settings": {"base_url": "x"}}],
        ),
    ],
)
def test_a_row_that_was_changed_after_it_was_judged_is_not_learnt(
    tmp_path: Path, row: dict[str, Any], changes: list[dict[str, Any]]
) -> None:
    row = row | {JUDGED: Row.of(row).sha256}
    file = write(tmp_path / "rows.jsonl", row)
    assert len(training.read([file])[0]) == 1
    for change in changes:
        write(file, row, row | change)
        with pytest.raises(UsageError, match=rf"nothing was trained\n{file}:2: (?!.*\n)"):
            training.read([file])
        texts, (left_out,) = training.read([file], skip_bad=True)
        assert len(texts) == 1
        assert "run `toolkit gate`" in left_out or None in change.values()


def test_what_does_not_change_the_text_may_change(tmp_path: Path) -> None:
    row = {"solution": "x = 1", "reports": []}
    row[JUDGED] = Row.of(row).sha256
    file = write(tmp_path / "rows.jsonl", {"text": row["solution"], JUDGED: row[JUDGED]}, row | {"content": "y", "reports": [1]})
    assert list(training.read([file])[0]) == ["x = 1", "x = 1"]
