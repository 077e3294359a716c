"""What a benchmark is."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.records import Task


class DataMissing(Exception):
    """A benchmark's data is not on this machine and cannot be fetched; the message says which file to put where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which data to load: a file of the user's own, the reduced plus tests, or the plus tests without extreme inputs."""

    data: Path | None = None
    mini: bool = False
    noextreme: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A benchmark's tasks by id, in its own order, and the SHA-256 of the file they came from."""

    tasks: Mapping[str, Task]
    data_hash: str


def number_of(task_id: str) -> int | None:
    """Return the number that ends an id such as `HumanEval/7`, or None if there is none."""
    end = task_id.rsplit("/", 1)[-1]
    return int(end) if end.isdecimal() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One benchmark. All that commands ask about it beyond its tasks stands here; only `name` and `load` are required.

    Attributes:
        name: as on the command line.
        load: reads the data; raises `DataMissing`.
        n_tasks: how many tasks the usual data has; 0 if that is not known before loading.
        prefix: what task ids begin with, up to the first "/".
        number: the number of a task, from its id, for `--id-range`.
        data_file: path of the usual data file, which need not be there; None if no file is needed.
        source: where the data comes from, as a clause for a person.
        override: the environment variable that names another data file, if there is one.
        variants: which reduced data sets there are: `mini`, `noextreme`.
        has_plus: whether there are extra tests, judged as a part of their own.
        private: whether people see inputs and expected values of its tests only if they ask for them (`--show-tests`).
        as_json: the input of a call, from (task, arguments), as the benchmark's own files have it.
        special: the benchmark's own rule for a task: True or False where it decides, None to leave it to comparison.
            Called with (task, arguments, expected, got); `got` is a number, text, bool, None, or, if the answer is
            anything else, an `Opaque`, which equals nothing.
        is_set: whether a task's answers are compared as sets of whatever can be iterated over.
    """

    name: str
    load: Callable[[Options], Loaded]
    n_tasks: int = 0
    prefix: str = ""
    number: Callable[[str], int | None] = number_of
    data_file: Callable[[], Path | None] = lambda: None
    source: str = ""
    override: str = ""
    variants: tuple[str, ...] = ()
    has_plus: bool = False
    private: bool = False
    as_json: Callable[[Task, Sequence[Any]], Any] = lambda _, call: call
    special: Callable[[Task, Sequence[Any], Any, Any], bool | None] = lambda *_: None
    is_set: Callable[[Task], bool] = lambda _: False


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, as hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
