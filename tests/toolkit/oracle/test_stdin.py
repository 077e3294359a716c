"""Programs that read standard input: what they print is compared, and nothing else makes them pass."""

import base64
import json
import pickle
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import DockerEngine, Limits, Sandbox
from toolkit.benchmarks import BENCHMARKS, DataMissing, Options
from toolkit.commands.validate import write_canonical
from toolkit.errors import UsageError
from toolkit.oracle import Oracle, canary
from toolkit.oracle.stdin import same_output
from toolkit.records import Result, Sample, Stdin, Task, Verdict
from toolkit.samples.extract import last_block

CASES = [("3\n1 2 3\n", "6\n"), ("2\n0.5 0.25\n", "0.75\n"), ("0\n\n", "0\n")]
STARTER = "class Solution:\n    def addAll(self, xs: List[int], more: int) -> List[int]:\n        "
ROWS: list[dict[str, Any]] = [
    {"question_id": "abc1_a", "question_content": "Sum.", "starter_code": "", "contest_date": "2024-05-31T00:00:00",
     "public_test_cases": json.dumps([{"input": i, "output": o, "testtype": "stdin"} for i, o in CASES])},
    {"question_id": "7", "question_title": "Add.", "starter_code": STARTER,
     "public_test_cases": json.dumps([{"input": "[1, 2]\n3", "output": "[4, 5]", "testtype": "functional"}])},
]  # fmt: skip
RIGHT = "n = int(input())\nprint(sum(map(float, input().split())))\n"
WRITE = "import os, sys\nprint(6)\n"


