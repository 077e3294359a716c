"""The shapes that samples and verdicts come in: one JSON value, lists of lists, evalplus's results, standard input."""

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.errors import UsageError
from toolkit.samples import comparison, json_text, lines, truth
from toolkit.samples.lines import Problems
from toolkit.samples.read import BadInput, read

TASKS = BENCHMARKS["humaneval"].load(Options()).tasks
IDS = list(TASKS)
RULES = {"benchmark": "humaneval", "base_only": False, "mini": False, "noextreme": False}
PROGRAM = "def f():\n    return 1"


def put(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problems(path: Path, **more: Any) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read(path, TASKS, **more)
    return [problem.removeprefix(str(path)) for problem in caught.value.problems]


# -- samples -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", [bytes, gzip.compress, lambda data: b"\xef\xbb\xbf\n " + data])
def test_an_array_says_the_same_as_lines(tmp_path: Path, indent: int | None, wrap: Any) -> None:
    rows = [{"task_id": IDS[i % 3], "solution": f"{PROGRAM}{i}"} for i in range(7)]
    apart = put(tmp_path / "s.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    whole = put(tmp_path / "s.json", wrap(json.dumps(rows, indent=indent).encode()))
    assert read(whole, TASKS)[0] == read(apart, TASKS)[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4)), st.sampled_from([None, 0, 3]), st.booleans())
def test_all_rows_of_an_array_are_read(tmp_path_factory: pytest.TempPathFactory, rows: Any, indent: Any, is_ascii: bool) -> None:
    path = tmp_path_factory.mktemp("array") / "rows.json"
    text = json.dumps(rows, indent=indent, ensure_ascii=is_ascii)
    put(path, text.encode("utf-8", "backslashreplace"))
    found = Problems()
    told = list(lines.lines(path, found))
    assert not found
    assert [row for _, _, row in told] == rows == [json.loads(line) for _, line, _ in told]
    assert [place for place, _, _ in told] == [f"{path}:{i + 1}" for i in range(len(rows))]
    assert not any(b"\n" in line for _, line, _ in told)


