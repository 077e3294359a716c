"""Fuzz: random and mutated answers against the comparison on the host, and against the oracle with real boxes.

`make fuzz` works for TOOLKIT_FUZZ_S seconds (600); `python -m tests.fuzz --seed N` repeats a run, and `python -m tests.fuzz
FILE...` reruns cases that were kept in tests/seeds/. What must hold of a case: it ends in time and in bounded memory, nothing
but True, False, a CodecError or a verdict comes out, and right is only what the plain rule (`tests/plain_rule.py`) calls right.
"""

import argparse
import base64
import contextlib
import ctypes
import gc
import json
import os
import random
import sys
import tempfile
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy

from sandbox import DockerEngine, Engine, Limits, Sandbox
from sandbox.wire import codec
from sandbox.wire.environment import variable
from tests import plain_rule
from tests.hostile import HOSTILE, hashed, mutated, near, rewritten, value
from toolkit.benchmarks import humaneval_plus, mbpp_plus
from toolkit.benchmarks.base import Benchmark
from toolkit.benchmarks.compare import matches
from toolkit.oracle import Oracle
from toolkit.records import Check, Sample, Table, Task, Verdict

SEEDS = Path(__file__).parent / "seeds"
LONGEST_S = 20.0
"""Seconds that one program may take on the wall: each part's process has a second or two, and the machine may be busy."""
TIMEOUT_S, TOTAL_S = 0.25, 1.0
MOST_GROWTH = 50 << 20