@pytest.fixture(scope="module")
def oracle(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    path = tmp_path_factory.mktemp("data") / "lcb.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    loaded = BENCHMARKS["livecodebench"].load(Options(data=path))
    with Sandbox(engine, 1, Limits(memory_bytes=1 << 30)) as pool:
        yield Oracle(pool, BENCHMARKS["livecodebench"], loaded.tasks, loaded.data_hash, timeout_s=1)


def judge(oracle: Oracle, task_id: str, solution: str) -> Result:
    ((_, result, _),) = oracle.judge_many([Sample(task_id=task_id, sample_id=0, solution=solution)])
    assert not oracle.defects, oracle.defects[0]
    return result


def test_the_oracle_trusts_itself(oracle: Oracle) -> None:
    canary(oracle)


PROGRAMS = {
    "right": (RIGHT, Verdict.PASSED),
    "right, with names of the official prelude": ("input()\nprint(reduce(add, map(float, sys.stdin.readline().split()), 0))", Verdict.PASSED),
    "right, in main": ("def main():\n    input()\n    print(sum(map(float, input().split())))\nif __name__ == '__main__':\n    main()", Verdict.PASSED),
    "right, from descriptor 0": ("print(sum(map(float, open(0).read().split()[1:])))", Verdict.PASSED),
    "right, of bytes": ("sys.stdout.buffer.write(str(sum(map(float, sys.stdin.buffer.read().split()[1:]))).encode())", Verdict.PASSED),
    "right, and leaves": (RIGHT + "sys.exit()", Verdict.PASSED),
    "right, with white space": ("input()\nprint('\\n', sum(map(float, input().split())), '  ')", Verdict.PASSED),
    "right, as another number": ("input()\nprint(f'{sum(map(float, input().split())):.9f}')", Verdict.PASSED),
    "right for the first case": ("print(6)", Verdict.WRONG_ANSWER),
    "all answers": ("print('6\\n0.75\\n0')", Verdict.WRONG_ANSWER),
    "all answers in a line": ("print('6 0.75 0')", Verdict.WRONG_ANSWER),
    "nothing": ("", Verdict.WRONG_ANSWER),
    "garbage behind it": (RIGHT + "print('.')", Verdict.WRONG_ANSWER),
    "garbage before it": ("print('ok')\n" + RIGHT, Verdict.WRONG_ANSWER),
    "not a number": ("print('nan')", Verdict.WRONG_ANSWER),
    "no number at all": ("print('1' * 20000)", Verdict.WRONG_ANSWER),
    "bytes that are no text": ("sys.stdout.buffer.write(b'\\xff6')", Verdict.WRONG_ANSWER),
    "an exit code": (RIGHT + "sys.exit(1)", Verdict.RUNTIME_ERROR),
    "an exit code of its own": (RIGHT + "sys.stdout.flush()\nimport os; os._exit(9)", Verdict.RUNTIME_ERROR),
    "a signal": (RIGHT + "import os; os.kill(os.getpid(), 9)", Verdict.RUNTIME_ERROR),
    "an exception": (RIGHT + "1 / 0", Verdict.RUNTIME_ERROR),
    "no Python": ("def", Verdict.COMPILE_ERROR),
    "an end before it": ("import os; os._exit(0)", Verdict.WRONG_ANSWER),
    "on the other stream": ("input()\nprint(sum(map(float, input().split())), file=sys.stderr)", Verdict.WRONG_ANSWER),
    "a file": ("open('/tmp/out', 'w')\nopen('stdout', 'w').write('6')", Verdict.RUNTIME_ERROR),
    "the judge's files": (
        "import os\nfor folder, _, names in os.walk('/'):\n"
        "    if folder.startswith(('/proc', '/sys')): continue\n"
        "    for name in names:\n        if 'case' in name or name.endswith(('.out', '.ans')):\n"
        "            print(open(os.path.join(folder, name)).read()); raise SystemExit\n", Verdict.TIME_LIMIT),
    "an answer channel": ("import os\nos.write(4, b'R\\0\\0\\0\\x016')", Verdict.RUNTIME_ERROR),
    "what the case before left": (
        "import os, glob\nold = glob.glob('/tmp/*') + glob.glob('/dev/shm/*') + glob.glob('/var/tmp/*')\n"
        "open('/dev/shm/x', 'w').write('6')\nprint(6 if not old else open(old[0]).read())", Verdict.RUNTIME_ERROR),
    "a child that prints later": ("import os, time\nif os.fork() == 0:\n    time.sleep(0.3)\n    print(6)\n", Verdict.WRONG_ANSWER),
    "a longest line": ("while 1: print('6' * 99999)", Verdict.OUTPUT_LIMIT),
    "no end": (WRITE + "sys.stdout.flush()\nwhile 1: pass", Verdict.TIME_LIMIT),
    "no end, asleep": (WRITE + "sys.stdout.flush()\nimport time; time.sleep(99)", Verdict.TIME_LIMIT),
    "all memory": (WRITE + "x = [bytearray(1 << 20) for _ in range(1 << 14)]", Verdict.MEMORY_LIMIT),
    "an object that equals all": ("class E(str):\n    def __eq__(s, o): return True\nprint(E('7'))", Verdict.WRONG_ANSWER),
    "patches of the comparison": ("import decimal, builtins\ndecimal.Decimal.__eq__ = lambda *_: True\nbuiltins.str.strip = 1", Verdict.RUNTIME_ERROR),
}  # fmt: skip


@pytest.mark.parametrize("case", PROGRAMS)
def test_what_is_printed_decides(case: str, oracle: Oracle) -> None:
    program, verdict = PROGRAMS[case]
    result = judge(oracle, "abc1_a", program)
    if case in ("the judge's files", "all memory", "a longest line", "what the case before left", "a file"):
        assert result.verdict not in (None, Verdict.PASSED), result  # how it ends is the machine's choice
    else:
        assert result.verdict is verdict, result


LINE, N_LINES = "0123456789abcde", 1_500_000
"""23 MiB in all: twice as much is kept."""
LONG = f"import sys\nfor _ in range(15): sys.stdout.write('{LINE}\\n' * {N_LINES // 15})\n"


def test_output_of_any_length_that_is_wanted_is_compared(oracle: Oracle) -> None:
    tests = Stdin(cases=(("", f"{LINE}\n" * N_LINES),))
    oracle.start()
    before = oracle.pool.n_started
    oracle.tasks = {**oracle.tasks, "long": Task(task_id="long", prompt="", entry_point="", canonical_solution="", tests=tests)}
    for program, verdict in (
        (LONG, Verdict.PASSED), (LONG + "print(6)", Verdict.WRONG_ANSWER), (LONG.replace("range(15)", "range(14)"), Verdict.WRONG_ANSWER),
        (LONG + LONG + "print(6)", Verdict.OUTPUT_LIMIT), (f"print({LINE!r} + '\\n' * (30 << 20) + {LINE!r})", Verdict.WRONG_ANSWER), (LONG, Verdict.PASSED),
    ):  # fmt: skip
        assert judge(oracle, "long", f"{program}\n").verdict is verdict, program
    assert oracle.pool.n_started == before, "nothing of it was left in the box"
    assert judge(oracle, "abc1_a", "print(6)\nprint(' ' * (1 << 20))").verdict is Verdict.OUTPUT_LIMIT, "elsewhere 1 MiB is kept"


def test_of_what_was_printed_no_more_is_taken_apart_than_is_wanted() -> None:
    n = 5_000_000
    tracemalloc.start()
    for got in ("1 " * n, "12 " * n + "12", "1" + "\n" * n + "2", "x\n" * n):
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        assert not same_output(got, "1 2\n3")
        assert not same_output(got, "1 2")
        assert tracemalloc.get_traced_memory()[1] - before < 3 * len(got)
    tracemalloc.stop()


METHODS = {
    "right": ("return [x + more for x in xs]", Verdict.PASSED),
    "a tuple": ("return tuple(x + more for x in xs)", Verdict.PASSED),
    "wrong": ("return xs", Verdict.WRONG_ANSWER),
    "printed": ("print([4, 5])", Verdict.WRONG_ANSWER),
    "an object that equals all": ("return type('E', (list,), {'__eq__': lambda *_: True})()", Verdict.WRONG_ANSWER),
    "an exception": ("raise ValueError(xs)", Verdict.RUNTIME_ERROR),
    "an exit": ("raise SystemExit(0)", Verdict.RUNTIME_ERROR),
    "no end": ("while 1: pass", Verdict.TIME_LIMIT),
}


@pytest.mark.parametrize("case", METHODS)
def test_what_a_method_returns_decides(case: str, oracle: Oracle) -> None:
    body, verdict = METHODS[case]
    assert judge(oracle, "7", STARTER + body).verdict is verdict
    assert judge(oracle, "7", STARTER.replace("Solution", "Other") + body).verdict is Verdict.RUNTIME_ERROR


@pytest.mark.parametrize(
    ("got", "wanted", "same"),
    [
        ("1\n2", "1\n2\n", True), (" 1 \n 2 ", "1\n2", True), ("1 2", "1\n2", False), ("1.0", "1", True), ("-0", "0", True),
        ("1e0 2", "1 2", True), ("nan", "nan", True), ("nan", "NaN", False), ("a 1", "a 1.0", False), ("1\n\n2", "1\n2", False),
        ("", "", True), ("", "\n", True), ("", "0", False), ("1" * 10_001, "1" * 10_001 + ".0", False), ("1e999999999", "1", False),
        ("sNaN", "1", False), ("1 2", "1 2 3", False), ("0.1", "0.10000000000000001", False), ("Yes", "YES", False),
    ],
)  # fmt: skip
def test_the_official_rule(got: str, wanted: str, same: bool) -> None:
    assert same_output(got, wanted) is same


@given(st.text(max_size=40), st.text(max_size=40))
def test_comparison_never_raises_and_is_symmetric(one: str, other: str) -> None:
    assert same_output(one, one)
    assert same_output(one, other) is same_output(other, one)


def load(folder: Path, row: dict[str, Any]) -> None:
    path = folder / "lcb.jsonl"
    path.write_text(json.dumps(row))
    BENCHMARKS["livecodebench"].load(Options(data=path))


class Import:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("imported",)


def packed(thing: object) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(thing))).decode()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"public_test_cases": '[{"input": "1", "output": "1", "testtype": "magic"}]'}, "unknown type of test 'magic'"),
        ({"public_test_cases": '[{"input": 1, "output": "1", "testtype": "stdin"}]'}, "are text"),
        ({"starter_code": "class Solution: pass"}, "names no method"),
        ({"private_test_cases": packed(Import())}, "want to import builtins.print"),
        ({"private_test_cases": "?"}, "the packed tests cannot be read"),
        ({"private_test_cases": packed(["[]"])}, "are no text"),
        ({"private_test_cases": base64.b64encode(b"x").decode()}, "the packed tests cannot be read"),
    ],
)
def test_records_that_are_none_are_one_clear_line(changed: dict[str, str], said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataMissing, match=said) as caught:
        load(tmp_path, ROWS[0] | changed)
    assert "\n" not in str(caught.value)
    assert "imported" not in capfd.readouterr().out