def test_lists_of_lists_are_of_the_tasks_in_their_order(tmp_path: Path) -> None:
    generations = [[f"{PROGRAM}{i}{j}" for j in range(2)] for i in range(len(IDS))]
    samples, _ = read(put(tmp_path / "generations.json", json.dumps(generations)), TASKS)
    assert [(s.task_id, s.sample_id, s.solution) for s in samples] == [
        (IDS[i], j, text) for i, texts in enumerate(generations) for j, text in enumerate(texts)
    ]
    chosen = {IDS[1]: TASKS[IDS[1]]}
    assert [s.solution for s in read(tmp_path / "generations.json", chosen, known=TASKS)[0]] == generations[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", [": empty"]),
        ("[", [":1: malformed JSON: Expecting value at line 1 column 2; nothing behind it was read"]),
        ('[{"task_id": "HumanEval/0"', [":1: malformed JSON: Expecting ',' delimiter at line 1 column 27; nothing behind it was read"]),
        ("[{}\n{}]", [":1: malformed JSON: Expecting ',' or ']' at line 2 column 1; nothing behind it was read"]),
        ('[{"task_id": 3.0}, 4, "x"]', [":1: task_id is not a string but float", ":2: not an object but int", ":3: not an object but str"]),
        ("[[1]]", [":1: solution is not a string but int"]),
        (json.dumps([["x = 1"]] * 165), [":165: a list of samples of task number 165, and the benchmark has 164 tasks"]),
        ('[{"task_id": "HumanEval/0", "solution": "x"}] [1]', [": more than one JSON array: text behind item 1"]),
        ("[" * 100_000, [":1: malformed JSON: nested too deeply; nothing behind it was read"]),
        ('[{"a":' + "[" * 201 + "]" * 201 + "}]", [":1: malformed JSON: nested too deeply"]),
        ("[" + "1" * 5000 + "]", [":1: malformed JSON: Exceeds the limit"]),
        ('[{"solution": "' + "x" * (12 << 20) + '"}]', [":1: the item has more than 12,582,912 characters"]),
        (b'[{"task_id": "\xff"}]', [": invalid UTF-8 at byte 14"]),
        (gzip.compress(b"[" + b" " * 99_999)[:-30], [": broken gzip: "]),
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_wrong_with_an_array(tmp_path: Path, text: str | bytes, told: list[str]) -> None:
    found = problems(put(tmp_path / "s.json", text))
    assert len(found) == len(told)
    for problem, reason in zip(found, told, strict=True):
        assert problem.startswith(reason)


def test_an_array_is_read_item_by_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is between them, and wherever a read ends: memory does not grow with a packed file."""
    rows = [{"task_id": IDS[i % 9], "solution": f"'\u00e9{i}'"} for i in range(50)]
    whole = "\ufeff [\n" + " ,\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "] "
    for n in (1, 2, 7, 1 << 20):
        monkeypatch.setattr(json_text, "_READ", n)
        assert [sample.solution for sample in read(put(tmp_path / "s.json", whole.encode()), TASKS)[0]] == [row["solution"] for row in rows]
        for text, told in (("[1, 23, \n\n4,\n x]", ":4: malformed JSON: Expecting value at line 4 column 2;"), ("[{}, 1 2]", ":2: malformed JSON: Expecting ',' or ']' at line 1 column 8;")):
            assert problems(put(tmp_path / "s.json", text))[-1].startswith(told)
        assert problems(put(tmp_path / "s.json", b"[{}, \xc3"))[-1] == ": invalid UTF-8 at byte 5"
    tracemalloc.start()
    bombs = [b"[" + b" " * (24 << 20), b"[" + (b'"' + b"x" * (1 << 20) + b'",') * 24 + b"1]", b'["' + b"x" * (24 << 20)]
    for bomb, n in zip(bombs, (1, 25, 1), strict=True):
        path = put(tmp_path / "s.json.gz", gzip.compress(bomb, 1))
        monkeypatch.setattr(json_text, "MAX_ITEM", 2 << 20)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        assert len(problems(path)) == n
        assert tracemalloc.get_traced_memory()[1] - before < 24 << 20
    tracemalloc.stop()


# -- verdicts ----------------------------------------------------------------------------------------------------------


def results(**statuses: tuple[str | None, str | None]) -> dict[str, Any]:
    """A file as evalplus 0.3.1 writes it, of tasks by number, each with one sample."""
    return {"date": "2026-11-24 12:00", "hash": "x", "eval": {
        task_id: [{"task_id": task_id, "solution": PROGRAM, "base_status": base, "plus_status": plus,
                   "base_fail_tests": [[1]], "plus_fail_tests": []}]
        for name, (base, plus) in statuses.items() for task_id in [f"HumanEval/{name[1:]}"]
    }}  # fmt: skip


BOTH = results(_0=("pass", "pass"), _1=("pass", "fail"), _2=("timeout", "fail"))
BASE = results(_0=("pass", None), _1=("pass", None), _2=("fail", None))
OLD = {"eval": {task_id: {"nfiles": 1, "base": [[rows[0]["base_status"], [True]]], "plus": [[rows[0]["plus_status"], []]]}
                for task_id, rows in BOTH["eval"].items()}}  # fmt: skip


@pytest.mark.parametrize("name", ["s_eval_results.json", "eval_results.json", "whatever.txt", "zipped.gz"])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    ("file", "passed", "passed_base"),
    [(BOTH, [True, False, False], [True, True, False]), (BASE, [True, True, False], [True, True, False]),
     (OLD, [True, False, False], [True, True, False])],
)  # fmt: skip
def test_results_of_evalplus_are_told_by_what_is_in_them(
    tmp_path: Path, name: str, indent: int | None, file: Any, passed: list[bool], passed_base: list[bool]
) -> None:
    text = json.dumps(file, indent=indent).encode()
    path = put(tmp_path / name, gzip.compress(text) if name.endswith("gz") else text)
    assert truth.read([path]) == {(f"HumanEval/{i}", 0): [said] for i, said in enumerate(passed)}
    other = comparison.read(path, RULES, "", TASKS)
    assert dict(other.counts) == {f"HumanEval/{i}": (1, int(said)) for i, said in enumerate(passed)}
    other = comparison.read(path, RULES | {"base_only": True}, "", TASKS)
    assert dict(other.counts) == {f"HumanEval/{i}": (1, int(said)) for i, said in enumerate(passed_base)}


def test_verdicts_come_in_arrays_too(tmp_path: Path) -> None:
    rows = [{"task_id": "HumanEval/0", "passed": True}, {"task_id": "HumanEval/0", "passed": False}]
    assert truth.read([put(tmp_path / "r.json", json.dumps(rows, indent=1))]) == {
        ("HumanEval/0", 0): [True], ("HumanEval/0", 1): [False],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"eval": 3}', "eval: no list of samples"),
        ('{"date": "", "eval": {"HumanEval/0": 3}}', "HumanEval/0: no list of samples"),
        ('{"eval": {"HumanEval/0": [3]}}', "HumanEval/0: not an object but int"),
        ('{"eval": {"HumanEval/0": {"base": [["pass"]], "plus": [["pass"], ["pass"]]}}}', "HumanEval/0: no list of samples"),
        ('{"eval": {"HumanEval/0": {"base": [3]}}}', "HumanEval/0: no list of samples"),
        ('{"eval": {"HumanEval/0": [{}]}}', "HumanEval/0: task_id is missing"),
        ('{"hash": null, "eval": {', "malformed JSON: Expecting property name enclosed in double quotes at line 1 column 25"),
        ('{"eval": ' + "[" * 100_000, "malformed JSON: nested too deeply"),
        ('{"eval": {}} {"eval": {}}', "malformed JSON: Extra data at line 1 column 14"),
    ],
    ids=range(9),
)
def test_what_is_wrong_with_results_of_evalplus(tmp_path: Path, text: str, told: str) -> None:
    path = put(tmp_path / "r.json", text)
    for act in (lambda: truth.read([path]), lambda: comparison.read(path, RULES, "", TASKS)):
        with pytest.raises(UsageError) as caught:
            act()
        assert told in str(caught.value)
        assert len(str(caught.value).splitlines()) == 2


def test_results_of_evalplus_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_DOCUMENT", 100)
    with pytest.raises(UsageError, match="one JSON value of more than 100 bytes"):
        truth.read([put(tmp_path / "r.json", json.dumps(BOTH))])


def test_a_missing_file_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        truth.read([tmp_path / "absent", tmp_path / "absent too"])
    assert str(caught.value).count("No such file") == 2
