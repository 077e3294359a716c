"""The interface of benchmarks: tasks, and the rules by which answers are compared."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.errors import InfrastructureError
from toolkit.records import Check, Stdin, Table, Task, UnitTests


class DataMissing(InfrastructureError):
    """A benchmark's data is not on this machine and cannot be fetched; the message says which file to put where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which data to load: the user's own file, reduced plus tests, plus tests without extreme inputs, a release.

    `is_named` is false if the user did not ask for this benchmark by name: large data is not downloaded then.
    """

    data: Path | None = None
    mini: bool = False
    noextreme: bool = False
    release: str = ""
    is_named: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A benchmark's tasks by id, in its own order, and the SHA-256 of the file they came from."""

    tasks: Mapping[str, Task]
    data_hash: str


def number_of(task_id: str) -> int | None:
    """Return the number at the end of an id such as `HumanEval/7`, or None if there is none."""
    end = task_id.rsplit("/", 1)[-1]
    return int(end) if end.isdecimal() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One benchmark: everything that commands need to know about it besides its tasks. Only `name` and `load` are required.

    Attributes:
        name: as on the command line.
        load: reads the data; raises `DataMissing`.
        n_tasks: number of tasks in the usual data; 0 if unknown before loading.
        prefix: the beginning of task ids, up to the first "/".
        number: returns the number of a task from its id, for `--id-range`.
        data_file: path of the usual data file, which need not exist; None if no file is needed.
        source: where the data comes from, as a clause for messages.
        override: the environment variable that names another data file, if there is one.
        many_files: whether the data may be a folder of files that form one set.
        variants: the reduced data sets that exist: `mini`, `noextreme`.
        releases: names of the releases of its data set, the latest last.
        has_plus: whether there are extra tests, judged as a part of their own.
        private: whether inputs and expected values of its tests are shown only on request (`--show-tests`).
        as_json: returns the input of a call, from (task, arguments), in the form of the benchmark's own files.
        special: the benchmark's own rule for a task: True or False where it decides, None to leave it to comparison.
            Called with (task, arguments, expected, got); `got` is a number, text, bool, None, or, if the answer is
            anything else, an `Opaque`, which equals nothing.
        weak: tasks whose official tests pass an empty body, and why: `validate` names them.
        unsolved: tasks whose own solution does not pass in a box, and why: `validate` names them.
        cut: shortens a program of a task as the official harness does before it runs it once more; that score stands beside
            the one of whole programs. None: there is no such run.
        is_set: whether a task's answers are compared as sets of the elements of any iterable.
        image: image of the boxes that its programs and tests run in.
        origin: the distribution it came from, such as `extra-tasks 1.2`; empty for ours. Stored verdicts depend on it.
    """

    name: str
    load: Callable[[Options], Loaded]
    n_tasks: int = 0
    prefix: str = ""
    number: Callable[[str], int | None] = number_of
    data_file: Callable[[], Path | None] = lambda: None
    source: str = ""
    override: str = ""
    many_files: bool = False
    variants: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    has_plus: bool = False
    private: bool = False
    as_json: Callable[[Task, Sequence[Any]], Any] = lambda _, call: call
    special: Callable[[Task, Sequence[Any], Any, Any], bool | None] = lambda *_: None
    weak: Mapping[str, str] = field(default_factory=dict)
    unsolved: Mapping[str, str] = field(default_factory=dict)
    cut: Callable[[Task, str], str] | None = None
    is_set: Callable[[Task], bool] = lambda _: False
    image: str = "run"
    origin: str = ""


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, as hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_tested(task: Task) -> bool:
    """Return whether a task has a test."""
    tests = task.tests
    if isinstance(tests, UnitTests):
        return bool(tests.classes and tests.source.strip())
    if isinstance(tests, Check):
        return bool(tests.source.strip())
    return bool(tests.base if isinstance(tests, Table) else isinstance(tests, Stdin) and tests.cases)


def complaints(loaded: Loaded) -> list[str]:
    """Return why tasks cannot be judged, one line each: a task needs a test of a kind that the oracle judges."""
    if not isinstance(loaded, Loaded):
        return [f"load returns a Loaded, not {type(loaded).__name__}"]
    found = [] if loaded.tasks else ["it has no tasks"]
    for name, task in loaded.tasks.items():
        if type(task) is not Task or name != task.task_id:
            found.append(f"{name!r} is the id of {task!r:.100}, not of a Task that calls itself so")
            continue
        tests = task.tests
        if type(tests) not in (Table, Check, Stdin, UnitTests):  # a subclass could say of itself what it likes
            found.append(f"{name}: its tests are {type(tests).__name__}; a task has a Table, a Check, a Stdin or UnitTests")
        elif not is_tested(task):
            found.append(f"{name}: it has no tests")
        if not (task.entry_point or isinstance(tests, Stdin)):
            found.append(f"{name}: it names no function that is tested")
    return found