class Failed(Exception):
    """A case showed what must not be."""

    def __init__(self, case: "Case", why: str) -> None:
        super().__init__(f"{why}\n{case}"[:2000])
        self.case, self.why = case, why


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 1)).decode()


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One input, as it is kept in tests/seeds/.

    Attributes:
        part: `host` for a comparison, `box` for a program.
        name: of the rule, or of the task.
        expected, got: of a comparison, packed.
        solution: of a program.
        right: of a program: whether plain comparison calls what it answers in the base and in the plus part right.
        note: what it is, or what it once showed.
    """

    part: str
    name: str
    expected: str = ""
    got: str = ""
    solution: str = ""
    right: list[bool] = field(default_factory=list)
    note: str = ""


# -- on the host -------------------------------------------------------------------------------------------------------


def _task(name: str, atol: float = 0.0) -> Task:
    return Task(task_id=f"Fuzz/{name}", prompt="", entry_point=name, canonical_solution="", tests=Table(atol=atol))


RULES: dict[str, tuple[Benchmark, Task, list[Any]]] = {
    "plain": (mbpp_plus.BENCHMARK, _task("plain"), []),
    "tolerance": (mbpp_plus.BENCHMARK, _task("plain", 1e-6), []),
    "set": (mbpp_plus.BENCHMARK, _task("Diff"), []),
    "not none": (mbpp_plus.BENCHMARK, _task("check_str"), []),
    "any bool": (mbpp_plus.BENCHMARK, _task("are_equivalent"), []),
    "zero": (mbpp_plus.BENCHMARK, _task("sum_div"), [8]),
    "surface": (mbpp_plus.BENCHMARK, _task("surface_Area"), [3, 4]),
    "digits": (mbpp_plus.BENCHMARK, _task("digit_distance_nums"), [1, 23]),
    "polynomial": (humaneval_plus.BENCHMARK, _task("find_zero", 1e-4), [[-6, 11, -6, 1]]),
}
SIZES = (200, 200, 5_000, 5_000, 50_000, 50_000, 1 << 20, 2 << 20)
MOST_S = 0.2
PER_MB_S = 0.1
"""CPU seconds a MB of an answer, where the right one is short, as nearly all are: it is hardly more than read."""
PER_BUILT_MB_S = 1.0
"""The same where values of that size are built too: what two bytes a list cost on a busy machine; a square costs far more."""
SHORT_BYTES = 1 << 16
PER_BYTE = 160
"""Bytes of memory for each byte of both values: a deque has 600 for 18, and a nest of lists 88 for one."""


def bounded(case: Case, what: str, size: int, act: Callable[[], Any], *, is_traced: bool, per_mb_s: float) -> Any:
    """Return what `act` returns, or the CodecError that it raises. Raises `Failed` for all else, and for its cost."""
    if is_traced:
        tracemalloc.start()
    started = time.thread_time()
    try:
        found = act()
    except codec.CodecError as error:
        found = error
    except Exception as error:
        raise Failed(case, f"{what} raised {type(error).__name__}: {str(error)[:200]}") from error
    finally:
        spent = time.thread_time() - started
        peak = tracemalloc.get_traced_memory()[1] if is_traced else 0
        tracemalloc.stop()
    if peak > PER_BYTE * size + (8 << 20):
        raise Failed(case, f"{what} took {peak >> 20} MiB for {size} bytes")
    if not is_traced and spent > MOST_S + per_mb_s * size / (1 << 20):
        raise Failed(case, f"{what} took {spent:.2f} s for {size} bytes")
    return found


def check_host(case: Case, *, is_traced: bool = False) -> bool:
    """Compare once, and decode; return whether the answer was right. Raises `Failed`."""
    benchmark, task, arguments = RULES[case.name]
    expected, got = unpacked(case.expected), unpacked(case.got)
    size = len(expected) + len(got)
    per_mb_s = PER_MB_S if len(expected) < SHORT_BYTES else PER_BUILT_MB_S
    found = bounded(
        case, "matches", size, lambda: matches(benchmark, task, arguments, expected, got), is_traced=is_traced, per_mb_s=per_mb_s
    )
    if type(found) is not bool:
        raise Failed(case, f"matches gave {found!r}")
    if found and not plain_rule.is_right(benchmark, task, arguments, expected, got):
        raise Failed(case, "matches says right, and plain comparison does not")
    bounded(case, "decode", size, lambda: codec.decode(got, max_hashed=1000), is_traced=is_traced, per_mb_s=PER_BUILT_MB_S)
    return found


def host_case(rng: random.Random) -> tuple[Case, bool]:
    """Return a case, and whether its memory is to be measured."""
    name = rng.choice([*RULES, "plain", "plain", "tolerance", "set"])
    if rng.random() < 0.005:
        which, size = rng.choice(list(HOSTILE)), rng.choice(SIZES)
        got = HOSTILE[which](size)
        wide = HOSTILE[rng.choice(["zeros", "lists", "floats", which])](rng.choice([size, size // 4]))
        expected = wide if len(wide) < 4 * PLAIN_BYTES and _is_value(wide) else codec.encode(value(rng))
        got = mutated(rng, got) if rng.random() < 0.3 else got
        is_traced = size < SHORT_BYTES or rng.random() < 0.1  # which takes ten times as long
        return Case(part="host", name=name, expected=packed(expected), got=packed(got), note=f"{which}, {size}"), is_traced
    wanted = value(rng, rng.choice([0, 1, 2, 3, 4]))
    if name in ("set", "plain") and rng.random() < 0.3:
        wanted = list(hashed(rng, 2))
    is_listed = name == "set" and not isinstance(wanted, numpy.ndarray)
    expected = codec.encode(wanted, listed=is_listed)
    got = codec.encode(near(rng, wanted) if rng.random() < 0.5 else wanted, listed=is_listed)
    for _ in range(rng.choice([0, 1, 1, 2])):
        got = rng.choice([mutated, rewritten, rewritten])(rng, got)
    return Case(part="host", name=name, expected=packed(expected), got=packed(got)), False


PLAIN_BYTES = 1 << 19


def _is_value(data: bytes) -> bool:
    try:
        codec.decode(data, max_hashed=1000)
    except codec.CodecError:
        return False
    return True


def run_host(rng: random.Random, seconds: float) -> tuple[int, int]:
    """Check generated comparisons for some seconds; return how many, and how many were right. Raises `Failed`."""
    until, n_cases, n_right = time.monotonic() + seconds, 0, 0
    while time.monotonic() < until:
        case, is_traced = host_case(rng)
        n_right += check_host(case)
        if is_traced:
            check_host(case, is_traced=True)
        n_cases += 1
    return n_cases, n_right


# -- in boxes ----------------------------------------------------------------------------------------------------------

TASKS = {
    task.task_id: task
    for task in [
        Task(
            task_id="Fuzz/pairs", prompt="def pairs(xs):\n", entry_point="pairs", canonical_solution="    return [(x, x * x) for x in xs]\n",
            tests=Table(base=([[1, 2, 3]], [[]]), plus=([[0.5, -1]], [[7]], [list(range(500))])),
        ),
        Task(
            task_id="Fuzz/kinds", prompt="def kinds(n):\n", entry_point="kinds",
            canonical_solution="    return [{'a': [n]}, {n, n + 1}, None, b'ab', 1j * n, 7 ** 2000 + n, range(n), 'x' * n, True, {(n, 1): frozenset([n])}][n]\n",
            tests=Table(base=([0], [1], [2], [3], [4]), plus=([5], [6], [7], [8], [9])),
        ),
        Task(
            task_id="Fuzz/close", prompt="def close(x):\n", entry_point="close", canonical_solution="    return [x / 3, x] if x > 1 else x / 3\n",
            tests=Table(base=([1.0], [3.5]), plus=([0.1], [2.0]), atol=1e-6),
        ),
        Task(
            task_id="Fuzz/set", prompt="def Diff(a, b):\n", entry_point="Diff", canonical_solution="    return list(set(a) ^ set(b))\n",
            tests=Table(base=([[1, 2], [2, 3]],), plus=([["a", 1.5], []], [[], []])),
        ),
        Task(
            task_id="Fuzz/single", prompt="def single(x):\n", entry_point="single", canonical_solution="    return x + 1\n",
            tests=Table(base=([1],), plus=([2],)),
        ),
        Task(
            task_id="Fuzz/large", prompt="def large(x):\n", entry_point="large", canonical_solution="    return [0] * x\n",
            tests=Table(base=([3],), plus=([70_000],)),
        ),
        Task(
            task_id="Fuzz/check", prompt="def double(x):\n", entry_point="double", canonical_solution="    return 2 * x\n",
            tests=Check(source="def check(candidate):\n    for x in (1, 2.5, 'ab', [1], None):\n        assert candidate(x or 3) == 2 * (x or 3)\n"),
        ),
    ]
}  # fmt: skip
CALLS = {"Fuzz/check": [[1], [2.5], ["ab"], [[1]], [3]]}
RETURNED = codec.RETURNED
KINDS = [b"L", b"C", b"X", b"R", b"U", b"Q", b"D", b"P", b"r", b"\0", b"\xff"]

PROGRAM = """\
import base64, os, sys, time, zlib
codec = sys._getframe(1).f_globals["codec"]
SAID = {said!r}
BATCHES = {batches!r}
HOW, ENDS, PACE = {how!r}, {ends!r}, {pace!r}
{right}
right = {entry_point}

