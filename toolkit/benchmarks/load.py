"""From a benchmark's name to the tasks to judge."""

import contextlib
import os
import re
from collections.abc import Callable

from sandbox.registry import listed
from toolkit.benchmarks import BENCHMARKS, Benchmark, DataMissing, Options
from toolkit.errors import UsageError
from toolkit.records import Task


def names(which: Callable[[Benchmark], bool] | None = None) -> str:
    """Return the benchmarks that satisfy `which` (None: all), as "humaneval, humaneval+ or mbpp+"; empty if none does."""
    return listed(BENCHMARKS if which is None else [name for name, benchmark in BENCHMARKS.items() if which(benchmark)])


def names_with(variant: str) -> str:
    """Return the names of the benchmarks that have a reduced data set, as `names` does."""
    return names(lambda benchmark: variant in benchmark.variants)


def benchmark_named(name: str) -> Benchmark:
    """Return a benchmark by its name; case, dashes and `plus` for `+` make no difference, as in `HumanEval-Plus`.

    Raises:
        UsageError: there is none; the message names the nearest one.
    """
    known = {_bare(each): each for each in BENCHMARKS}
    try:
        return BENCHMARKS[known.get(_bare(name), name)]
    except KeyError as error:
        raise UsageError(str(error)) from None


def _bare(name: str) -> str:
    return re.sub("plus$", "+", re.sub("[-_ ]", "", name.lower()))


def load(benchmark: Benchmark, options: Options) -> tuple[dict[str, Task], str]:
    """Return the tasks and the data's hash. Raises `UsageError` or `InfrastructureError`."""
    if options.mini and options.noextreme:
        raise UsageError("--mini and --noextreme exclude each other")
    variant = "mini" if options.mini else "noextreme" if options.noextreme else ""
    if variant and variant not in benchmark.variants:
        raise UsageError(f"--{variant} is for {names_with(variant)}, not for {benchmark.name}")
    own = "--data" if options.data else benchmark.override if os.environ.get(benchmark.override) else ""
    if own and variant:
        raise UsageError(
            f"--{variant} chooses among the usual data files, and {own} names another one: leave one of them out"
        )
    if options.release and not benchmark.releases:
        raise UsageError(f"--release is for {names(lambda each: bool(each.releases))}, not for {benchmark.name}")
    if options.data is not None and not (options.data.is_file() or (benchmark.many_files and options.data.is_dir())):
        raise UsageError(f"--data {options.data}: no such file")
    loaded = benchmark.load(options)
    return dict(loaded.tasks), loaded.data_hash


class LocalTasks:
    """The tasks of all benchmarks whose data is on this machine; each is read once a task is not found in those before."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._unread: list[Benchmark] | None = None

    def get(self, task_id: str) -> Task | None:
        """Return a task, of the first benchmark that has it."""
        if self._unread is None:
            self._unread = list(BENCHMARKS.values())
        while task_id not in self._tasks and self._unread:
            benchmark = self._unread.pop(0)
            with contextlib.suppress(DataMissing):
                file = benchmark.data_file()
                if file is None or file.exists():
                    self._tasks = {**benchmark.load(Options()).tasks, **self._tasks}
        return self._tasks.get(task_id)
