"""What every benchmark promises: it is what it claims to be, and its own solutions pass its tests."""

import os
import warnings
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox import Sandbox
from sandbox.wire import codec
from toolkit.benchmarks.base import Benchmark, Loaded, Options, complaints
from toolkit.oracle import Oracle
from toolkit.records import Sample, Table, Verdict
from toolkit.testing.suite import Suite, equal, held

VARIANTS = {"mini": Options(mini=True), "noextreme": Options(noextreme=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A benchmark, the tasks that were loaded with `options`, and boxes to judge in; without boxes nothing is judged."""

    benchmark: Benchmark
    loaded: Loaded
    options: Options
    sandbox: Sandbox | None


BENCHMARK: Suite[Subject] = Suite()
"""The checks."""


def check_benchmark(
    benchmark: Benchmark, options: Options | None = None, sandbox: Sandbox | None = None, skip: Collection[str] = ()
) -> None:
    """Check what benchmarks promise.

    Args:
        options: which data to load; None loads the usual.
        sandbox: boxes to judge in: canonical solutions must pass, and empty functions must fail.
        skip: names of checks in `BENCHMARK`.

    Raises:
        Nonconforming: one line for each check that failed.
        DataMissing: there is no data.
    """
    options = options or Options()
    loaded = benchmark.load(options)
    BENCHMARK.run(Subject(benchmark=benchmark, loaded=loaded, options=options, sandbox=sandbox), skip)


@BENCHMARK
def every_task_can_be_judged(it: Subject) -> None:
    held(not complaints(it.loaded), "; ".join(complaints(it.loaded)[:10]))


@BENCHMARK
def it_is_what_it_says_of_itself(it: Subject) -> None:
    benchmark, tasks = it.benchmark, it.loaded.tasks
    held(benchmark.name and benchmark.name == "".join(benchmark.name.split()), f"its name is {benchmark.name!r}")
    held(benchmark.n_tasks in (0, len(tasks)), f"it has {len(tasks)} tasks, and says {benchmark.n_tasks}")
    equal(benchmark.has_plus, any(task.tests.has_plus for task in tasks.values()), "whether it has extra tests")
    for task_id in tasks:
        held(task_id.startswith(benchmark.prefix), f"{task_id} does not begin with {benchmark.prefix!r}")
    numbers = {task_id: benchmark.number(task_id) for task_id in tasks}
    held(None not in numbers.values(), f"tasks without a number: {[name for name, n in numbers.items() if n is None][:10]}")
    equal(len(set(numbers.values())), len(tasks), "how many numbers its tasks have")


@BENCHMARK
def its_data_file_can_be_named(it: Subject) -> None:
    file, override = it.benchmark.data_file(), it.benchmark.override
    held(file is None or isinstance(file, Path), f"data_file returns {file!r}")
    held(not override or file is not None, f"{override} names a data file, and there is none")
    named = os.environ.get(override) if override else None
    held(not named or file == Path(named or ""), f"{override} is {named!r}, and the data file {file}")


@BENCHMARK
def each_variant_is_loaded(it: Subject) -> None:
    held(set(it.benchmark.variants) <= set(VARIANTS), f"variants are {', '.join(VARIANTS)}, not {it.benchmark.variants}")
    if it.options == Options():
        for variant in it.benchmark.variants:
            reduced = it.benchmark.load(VARIANTS[variant])
            held(not complaints(reduced), f"{variant}: {complaints(reduced)[:1]}")
            held(set(reduced.tasks) <= set(it.loaded.tasks), f"{variant} has tasks that the benchmark has not")


@BENCHMARK
def loading_again_gives_the_same(it: Subject) -> None:
    again = it.benchmark.load(it.options)
    held(it.loaded.data_hash and isinstance(it.loaded.data_hash, str), f"the data's hash is {it.loaded.data_hash!r}")
    equal(again.data_hash, it.loaded.data_hash, "the data's hash")
    equal(list(again.tasks), list(it.loaded.tasks), "the order of the tasks")
    for name, task in it.loaded.tasks.items():
        held(repr(again.tasks[name]) == repr(task), f"{name} is another task the second time")


@BENCHMARK
def solutions_are_programs(it: Subject) -> None:
    for name, task in it.loaded.tasks.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(task.prompt + task.canonical_solution, name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            held(False, f"{name}: its prompt and canonical solution are no program: {error}")


@BENCHMARK
def arguments_are_plain_data(it: Subject) -> None:
    for name, task in it.loaded.tasks.items():
        calls = task.tests.calls if isinstance(task.tests, Table) else []
        blob = codec.encode_batch(calls)
        held(codec.encode_batch(codec.decode_batch(blob)) == blob, f"{name}: an argument does not reach a box as it is")


@BENCHMARK
def solutions_pass_and_empty_functions_fail(it: Subject) -> None:
    if it.sandbox is None:
        return
    tasks = it.loaded.tasks
    right = [Sample(task_id=t.task_id, sample_id=0, solution=t.prompt + t.canonical_solution) for t in tasks.values()]
    empty = [replace(s, sample_id=1, solution=f"def {tasks[s.task_id].entry_point}(*_):\n    pass\n") for s in right]
    oracle = Oracle(it.sandbox, it.benchmark, tasks, it.loaded.data_hash)
    wrong = [
        f"{result.task_id}: {'the canonical solution' if sample.sample_id == 0 else 'an empty function'}: "
        f"{result.error or result.verdict} {result.detail}"
        for sample, result, _ in oracle.judge_many([*right, *empty])
        if (result.verdict == Verdict.PASSED) != (sample.sample_id == 0) or result.error
    ]
    held(not wrong, f"{len(wrong)} of {2 * len(tasks)}: {'; '.join(sorted(wrong)[:10])}")
