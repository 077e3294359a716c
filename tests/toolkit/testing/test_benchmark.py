"""Every benchmark passes the suite that the library ships, and the suite sees one that is not what it says."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine, Sandbox
from tests.one_file import greetings, powers
from toolkit.benchmarks import BENCHMARKS, Benchmark, Options
from toolkit.benchmarks.base import Loaded
from toolkit.records import Table, Task
from toolkit.testing import BENCHMARK, Nonconforming, check_benchmark

OWN = {"powers": powers.BENCHMARK, "greetings": greetings.BENCHMARK}


@pytest.fixture(scope="module")
def sandbox(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with pytest.MonkeyPatch.context() as patch, Sandbox(engine, 2) as sandbox:
        patch.setenv("TOOLKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield sandbox


@pytest.mark.parametrize("name", [*BENCHMARKS, *OWN])
def test_benchmark(name: str, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new benchmark is enrolled by its line in `BENCHMARKS`; `toolkit validate` proves the large ones."""
    benchmark = {**BENCHMARKS, **OWN}[name]
    if name == "greetings":
        monkeypatch.chdir(tmp_path)
        Path("greetings.json").write_text(json.dumps({"English": "Hello ", "Latin": "Salve "}))
    file = benchmark.data_file()
    if file is not None and not file.is_file():
        pytest.skip(f"NOT CHECKED: no data at {file}")
    check_benchmark(benchmark, sandbox=sandbox if name in OWN else None)


def changed(**task: Any) -> Benchmark:
    """Powers, with another first task."""

    def load(options: Options) -> Loaded:
        loaded = powers.load(options)
        first, *more = loaded.tasks.values()
        tasks = [replace(first, **task), *more]
        return Loaded(tasks={each.task_id: each for each in tasks}, data_hash=f"powers {task}")

    return replace(powers.BENCHMARK, load=load)


N = iter(range(100))
WRONG = {
    "tests": (changed(tests=Table(base=(), plus=())), "every_task_can_be_judged", "Powers/2: it has no tests"),
    "count": (replace(powers.BENCHMARK, n_tasks=4), "it_is_what_it_says_of_itself", "it has 3 tasks, and says 4"),
    "plus": (replace(powers.BENCHMARK, has_plus=False), "it_is_what_it_says_of_itself", "whether it has extra tests is False, not True"),
    "prefix": (changed(task_id="Other/1"), "it_is_what_it_says_of_itself", "Other/1 does not begin with 'Powers'"),
    "number": (changed(task_id="Powers/x"), "it_is_what_it_says_of_itself", r"tasks without a number: \['Powers/x'\]"),
    "override": (replace(powers.BENCHMARK, override="X"), "its_data_file_can_be_named", "X names a data file, and there is none"),
    "variant": (replace(powers.BENCHMARK, variants=("tiny",)), "each_variant_is_loaded", "variants are mini, noextreme, not"),
    "again": (
        replace(powers.BENCHMARK, load=lambda o: replace(powers.load(o), data_hash=str(next(N)))),
        "loading_again_gives_the_same", "the data's hash is '1', not '0'",
    ),
    "program": (changed(canonical_solution="return"), "solutions_are_programs", "are no program: 'return' outside function"),
    "data": (changed(tests=Table(base=([object()],), plus=())), "arguments_are_plain_data", "Powers/2: an argument does not reach a box as it is"),
    "solution": (changed(canonical_solution="    return y\n"), "solutions_pass_and_empty_functions_fail", "Powers/2"),
    "empty": (
        changed(prompt="def power(x):\n", canonical_solution="    return None\n"),
        "solutions_pass_and_empty_functions_fail", "1 of 6: Powers/2: an empty function: passed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_benchmark_that_is_not_what_it_says_is_seen(name: str, sandbox: Sandbox) -> None:
    benchmark, check, words = WRONG[name]
    with pytest.raises(Nonconforming, match=f"(?m)^{check}: .*{words}"):
        check_benchmark(benchmark, sandbox=sandbox, skip=set(BENCHMARK) - {check})


def test_a_task_is_a_task_of_ours() -> None:
    class Mine(Task):
        pass

    def load(options: Options) -> Loaded:
        loaded = powers.load(options)
        return replace(loaded, tasks={"Powers/2": Mine(task_id="Powers/2", prompt="", entry_point="f", canonical_solution="")})

    with pytest.raises(Nonconforming, match="'Powers/2' is the id of "):
        check_benchmark(replace(powers.BENCHMARK, load=load), skip=set(BENCHMARK) - {"every_task_can_be_judged"})
