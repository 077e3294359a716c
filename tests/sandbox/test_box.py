"""The box and its engine, beyond what `toolkit.testing` has every engine promise."""

import os
import subprocess
import sys
import time

import pytest

from images.box.job import Program
from sandbox import Box, BoxLost, DockerEngine, EngineUnavailable, Limits, Sandbox, Status
from tests.processes import busy, started


def test_what_cannot_be_removed_costs_the_box(engine: DockerEngine) -> None:
    """Deeper than a path can name: whatever becomes of it, the next program starts on a clean file system."""
    with Box(engine, Limits(charged_s=5)) as own:
        own.run("import os\nfor _ in range(3000): os.mkdir('d' * 50); os.chdir('d' * 50)")
        assert own.run("import os; print(os.listdir('/tmp') == [str(os.getuid())])").stdout == "True\n"


def test_box_killed_under_a_program_is_lost_and_comes_back(engine: DockerEngine) -> None:
    with Box(engine) as own:
        own.start()
        assert own._connection is not None
        engine.client.api.kill(own._connection.name)
        with pytest.raises(BoxLost):
            own.run("print(1)")
        assert own.run("print(2)").stdout == "2\n"


def test_box_ends_when_its_host_is_killed(engine: DockerEngine) -> None:
    code = (
        "from sandbox import Box, DockerEngine\nimport time\nbox = Box(DockerEngine())\nbox.start()\n"
        "print(box._connection.name, flush=True)\ntime.sleep(600)"
    )
    with started([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert engine.client.containers.get(name).status == "running"
        process.kill()
    deadline = time.monotonic() + 10
    while engine.client.containers.get(name).status == "running":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    engine.sweep()
    assert name not in [found.id for found in engine.client.containers.list(all=True)]


def test_time_waiting_for_a_busy_processor_is_not_charged(engine: DockerEngine) -> None:
    source = "import time\nt = time.process_time()\nwhile time.process_time() - t < 0.6: pass"
    with busy(2 * (os.cpu_count() or 1)), Box(engine) as own:
        execution = own.run(source, limits=Limits(charged_s=1.2))
    assert execution.status is Status.EXITED, execution
    assert execution.charged_s < 1.2


def test_what_gets_a_processor_for_its_time_is_not_starved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty threads of its own may keep the first one waiting; that is no verdict left open."""
    own = Program.__new__(Program)
    own.spec = {"limits": {"charged_s": 1.0, "call_s": 1.0, "cpu_s": 2.0}}
    own.charged_wait, own.started, own.mark_cpu, own.own_before = 0.0, 0.0, 0.0, Program._own_cpu()
    for cpu, elapsed, why in ((0.1, 24.0, "starved"), (1.1, 24.0, "timed_out"), (1.1, 22.0, "")):
        monkeypatch.setattr(own, "charge", lambda _now, cpu=cpu: (0.5, 0.5, cpu))
        assert own._over_time(elapsed) == why


def test_what_a_box_needs_to_become_warm_is_not_charged(engine: DockerEngine) -> None:
    """The first program of a box whose interpreter takes seconds to become warm, on a busy machine."""
    with busy(2 * (os.cpu_count() or 1)), Box(engine, image="lint") as own:
        assert isinstance(own.examine("lint", ["x = 1\n"], limits=Limits(charged_s=1, cpu_s=2))[0], dict)


def test_sandbox_lends_each_box_alone(engine: DockerEngine) -> None:
    with Sandbox(engine, 2) as sandbox, sandbox.box() as one, sandbox.box() as other:
        assert one is not other
        assert one.run("print(1)").stdout == other.run("print(1)").stdout


def test_no_engine_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(EngineUnavailable, match="make engine"):
        DockerEngine()


@pytest.mark.parametrize(
    "bad",
    [{"charged_s": 0}, {"charged_s": float("inf")}, {"cpu_s": float("nan")}, {"memory_bytes": 1.5}, {"processes": True},
     {"memory_bytes": 1}, {"open_files": 3}, {"output_bytes": -1}, {"disk_bytes": "1"}],
)  # fmt: skip
def test_bad_limits_are_refused_when_built(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Limits(**bad)  # type: ignore[arg-type]


def test_an_engine_that_leaves_out_a_limit_is_refused(engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    told = engine.client.api.create_host_config
    left_out = ("mem_limit", "memswap_limit")
    monkeypatch.setattr(
        engine.client.api, "create_host_config",
        lambda **given: told(**{name: it for name, it in given.items() if name not in left_out}),
    )  # fmt: skip
    with pytest.raises(EngineUnavailable, match="nothing bounds the memory"):
        Box(engine).start()
