"""PASSED is said in one place, of as many answers shown to be right as calls were made: whatever a box says, nothing else does."""

import ast
import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox import Batch, Ending, Execution, Limits, SandboxError, Status
from sandbox.wire import codec
from tests.faults import OWN, TABLE
from toolkit import oracle
from toolkit.oracle import table
from toolkit.oracle.base import Rules
from toolkit.oracle.expected import Chunk, Expected
from toolkit.oracle.findings import Facts, Finding, earned, of_ending
from toolkit.oracle.stdin import judge as judge_stdin
from toolkit.records import Stdin, Table, Verdict

FILES = sorted(Path(str(oracle.__file__)).parent.glob("*.py"))


@pytest.mark.parametrize("n_calls", range(-1, 4))
@pytest.mark.parametrize("n_right", range(-1, 4))
def test_passed_is_as_many_right_answers_as_calls(n_calls: int, n_right: int) -> None:
    if n_calls == n_right > 0:
        assert earned(n_calls, n_right) == Finding(Verdict.PASSED)
    else:
        with pytest.raises(ValueError, match="that is no pass"):
            earned(n_calls, n_right)


def inside(tree: ast.AST, within: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Give each node with the name of the function that it stands in."""
    for node in ast.iter_child_nodes(tree):
        yield within, node
        yield from inside(node, node.name if isinstance(node, ast.FunctionDef) else within)


def is_passed(node: ast.AST) -> bool:
    is_name = (isinstance(node, ast.Attribute) and node.attr == "PASSED") or (isinstance(node, ast.Name) and node.id == "PASSED")
    return is_name or (isinstance(node, ast.Constant) and node.value in ("passed", "PASSED"))


def test_passed_is_said_in_one_place() -> None:
    """Elsewhere it is compared with, or names the canary that is to pass; and what is stored was said before."""
    said, made = [], []
    for path in FILES:
        tree = ast.parse(path.read_text())
        compared = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Compare) for part in (node.left, *node.comparators)}
        keys = {id(key) for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
        for within, node in inside(tree):
            if is_passed(node) and id(node) not in compared | (keys if path.name == "canary.py" else set()):
                said.append((path.name, within))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Verdict":
                made.append((path.name, within))
    assert said == [("findings.py", "earned")]
    assert set(made) == {("judge.py", "_from_stored")}


# -- tables ------------------------------------------------------------------------------------------------------------

N = 4
RIGHT = [(codec.RETURNED, codec.encode(x * x)) for x in range(N)]
EQUAL = [(codec.RETURNED, codec.encode(float(x * x))) for x in range(N)]
WRONG = [(codec.RETURNED, b'"x"')] * N
DIGEST = hashlib.blake2b(codec.join_frames(RIGHT), digest_size=16).hexdigest()
ENDED = Execution(
    status=Status.EXITED, exit_code=0, stdout="", stderr="", charged_s=0, cpu_s=0, memory_peak_bytes=0, truncated=False
)


class Said:
    """A box, and a session in it, that say what they are made to say."""

    limits = Limits()

    def __init__(self, *batches: Batch, end: Execution = ENDED) -> None:
        self.left, self.stream, self.end_as = list(batches), b"", end
        self.execution: Execution | None = None

    @contextlib.contextmanager
    def calls(self, *_: Any, **__: Any) -> Iterator["Said"]:
        yield self

    def batch(self, *_: Any, **__: Any) -> Batch:
        return self.more()

    def more(self) -> Batch:
        return self.left.pop(0)

    def fetch(self) -> bytes:
        return self.stream

    def end(self) -> Execution:
        self.execution = self.end_as
        return self.end_as


def answers(frames: list[tuple[bytes, bytes]], *, n: int | None = None, digest: str = "", is_kept: bool = True, **more: Any) -> Batch:
    """What a supervisor says of frames; of `n` of them, where that is not how many there are."""
    stream = codec.join_frames(frames)
    about = {
        "n_frames": len(frames) if n is None else n, "n_values": sum(kind == codec.RETURNED for kind, _ in frames), "n_bytes": len(stream),
        "digest": digest or hashlib.blake2b(stream, digest_size=16).hexdigest(), "stream": stream if is_kept else b"",
        "loaded": True, "more": False, "charged_s": 0.0,
    }  # fmt: skip
    return Batch(**(about | more))  # type: ignore[arg-type]


def judged(path: Path, box: Said, *, is_kept: bool = True) -> Verdict | str:
    """Judge a table of `N` calls; a defect that costs the sample its verdict is its text."""
    path.write_bytes(codec.join_frames(RIGHT))
    n_bytes = path.stat().st_size if is_kept else 0
    chunk = Chunk(first=0, n_calls=N, plus=False, at=0, n_bytes=n_bytes, digest=DIGEST, charged_s=0.0)
    task = replace(TABLE, task_id="Own/0", tests=Table(base=tuple([x] for x in range(N))))

    class Known:
        def of(self, *_: Any) -> Expected:
            return Expected(key="", chunks=(chunk,), path=path)

    rules = Rules(benchmark=OWN, answers=Known(), pool=None, limits=Limits(), timeout_s=1, total_timeout_s=1)  # type: ignore[arg-type]
    try:
        return table.judge(task, "", box, rules, Facts())[0].verdict  # type: ignore[arg-type]
    except (ValueError, SandboxError) as error:
        return str(error)


WRONG_ANSWER, RUNTIME_ERROR = Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR
TABLES: dict[str, tuple[list[Batch], Verdict]] = {
    "right": ([answers(RIGHT)], Verdict.PASSED),
    "right, in parts": ([answers(RIGHT[:1], more=True), answers(RIGHT[1:])], Verdict.PASSED),
    "equal": ([answers(EQUAL)], Verdict.PASSED),
    "equal, in parts": ([answers(EQUAL[:3], more=True), answers(RIGHT[3:])], Verdict.PASSED),
    "wrong": ([answers(WRONG)], WRONG_ANSWER),
    "wrong at the end": ([answers(RIGHT[:-1] + WRONG[:1])], WRONG_ANSWER),
    "wrong in a later part": ([answers(RIGHT[:2], more=True), answers(RIGHT[2:3] + WRONG[:1])], WRONG_ANSWER),
    "one fewer": ([answers(RIGHT[:-1])], RUNTIME_ERROR),
    "one fewer, equal": ([answers(EQUAL[:-1])], RUNTIME_ERROR),
    "none": ([answers([])], RUNTIME_ERROR),
    "none, and the digest of all": ([answers([], digest=DIGEST)], RUNTIME_ERROR),
    "one fewer, and the digest of all": ([answers(RIGHT[:-1], digest=DIGEST)], RUNTIME_ERROR),
    "one more": ([answers([*RIGHT, RIGHT[0]])], RUNTIME_ERROR),
    "one more, and the digest of all": ([answers([*RIGHT, RIGHT[0]], digest=DIGEST)], RUNTIME_ERROR),
    "one more in parts": ([answers(RIGHT[:2], more=True), answers(RIGHT[2:] + RIGHT[:1])], RUNTIME_ERROR),
    "a part too many": ([answers(RIGHT, more=True), answers(RIGHT)], RUNTIME_ERROR),
    "fewer than were counted": ([answers(EQUAL[:2], n=N)], RUNTIME_ERROR),
    "more than were counted": ([answers(RIGHT, n=2)], RUNTIME_ERROR),
    "swapped": ([answers([RIGHT[1], RIGHT[0], *RIGHT[2:]])], WRONG_ANSWER),
    "right, and exceptions": ([answers([*RIGHT[:2], (codec.RAISED, b"KeyError"), RIGHT[3]])], RUNTIME_ERROR),
    "right values of another kind": ([answers([(codec.ASKED, body) for _, body in RIGHT])], RUNTIME_ERROR),
    "no value": ([answers([(codec.RETURNED, b"[")] * N)], WRONG_ANSWER),
    "too many to keep": ([answers(EQUAL, is_kept=False)], WRONG_ANSWER),
    "too many to keep, right by their digest": ([answers(RIGHT, is_kept=False)], Verdict.PASSED),
    "too many to keep, and fewer": ([answers(RIGHT[:-1], is_kept=False)], RUNTIME_ERROR),
    "too many to keep, in parts that are right": ([answers(RIGHT[:2], is_kept=False, more=True), answers(RIGHT[2:])], RUNTIME_ERROR),
}


@pytest.mark.parametrize("what", TABLES)
def test_of_a_table(what: str, tmp_path: Path) -> None:
    batches, verdict = TABLES[what]
    assert judged(tmp_path / "frames", Said(*batches)) == verdict


@pytest.mark.parametrize("what", TABLES)
def test_of_a_table_whose_answers_are_known_by_their_digest_alone(what: str, tmp_path: Path) -> None:
    """Only the same bytes pass, in one batch: nothing is there to compare values with."""
    batches, _ = TABLES[what]
    is_right = what in ("right", "too many to keep, right by their digest")
    assert (judged(tmp_path / "frames", Said(*batches), is_kept=False) == Verdict.PASSED) is is_right


@pytest.mark.parametrize("what", TABLES)
@pytest.mark.parametrize("is_kept", [True, False])
def test_of_a_table_whose_program_wrote_more_than_answers(what: str, is_kept: bool, tmp_path: Path) -> None:
    batches, _ = TABLES[what]
    assert judged(tmp_path / "frames", Said(*batches, end=replace(ENDED, status=Status.VIOLATED)), is_kept=is_kept) != Verdict.PASSED


# -- tests, and programs -----------------------------------------------------------------------------------------------


def ending(**more: Any) -> Ending:
    return Ending(**({"by_test": True, "n_calls": 3, "n_answered": 3, "call": b"[]", "answer": b"1", "loaded": True, "kind": codec.ENDED} | more))


def test_of_a_test() -> None:
    assert of_ending(ending()).verdict is Verdict.PASSED
    for more in ({"n_answered": 2}, {"n_answered": 4}, {"n_calls": 0, "n_answered": 0}, {"n_calls": 0}, {"kind": codec.RETURNED}, {"kind": b""}):
        with pytest.raises((ValueError, SandboxError)):
            of_ending(ending(**more))
    for more in ({"kind": codec.RAISED}, {"by_test": False}, {"execution": ENDED}, {"by_test": False, "kind": b"", "execution": ENDED}):
        assert of_ending(ending(**more)).verdict is not Verdict.PASSED


@pytest.mark.parametrize("cases", [(), (("", "1"),), (("", "1"), ("", "1"))])
def test_of_a_program(cases: tuple[tuple[str, str], ...]) -> None:
    class Runs:
        def __init__(self, *said: str) -> None:
            self.said = list(said)

        def run(self, *_: Any, **__: Any) -> Execution:
            return replace(ENDED, stdout=self.said.pop(0))

    task = replace(TABLE, tests=Stdin(cases=cases))
    rules: Any = Rules(benchmark=OWN, answers=None, pool=None, limits=Limits(), timeout_s=1, total_timeout_s=1)  # type: ignore[arg-type]
    if not cases:
        with pytest.raises(ValueError, match="that is no pass"):
            judge_stdin(task, "", Runs(), rules, Facts())  # type: ignore[arg-type]
        return
    assert judge_stdin(task, "", Runs(*"11"), rules, Facts())[0].verdict is Verdict.PASSED  # type: ignore[arg-type]
    for said in ("2", "12", "21"):
        is_right = len(cases) == 1 and said[0] == "1"
        assert (judge_stdin(task, "", Runs(*said, "2"), rules, Facts())[0].verdict is Verdict.PASSED) is is_right  # type: ignore[arg-type]