def unpacked(text):
    return zlib.decompress(base64.b64decode(text))

def write(data):
    view = memoryview(data)
    while view:
        view = view[os.write(4, view[: PACE or len(view)]) :]

class Liar(bytes):
    def __new__(cls, data, length):
        made = super().__new__(cls, data)
        made.length = length
        return made
    def __len__(self):
        return self.length

def receive(n):
    data = b""
    while len(data) < n:
        data += os.read(3, n - len(data)) or os._exit(0)
    return data

def serve(calls):
    while True:
        text = BATCHES.get(codec.encode_batch(calls[:1]).decode())
        write(unpacked(text) if text else b"")
        if ENDS or not text:
            os._exit(0)
        calls = codec.decode_batch(receive(int.from_bytes(receive(4), "big")))

def {entry_point}(*args):
    if HOW == "instead":
        batch = sys._getframe(1).f_locals["batch"]
        serve([args, *reversed(batch)])
    if HOW == "bodies":
        text = BATCHES.get(codec.encode_batch([args]).decode())
        return ("FORGED", text)
    if HOW == "beside":
        write(unpacked(SAID))
    return right(*args)

if HOW == "bodies":
    encode = codec.encode
    def forged(value, **more):
        if type(value) is not tuple or value[:1] != ("FORGED",) or not value[1]:
            return encode(value, **more)
        data = unpacked(value[1])
        length = int.from_bytes(data[:4], "big")
        return Liar(data[4:], length)
    codec.encode = forged
if HOW == "load":
    write(unpacked(SAID))
    if ENDS:
        os._exit(0)
