"""Boxes that really go: killed from outside, destroyed by the program in them, or short of what a host has only so much of."""

import contextlib
import fcntl
import os
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gates import Solution, parse
from sandbox import ENGINES, Box, DockerEngine, Sandbox, Status
from sandbox.box import Session
from tests.conftest import opened
from tests.faults import HIT, RIGHT, SMALL, judge, oracle
from toolkit.oracle import Oracle
from toolkit.records import Verdict

pytestmark = pytest.mark.usefixtures("known_here")

SLOW = f"import time\ntime.sleep(0.4)\n{RIGHT}"
DESTROYER = f"""
import os, sys
for fd in (3, 4): os.set_inheritable(fd, True)
os.execv(sys.executable, ["python3", "-c", '''
import os
open("/proc/self/oom_score_adj", "w").write("0")
os.write(4, b"L" + bytes(4))
held = []
while True:
    held.append(os.memfd_create("held"))
    for _ in range(7): os.write(held[-1], bytes(8 << 20))
'''])
{RIGHT}
"""
"""Holds its memory where no process has it mapped, so that the kernel ends the box's supervisor, or its zygote, for it."""


@pytest.fixture(scope="module", params=sorted(ENGINES))
def real(request: pytest.FixtureRequest, pool: Sandbox) -> Iterator[Oracle]:
    """An oracle with one box of each role, of either engine."""
    with opened(request.param, n_run=3, disk="64m") as engine, Sandbox(engine, 1, replace(SMALL, disk_bytes=64 << 20)) as own:
        yield oracle(own)


@pytest.mark.parametrize("kind", HIT)
@pytest.mark.parametrize("n", [1, 2])
def test_a_box_that_is_killed_from_outside(
    kind: str, n: int, real: Oracle, engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: the verdict is as usual. Twice, under the same program: that counts as its doing."""
    calls, killed = Box.calls, list[str]()

    @contextlib.contextmanager
    def killing(self: Box, *given: Any, **more: Any) -> Iterator[Session]:
        with calls(self, *given, **more) as session:
            if len(killed) < n:
                assert self._connection
                killed.append(self._connection.name.removeprefix("run."))
                engine.client.api.kill(killed[-1])
                if self._connection.name != killed[-1]:  # that of a service, whose starter brings it back
                    engine.client.api.start(killed[-1])
            yield session

    with monkeypatch.context() as patch:
        patch.setattr(Box, "calls", killing)
        result = judge(real, kind, SLOW)
    assert result.verdict is (Verdict.PASSED if n == 1 else Verdict.RUNTIME_ERROR), result
    assert len(killed) == n
    assert judge(real, kind).verdict is Verdict.PASSED


@pytest.mark.parametrize("kind", HIT)
def test_a_program_that_destroys_its_box_has_a_verdict(kind: str, real: Oracle) -> None:
    """Which one is the kernel's choice: where it ended the supervisor of an attached box, nobody can say what for."""
    result = judge(real, kind, DESTROYER)
    details = {Verdict.MEMORY_LIMIT: "the whole box ran out of memory", Verdict.RUNTIME_ERROR: "its box did not survive it, twice"}
    assert result.detail == details[result.verdict or Verdict.PASSED], result
    assert judge(real, kind).verdict is Verdict.PASSED


def test_a_gate_refuses_a_program_that_destroys_its_box(real: Oracle) -> None:
    programs = [Solution(code=RIGHT), Solution(code=DESTROYER), Solution(code=RIGHT + "\n")]
    assert [one.passed for (one,) in parse("import").check_many(programs, real.pool)] == [True, False, True]


def test_what_a_program_may_do_to_its_own_oom_score_does_no_harm(real: Oracle) -> None:
    """It may be lowered to what the supervisor has. A program that uses memory as programs do is still the one that is ended."""
    anew = "import os, sys\nos.execv(sys.executable, ['python3', '-c', '''{}'''])"
    lowered = 'open("/proc/self/oom_score_adj", "w").write("0")\nprint("lowered", flush=True)\n'
    below = 'open("/proc/self/oom_score_adj", "w", buffering=1).write("-1\\\\n")'
    with real.pool.box() as box:
        limits = replace(box.limits, charged_s=10)
        assert box.run(anew.format(lowered), limits=limits).stdout == "lowered\n"
        assert "PermissionError" in box.run(anew.format(below), limits=limits).stderr
        n_started = box.n_started
        found = box.run(anew.format(lowered + 'x = b"x" * (1 << 30)'), limits=limits)
        assert (found.status, found.stdout) == (Status.MEMORY_EXCEEDED, "lowered\n")
        assert box.run("print(1)").stdout == "1\n"
        assert box.n_started == n_started


def test_sync_is_without_effect(real: Oracle) -> None:
    """The whole machine would wait for it."""
    source = (
        "import ctypes, os\nopen('dirty', 'wb').write(bytes(1 << 20))\nfor _ in range(50_000): os.sync()\n"
        "libc = ctypes.CDLL(None, use_errno=True)\nprint(libc.syncfs(os.open('.', 0)), ctypes.get_errno())"
    )
    with real.pool.box() as box:
        found = box.run(source, limits=replace(box.limits, charged_s=5, cpu_s=5))
    assert found.stdout == "0 0\n", found


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT CHECKED: only root may take all that a user may have of pipes")
def test_a_box_works_with_pipes_of_any_size(pool: Sandbox) -> None:
    """All pipes of a user are counted, of all its boxes together: from some on, there are only small ones."""
    source = "import fcntl\nsize = fcntl.fcntl(4, 1032)\ndef pairs(xs):\n    assert size < 1 << 20, size\n    return [(x, x * x) for x in xs]\n"
    most = int(Path("/proc/sys/fs/pipe-user-pages-soft").read_text()) * resource.getpagesize()
    with contextlib.ExitStack() as stack:
        for _ in range(most // (1 << 20) + 1):
            ends = os.pipe()
            for end in ends:
                stack.callback(os.close, end)
            fcntl.fcntl(ends[0], 1031, 1 << 20)
        results = [judge(oracle(pool), kind, source) for kind in HIT]
    assert [result.verdict for result in results] == [Verdict.PASSED] * 2, results
