"""A program that took more memory than it may is told so, although the kernel leaves the whole box more."""

from sandbox import Box, DockerEngine, Limits, Status
from sandbox.engines.base import OVERHEAD_BYTES
from sandbox.wire import codec

LIMIT = 100 << 20


def test_a_peak_over_the_limit_is_a_fact(engine: DockerEngine) -> None:
    grown = "x = bytearray({} << 20)\ndel x\nprint('done')"
    with Box(engine, Limits(charged_s=10, memory_bytes=LIMIT)) as box:
        for mib, status in ((60, Status.EXITED), (150, Status.MEMORY_EXCEEDED), (60, Status.EXITED)):
            execution = box.run(grown.format(mib))
            assert (execution.status, execution.stdout) == (status, "done\n")
            assert mib << 20 < execution.memory_peak_bytes < (mib + 30) << 20
        execution = box.run(grown.format(60), limits=Limits(charged_s=10, memory_bytes=64 << 20))
        assert execution.status is Status.MEMORY_EXCEEDED
        endless = box.run("kept = []\nwhile True: kept.append(bytearray(b'x' * (1 << 20)))")
        assert endless.status is Status.MEMORY_EXCEEDED
        assert LIMIT < endless.memory_peak_bytes <= LIMIT + OVERHEAD_BYTES


def test_a_child_of_the_program_counts(engine: DockerEngine) -> None:
    source = "import os\nif os.fork() == 0:\n    x = bytearray(150 << 20)\n    os._exit(0)\nos.wait()"
    with Box(engine, Limits(charged_s=10, memory_bytes=LIMIT)) as box:
        assert box.run(source).status is Status.MEMORY_EXCEEDED


def test_right_answers_stay_right(engine: DockerEngine) -> None:
    source = "def f(n):\n    return len(bytearray(n << 20)) >> 20"
    with Box(engine, Limits(charged_s=10, memory_bytes=LIMIT)) as box, box.calls(source, "f") as session:
        batch = session.batch(codec.encode_batch([[150]]), 1, last=True)
        assert session.frames(batch) == [(codec.RETURNED, b"150")]
        assert session.end().status is Status.MEMORY_EXCEEDED