if HOW == "all":
    write(unpacked(SAID))
    serve(codec.decode_batch(receive(int.from_bytes(receive(4), "big"))))
"""


def frame(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "big") + body


def parsed(stream: bytes) -> tuple[list[bytes], bool]:
    """Return the bodies of the RETURNED frames that a stream begins with, pieces joined, and whether that is all of it."""
    bodies, before, at = [], b"", 0
    while at < len(stream):
        kind, size = stream[at : at + 1], int.from_bytes(stream[at + 1 : at + 5], "big")
        body = stream[at + 5 : at + 5 + size]
        if at + 5 + size > len(stream) or kind not in (b"R", b"P") or (kind == b"P" and size < codec.MIN_PART):
            return bodies, False
        at += 5 + size
        before += body
        if kind == b"R":
            bodies.append(before)
            before = b""
    return bodies, not before


def mutated_frames(rng: random.Random, frames: list[bytes]) -> list[bytes]:
    """Return frames of which some are more, fewer, in another order, of another kind or length, or hold something else."""
    frames = list(frames)
    for _ in range(rng.choice([0, 1, 1, 2])):
        at = rng.randrange(len(frames)) if frames else 0
        frames[at : at + 1] = instead_of(rng, frames[at] if frames else frame(RETURNED, b"1"))
        if rng.random() < 0.15:
            rng.shuffle(frames)
    return frames


def instead_of(rng: random.Random, one: bytes) -> list[bytes]:
    """Return what may be sent for a frame."""
    body = one[5:]
    return rng.choice(
        [
            lambda: [one, one], list, lambda: [frame(RETURNED, b"null"), one], lambda: [frame(rng.choice(KINDS), body)],
            lambda: [one[:1] + rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\1\0\0"]) + body],
            lambda: [one[:1] + max(0, len(body) + rng.choice([-2, -1, 1, 5])).to_bytes(4, "big") + body],
            lambda: [one[: rng.randrange(len(one) + 1)]], lambda: [one, rng.randbytes(rng.randint(1, 4))], lambda: [mutated(rng, one)],
            lambda: [frame(b"P", b" " * rng.choice([0, 1, 65_535, 65_536, 70_000])) * rng.choice([1, 1, 50]), one],
            lambda: [frame(b"P", b" " * 65_536) * rng.choice([2, 3, 4, 5, 270]), one],
            lambda: [frame(RETURNED, mutated(rng, body))], lambda: [frame(RETURNED, b" " + body)], lambda: [frame(RETURNED, b"")] * rng.choice([1, 9, 500]),
            lambda: [frame(RETURNED, rewritten(rng, body if len(body) < 5000 else b"[1]"))], lambda: [frame(RETURNED, codec.encode(value(rng, 2)))],
            lambda: [frame(RETURNED, rng.choice(list(HOSTILE.values()))(rng.choice([50, 3000, 60_000])))],
            lambda: [frame(codec.RAISED, rng.randbytes(rng.choice([0, 20, 5000])))],
        ]
    )()  # fmt: skip


class Boxes:
    """An oracle over TASKS with real boxes, and what its right answers are."""

    def __init__(self, engine: Engine) -> None:
        self.pool = Sandbox(engine, 2, Limits(memory_bytes=512 << 20))
        self.oracle = Oracle(self.pool, mbpp_plus.BENCHMARK, TASKS, "fuzz-1", timeout_s=TIMEOUT_S, total_timeout_s=TOTAL_S)
        self.right: dict[str, list[list[tuple[list[Any], bytes]]]] = {}

    def start(self) -> None:
        """Start the boxes and find out what is right."""
        self.oracle.start()
        for task in TASKS.values():
            table = task.tests if isinstance(task.tests, Table) else None
            parts = [list(table.base), list(table.plus or ())] if table else [CALLS[task.task_id]]
            if not table:
                bodies = iter([codec.encode(2 * argument) for (argument,) in parts[0]])
            else:
                with self.pool.box() as box:
                    known = self.oracle.rules.answers.of(task, box)
                bodies = iter([body for chunk in known.chunks for _, body in known.frames(chunk)])
            self.right[task.task_id] = [[(list(arguments), next(bodies)) for arguments in part] for part in parts]

    def case(self, rng: random.Random) -> Case:
        """Return a program that writes generated bytes as its answers, and what plain comparison says of them."""
        task = TASKS[rng.choice(list(TASKS))]
        how = rng.choice(["instead", "instead", "instead", "bodies", "bodies", "all", "load", "beside"])
        batches: dict[str, str] = {}
        said, right = b"", []
        own = rng.random() < 0.8
        pace = rng.choice([0, 0, 0, 1 << 16, 4096])
        if how in ("load", "beside"):
            said = self._stream(rng, rng.choice(self.right[task.task_id])) or b"R"
            said = rng.choice([said, said[: rng.randint(1, 9)], frame(b"L", b"") + said])
        before, n_before = list[bytes](), 0
        for part in self.right[task.task_id]:
            groups = [[one] for one in part] if how == "bodies" or isinstance(task.tests, Check) else [part]
            streams = [self._stream(rng, group) for group in groups]
            if how == "bodies":  # the frame's head is the host's doing: what is written begins with the length it is to have
                streams = [frame(RETURNED, one[5:]) if one[:1] != RETURNED or len(one) < 5 else one for one in streams]
            for group, stream in zip(groups, streams, strict=True):
                batches[codec.encode_batch([group[0][0]]).decode()] = packed(stream[1:] if how == "bodies" else stream)
            if how == "beside":  # one too many, each time: what is late is an answer to what is asked next
                streams = [said + frame(RETURNED, body if own else b"null") for _, body in part]
            answers = parsed(b"".join(streams))[0]
            if how == "beside" or (pace and how != "load"):
                late = before[n_before:] + answers
                is_right = self._is_right(task, part, answers) or self._is_right(task, part, late)
                before, n_before = before + answers, n_before + len(part)
            else:
                whole = [parsed(stream) for stream in streams]
                is_right = all(is_all and len(found) == len(group) for (found, is_all), group in zip(whole, groups, strict=True))
                is_right = how != "load" and is_right and self._is_right(task, part, answers)
            right.append(is_right)
        if how == "all":
            said = rng.choice([frame(b"L", b""), frame(b"L", b""), frame(b"L", b"") * 2, b"L\0", frame(b"L", b"x"), frame(b"X", b"x"), b""])
        solution = PROGRAM.format(
            said=packed(said), batches=batches, how=how, ends=not any(right) and rng.random() < 0.97, pace=pace,
            right=task.prompt + (task.canonical_solution if own else "    return None\n"), entry_point=task.entry_point,
        )  # fmt: skip
        return Case(part="box", name=task.task_id, solution=solution, right=right, note=how)

    def _stream(self, rng: random.Random, part: list[tuple[list[Any], bytes]]) -> bytes:
        frames = [frame(RETURNED, body) for _, body in part]
        if rng.random() < 0.9:
            frames = mutated_frames(rng, frames)
        stream = b"".join(frames)
        return mutated(rng, stream) if rng.random() < 0.2 else stream

    def _is_right(self, task: Task, part: list[tuple[list[Any], bytes]], said: list[bytes]) -> bool:
        """Say whether the first of what was said is right for all calls of a part."""
        return len(said) >= len(part) and all(
            plain_rule.is_right(mbpp_plus.BENCHMARK, task, arguments, body, got)
            for (arguments, body), got in zip(part, said, strict=False)
        )

    def check(self, cases: Iterable[Case]) -> int:
        """Judge programs; return how many passed. Raises `Failed`."""
        cases = list(cases)
        samples = [Sample(task_id=case.name, sample_id=i, solution=case.solution) for i, case in enumerate(cases)]
        n_passed = n_judged = 0
        for sample, result, facts in self.oracle.judge_many(samples):
            case = cases[sample.sample_id]
            n_judged += 1
            if result.verdict is None or self.oracle.defects:
                raise Failed(case, f"no verdict: {result.error} {self.oracle.defects[:1]}")
            if facts.seconds > LONGEST_S:
                raise Failed(case, f"it took {facts.seconds:.1f} s")
            parts = [result.base] if result.plus is None else [result.base, result.plus]
            for found, is_right in zip(parts, case.right, strict=True):
                if found is Verdict.PASSED and not is_right:
                    raise Failed(case, f"passed, and plain comparison says otherwise: {result}")
            n_passed += result.verdict is Verdict.PASSED
        assert n_judged == len(cases)
        return n_passed

    def honest(self) -> None:
        """See that right programs still pass, and wrong ones still fail. Raises `Failed`."""
        for i, task in enumerate(TASKS.values()):
            right = Case(part="box", name=task.task_id, solution=task.prompt + task.canonical_solution, right=[True, True][: 1 + task.tests.has_plus])
            if not self.check([right]):
                raise Failed(right, f"the canonical solution did not pass after {i} others")
            self.check([Case(part="box", name=task.task_id, solution=task.prompt + "    return object()\n", right=[False, False][: 1 + task.tests.has_plus])])

    def close(self) -> None:
        self.pool.close()


def run_boxes(boxes: Boxes, rng: random.Random, seconds: float) -> tuple[int, int]:
    """Judge generated programs for some seconds; return how many, and how many passed. Raises `Failed`."""
    until, n_cases, n_passed = time.monotonic() + seconds, 0, 0
    while time.monotonic() < until:
        cases = [boxes.case(rng) for _ in range(32)]
        n_passed += boxes.check(cases)
        n_cases += len(cases)
    boxes.honest()
    return n_cases, n_passed


# -- all of it ---------------------------------------------------------------------------------------------------------


def rss() -> int:
    """Return the bytes that this process has in memory, and cannot give back."""
    gc.collect()
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def kept() -> list[Path]:
    return sorted(SEEDS.glob("*.json"))


def load(path: Path) -> Case:
    return Case(**json.loads(path.read_text()))


def keep(failed: Failed) -> Path:
    """Write a case to tests/seeds/, and return where."""
    text = json.dumps({**asdict(failed.case), "note": f"{failed.case.note}: {failed.why[:300]}"}, indent=1)
    SEEDS.mkdir(exist_ok=True)
    path = SEEDS / f"{failed.case.part}-{zlib.crc32(text.encode()):08x}.json"
    path.write_text(text + "\n")
    return path


def again(case: Case, boxes: Boxes) -> None:
    """Check a kept case. Raises `Failed`."""
    if case.part == "box":
        boxes.check([case])
    else:
        check_host(case)
        check_host(case, is_traced=True)


def main() -> int:
    """Rerun kept cases, then look for new ones; the exit code is 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="only these cases")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--seconds", type=float, default=float(variable("FUZZ_S", "600")))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TOOLKIT_CACHE"] = cache
        engine = DockerEngine()
        boxes = Boxes(engine)
        try:
            boxes.start()
            for path in options.files or kept():
                again(load(path), boxes)
                print(f"{path.name}: as it should be", flush=True)
            if not options.files:
                print(f"seed {options.seed}, {options.seconds:.0f} s", flush=True)
                _search(boxes, random.Random(options.seed), options.seconds)
        except Failed as failed:
            path = keep(failed)
            print(f"FOUND: {failed.why[:1000]}\nkept as {path}\nrerun: {sys.executable} -m tests.fuzz {path}", flush=True)
            return 1
        finally:
            boxes.close()
            engine.close()
    return 0


def _search(boxes: Boxes, rng: random.Random, seconds: float) -> None:
    """Look for new cases, and print what was done; in turns of about ten seconds, most of it in boxes."""
    started = time.monotonic()
    n_host = n_box = n_right = n_passed = 0
    before = 0
    while (spent := time.monotonic() - started) < seconds:
        turn = min(10.0, seconds - spent)
        n, right = run_host(rng, 0.25 * turn)
        n_host, n_right = n_host + n, n_right + right
        n, passed = run_boxes(boxes, rng, 0.75 * turn)
        n_box, n_passed = n_box + n, n_passed + passed
        before = before or rss()
        spent = time.monotonic() - started
        print(f"{spent:5.0f} s: {n_host} comparisons ({n_right} right), {n_box} programs ({n_passed} passed), {n_box / spent:.0f} programs/s, {(rss() - before) >> 20:+d} MiB", flush=True)
    if rss() - before > MOST_GROWTH:
        raise SystemExit(f"the process grew by {(rss() - before) >> 20} MiB")


if __name__ == "__main__":
    sys.exit(main())