def test_public_tests_are_judged_apart(engine: DockerEngine, tmp_path: Path) -> None:
    path = tmp_path / "lcb.jsonl"
    more = [({"input": "1\n5\n", "output": "5", "testtype": "stdin"}, 0), ({"input": "[1]\n1", "output": "[2]", "testtype": "functional"}, 1)]
    rows = [ROWS[at] | {"private_test_cases": json.dumps([test])} for test, at in more]
    bare = rows[0] | {"question_id": "bare", "public_test_cases": "[]"}
    path.write_text("".join(json.dumps(row) + "\n" for row in (*rows, bare)))
    loaded = BENCHMARKS["livecodebench"].load(Options(data=path))
    knows = {"abc1_a": "n = int(input())\nprint({3: 6, 2: 0.75, 0: 0}.get(n))\n", "7": STARTER + "return [4, 5]", "bare": RIGHT}
    samples = [Sample(task_id=name, sample_id=0, solution=text) for name, text in knows.items()]
    with Sandbox(engine, 1, Limits(memory_bytes=1 << 30)) as pool:
        for base_only, verdict in ((True, Verdict.PASSED), (False, Verdict.WRONG_ANSWER)):
            own = Oracle(pool, BENCHMARKS["livecodebench"], loaded.tasks, loaded.data_hash, timeout_s=1, base_only=base_only)
            found = {result.task_id: result for _, result, _ in own.judge_many(samples)}
            assert [found[name].verdict for name in ("abc1_a", "7")] == [verdict] * 2, found
            assert (found["bare"].verdict, found["bare"].error) == ((None, "not judged: bare has no public tests") if base_only else (Verdict.PASSED, None))


def test_private_tests_are_read_as_they_are_published(tmp_path: Path) -> None:
    path = tmp_path / "lcb.jsonl"
    path.write_text(json.dumps(ROWS[0] | {"private_test_cases": packed(json.dumps([{"input": "1\n1\n", "output": "1", "testtype": "stdin"}]))}))
    (task,) = BENCHMARKS["livecodebench"].load(Options(data=path)).tasks.values()
    assert len(task.tests.cases) == 4  # type: ignore[attr-defined]
    assert task.date == "2024-05-31"


def test_the_last_fenced_block_is_the_program() -> None:
    assert last_block("```python\n1\n```\nor\n```\n2\n3\n```\nthanks") == "2\n3"
    assert last_block("no program") is None


def test_what_has_no_solutions_cannot_be_validated(tmp_path: Path) -> None:
    path = tmp_path / "lcb.jsonl"
    path.write_text(json.dumps(ROWS[0]))
    with pytest.raises(UsageError, match="livecodebench has no canonical solutions"):
        write_canonical("livecodebench", tmp_path / "out.jsonl", [], path)
