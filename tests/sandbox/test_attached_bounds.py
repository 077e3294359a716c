"""Attached boxes: a flood wedges none, and an engine waits in vain once."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox import Box, BoxNotStarted, Sandbox, recipes
from sandbox.engines import attached
from tests.conftest import opened
from tests.faults import HIT, OWN, SMALL, TASKS, VERDICTS, judged, oracle, soon
from toolkit.oracle import Oracle
from toolkit.records import Result, Sample, Verdict

pytestmark = pytest.mark.usefixtures("known_here")


@pytest.mark.parametrize(("n_fresh", "n_left", "said"), [(3, 4, "sockets are left"), (4, 5, "sockets are left"), (4, 4, ""), (9, 12, ""), (0, 0, "")])
def test_a_socket_that_is_left_costs_the_box(n_fresh: int, n_left: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a box that is attached to as well, whose client is a socket; not where others make sockets in the same network."""
    monkeypatch.setattr(sys, "path", [*sys.path])  # which is another one inside
    from images.box import supervisor

    left: Any = supervisor.Supervisor.__new__(supervisor.Supervisor)
    left.cgroup, left.places, left.fresh = SimpleNamespace(held=lambda: 0), [], (0, [], n_fresh)
    monkeypatch.setattr(supervisor.Supervisor, "_sockets", staticmethod(lambda: n_left))
    monkeypatch.setattr(supervisor, "SETTLE_S", 0.02)
    assert left.residue(0) == said


STARTS = """
import os, socket, sys, time
from images.box import door
socket.gethostname = lambda: "one"
now = time.time()
for age_s in map(float, sys.argv[2].split()):
    time.time = lambda: now - age_s
    made = door.Door(sys.argv[1], os.getegid())
    print(round(made._opens - time.monotonic()))
    os.close(made._alive)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT CHECKED: only root may make a box's folder")
@pytest.mark.parametrize(
    ("ages_s", "rests"),
    [
        ("50 45 40 30 20 10 5 0", [0] * 6 + [10] * 2), ("250 200 150 100 50 0", [0] * 6),
        ("130 120 110 0 0 0 0 0 0 0", [0] * 9 + [10]),
    ],
)  # fmt: skip
def test_a_box_that_starts_again_and_again_rests_and_so_is_started_at_once(ages_s: str, rests: list[int], tmp_path: Path) -> None:
    """Nothing is started after more than a tenth of a second then. How often it started is in its folder, which is not swept."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", STARTS, tmp_path, ages_s], capture_output=True, text=True, env=environment, check=True)
    assert [*map(int, done.stdout.split())] == rests


FLOODS = {
    "while it is loaded": "import os\nwhile True: os.write(4, bytes(1 << 20))\n",
    "one long answer": "import os\ndef pairs(xs):\n    while True: os.write(4, b'R' * (1 << 20))\n",
    "answers": "import os\ndef pairs(xs):\n    while True: os.write(4, (b'R' + (1).to_bytes(4, 'big') + b'1') * 100_000)\n",
    "by children": "import os\ndef pairs(xs):\n    for _ in range(4):\n        if not os.fork():\n            while True: os.write(4, b'R' * (1 << 20))\n",
}


def flooded(own: Sandbox, floods: list[Sample], timeout_s: float) -> list[Result]:
    return [result for _, result, _ in Oracle(own, OWN, TASKS, "faults-1", timeout_s=timeout_s).judge_many(floods)]


def test_a_flood_of_answers_wedges_no_attached_box(pool: Sandbox) -> None:
    """Four boxes: four floods, two at a time; a client that goes in the middle of one; and the next one is served at once."""
    by_kind = [Sample(task_id=HIT[kind], sample_id=i, solution=it) for i, it in enumerate(FLOODS.values()) for kind in HIT]
    with opened("attached", n_run=4) as engine:
        with Sandbox(engine, 2, SMALL) as own:
            begun = time.monotonic()
            results = flooded(own, by_kind[::2], 0.5)
            assert {result.verdict for result in results} <= {Verdict.TIME_LIMIT, Verdict.RUNTIME_ERROR, Verdict.WRONG_ANSWER}, results
            assert time.monotonic() - begun < soon(10)
            timer, begun = threading.Timer(0.5, own.close), time.monotonic()
            timer.start()
            results = flooded(own, by_kind[1::2], 60)
            assert time.monotonic() - begun < soon(5)
            assert not any(result.verdict is Verdict.PASSED for result in results)
            assert any(result.verdict is None for result in results), "nobody was in the middle of one"
            timer.join()
        begun = time.monotonic()
        with Sandbox(engine, 2, SMALL) as own:
            found = {result.task_id: result.verdict for result in judged(oracle(own))}
        assert found == VERDICTS
        assert time.monotonic() - begun < soon(5)


def test_an_attached_engine_reads_a_recipe_once_and_waits_in_vain_once(
    pool: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, tag = [], recipes.tag

    def reading(kind: str) -> str:
        read.append(kind)
        return tag(kind)

    monkeypatch.setattr(recipes, "tag", reading)
    monkeypatch.setattr(attached, "WAIT_S", 1.0)
    monkeypatch.setattr(attached, "BRIEF_S", 0.1)
    with opened("attached", n_run=1) as engine:
        read.clear()
        assert {engine.image_digest(kind) for kind in ("run", "lint") for _ in range(100)} == {tag("run"), tag("lint")}
        with Box(engine, SMALL) as one:
            for least_s, most_s in ((1, soon(3)), (0, 0.7), (0, 0.7)):
                begun = time.monotonic()
                with pytest.raises(BoxNotStarted, match="none of 1 run boxes came free"):
                    Box(engine, SMALL).start()
                assert least_s <= time.monotonic() - begun < most_s
            one.close()
            monkeypatch.setattr(attached, "WAIT_S", 20.0)
            deadline = time.monotonic() + 20
            while True:  # it is free when it is clean
                with contextlib.suppress(BoxNotStarted), Box(engine, SMALL) as other:
                    assert other.run("print(1)").stdout == "1\n"
                    break
                assert time.monotonic() < deadline
    assert read == ["run", "lint"]
