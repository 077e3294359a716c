"""The examples in MBPP+'s prompts are passed by its canonical solutions."""

from pathlib import Path

from sandbox import DockerEngine, Sandbox
from tests.gates.test_run import public_tests_pass
from toolkit.benchmarks import BENCHMARKS, Options


def test_mbpp_plus(engine: DockerEngine, shared: Path) -> None:
    tasks = BENCHMARKS["mbpp+"].load(Options(data=shared / "data" / "MbppPlus.jsonl.gz")).tasks
    with Sandbox(engine, 2) as sandbox:
        public_tests_pass(sandbox, tasks, 378)
