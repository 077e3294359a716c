"""Programs one after another in one box: whatever one leaves behind, it has a verdict, and the next is judged as if it came first."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gates import Solution, parse
from sandbox import Box, BoxLost, BoxOutOfMemory, DockerEngine, Execution, Limits, Sandbox, Starved
from sandbox.box import Session
from tests.faults import HIT, OWN, RIGHT, TABLE, TASKS, often
from tests.toolkit.oracle.test_boxes_that_go import DESTROYER
from toolkit.oracle import Oracle
from toolkit.records import Result, Sample, Table, Verdict
from toolkit.store.cache import VerdictCache

pytestmark = pytest.mark.usefixtures("known_here")

MIB = 1 << 20
LIMITS = Limits(memory_bytes=256 * MIB, disk_bytes=64 * MIB)
SLOW = replace(
    TABLE,
    task_id="Own/slow",
    prompt="import time\ndef pairs(xs):\n    time.sleep(0.15 * (xs[0] > 9))\n",
    tests=Table(base=([[1]],), plus=([[10]], [[11]], [[12]], [[13]])),
)
"""Its plus calls are more than one chunk: each takes more than half of what a chunk may."""
OTHERS = TASKS | {SLOW.task_id: SLOW}


@pytest.fixture(scope="module")
def boxes(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One box of each role."""
    with pytest.MonkeyPatch.context() as patch, Sandbox(engine, 1, LIMITS) as pool:
        patch.setenv("TOOLKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield pool


def judge(boxes: Sandbox, task_id: str, source: str, cache: VerdictCache | None = None) -> Result:
    by = Oracle(boxes, OWN, OTHERS, "after-1", timeout_s=5, cache=cache)
    ((_, result, _),) = by.judge_many([Sample(task_id=task_id, sample_id=0, solution=source)])
    assert not by.defects, by.defects[0]
    return result


# -- what is left in a box ---------------------------------------------------------------------------------------------

CYCLE = """
    one, other = socket.socketpair()
    socket.send_fds(one, [b"x"], [*held, one.fileno(), other.fileno()])
"""
"""Sends what is held into a socket that is on its way in itself: no process and no name has it, and it is charged to the box."""
LEAVES = {
    "memory": f"""
import os, socket
def leave():
    held = []
    for _ in range(5):
        held.append(os.memfd_create("held"))
        for _ in range(7): os.write(held[-1], bytes(8 << 20))
{CYCLE}""",
    "deleted files": f"""
import os, socket
def leave():
    held = []
    for place in (".", "/dev/shm"):
        held.append(os.open(place + "/held", os.O_RDWR | os.O_CREAT))
        os.unlink(place + "/held")
        try:
            while True: os.write(held[-1], bytes(1 << 20))
        except OSError: pass
{CYCLE}""",
    "inodes": """
import os
def leave():
    for place, n in (("d" * 50, 20_000), ("/dev/shm/d", 2_000)):
        os.mkdir(place)
        try:
            for i in range(n): os.mknod(f"{place}/{i}")
        except OSError: pass
        os.chmod(place, 0)
""",
    "a deep tree": """
import os
def leave():
    for _ in range(500): os.mkdir("d" * 50); os.chdir("d" * 50)
    os.chmod(".", 0)
""",
}
ALL = f"""
import os, tempfile
x = bytearray(b"x") * (170 << 20)
del x
for place, n in ((tempfile.gettempdir(), 60), ("/dev/shm", 15)):
    with open(place + "/room", "wb") as file:
        for _ in range(n): file.write(bytes(1 << 20))
    os.unlink(place + "/room")
for i in range(1_000): os.mknod(str(i))
{RIGHT}"""
"""Is right, and takes nearly all memory, room and files that a program may have."""
ENDS = {
    "answers at length, and ends itself": (
        Verdict.WRONG_ANSWER,
        "    view = memoryview(b'R' + (100_000).to_bytes(4, 'big') + b'1' * 100_000)\n"
        "    while view: view = view[os.write(4, view):]\n    os._exit(0)\n",
    ),
    "is right": (Verdict.PASSED, "    return [(x, x * x) for x in xs]\n"),
}


@pytest.mark.parametrize("what", LEAVES)
@pytest.mark.parametrize("how", ENDS)
def test_what_a_program_leaves_costs_the_next_one_nothing(boxes: Sandbox, what: str, how: str) -> None:
    hostile = f"{LEAVES[what]}\nlate = iter([1])\ndef pairs(xs):\n    for _ in late: leave()\n{ENDS[how][1]}"
    for kind in HIT:
        task_id = "Own/0" if kind == "table" else HIT[kind]
        result = judge(boxes, task_id, f"{hostile}# {kind}")
        assert result.verdict is ENDS[how][0], result
        after = judge(boxes, task_id, ALL)
        assert after.verdict is Verdict.PASSED, after


@pytest.mark.parametrize("what", LEAVES)
@pytest.mark.parametrize("kind", ["import", "tests"])
def test_what_a_program_leaves_costs_a_run_of_gates_one_row(boxes: Sandbox, kind: str, what: str) -> None:
    test = "assert pairs([1]) == [(1, 1)]"
    hostile = f"{LEAVES[what]}\ndef pairs(xs):\n    leave()\n{ENDS['answers at length, and ends itself'][1]}"
    if kind == "import":
        hostile += "pairs([])\n"
    programs = [Solution(code=code, test=test) for code in (RIGHT, hostile, ALL, hostile + "\n", ALL + "\n")]
    assert [one.passed for (one,) in parse(kind).check_many(programs, boxes)] == [True, False, True, False, True]


@pytest.mark.parametrize("kind", ["table", "check", "import", "tests"])
def test_an_unclean_box_hands_over_its_answers_before_it_is_replaced(
    boxes: Sandbox, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 KB are more than goes to the host unasked. Nothing known cannot be removed, so that the box is unclean is planted."""
    ended, unclean = Box.ended, list[Box]()

    def planted(self: Box, header: dict[str, Any], output: bytes) -> Execution:
        unclean.append(self)
        return ended(self, {**header, "clean": False}, output)

    how, end = ENDS["answers at length, and ends itself"]
    source = f"import os\ndef pairs(xs):\n{end}"
    with boxes.box() as box:
        n_before = box.n_started
    with monkeypatch.context() as patch:
        patch.setattr(Box, "ended", planted)
        if kind in HIT:
            result = judge(boxes, "Own/0" if kind == "table" else HIT[kind], source)
            assert (result.verdict, "survive" in result.detail) == (how, False), result
        else:
            test = Solution(code=source + "pairs([])\n" * (kind == "import"), test="assert pairs([1]) == [(1, 1)]")
            ((report,),) = parse(kind).check_many([test], boxes)
            assert [one.symbol for one in report.findings] == ["crash" if kind == "import" else "wrong-answer"]
    assert box in unclean
    assert judge(boxes, "Own/0", ALL).verdict is Verdict.PASSED
    assert box.n_started > n_before


# -- boxes that end, and what becomes of the verdict -------------------------------------------------------------------


def test_a_wrong_part_stays_wrong_when_the_other_one_takes_the_box_along(boxes: Sandbox) -> None:
    destroy = DESTROYER.replace('os.write(4, b"L" + bytes(4))', "")  # it is loaded as it is
    result = judge(boxes, "Own/0", f"def pairs(xs):\n    if xs == [4]: exec({destroy!r})\n    return 0\n")
    assert (result.base, result.plus) == (Verdict.WRONG_ANSWER, Verdict.MEMORY_LIMIT), result
    assert judge(boxes, "Own/0", ALL).verdict is Verdict.PASSED


@pytest.mark.parametrize("error", [BoxOutOfMemory("no room"), BoxLost("gone")], ids=["memory", "lost"])
@pytest.mark.timeout(60)
def test_a_box_that_goes_after_the_first_wrong_chunk(boxes: Sandbox, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong in the first of several plus chunks, and then there is no box to end the program in: a verdict, and no wait."""
    with boxes.box() as box:
        rules = Oracle(boxes, OWN, OTHERS, "after-1", timeout_s=5).rules
        assert sum(chunk.plus for chunk in rules.answers.of(SLOW, box).chunks) >= 2
    real, n_left = Session.end, 1 if type(error) is BoxLost else 9

    def end(self: Session) -> object:
        nonlocal n_left
        if n_left:
            n_left -= 1
            self.box.close()
            raise error
        return real(self)

    monkeypatch.setattr(Session, "end", end)
    result = judge(boxes, SLOW.task_id, "def pairs(xs):\n    return [(x, x * x) for x in xs if x != 10]\n")
    assert n_left == (0 if type(error) is BoxLost else 8)
    assert (result.base, result.plus, result.plus_call) == (Verdict.PASSED, Verdict.WRONG_ANSWER, 1)


@pytest.mark.parametrize("kind", HIT)
@pytest.mark.parametrize("error", [BoxLost("gone"), Starved("busy"), OSError("gone")], ids=["lost", "starved", "os"])
def test_what_befell_a_box_is_kept_by_no_cache(
    boxes: Sandbox, kind: str, error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A right program whose boxes are lost twice has a verdict, which is not stored: the next run judges it anew."""
    source, cache = f"{RIGHT}# {error}", VerdictCache(tmp_path)
    try:
        with monkeypatch.context() as patch:
            often(patch, Session, "batch", error)
            first = judge(boxes, HIT[kind], source, cache)
        assert first.verdict is (Verdict.RUNTIME_ERROR if type(error) is BoxLost else None), first
        assert cache.get(Oracle(boxes, OWN, OTHERS, "after-1", cache=cache)._key(Sample(task_id=HIT[kind], sample_id=0, solution=source))) is None
        assert judge(boxes, HIT[kind], source, cache).verdict is Verdict.PASSED
    finally:
        cache.close()
