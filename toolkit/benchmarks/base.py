"""What a benchmark is, and the comparison that those made by EvalPlus share."""

import hashlib
import importlib
import io
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.records import Task


class DataMissing(Exception):
    """A benchmark's data is neither on this machine nor to be had; says which file to put where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which data to load: a file of one's own, the reduced tests, or the tests without extreme inputs."""

    data: Path | None = None
    mini: bool = False
    noextreme: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The tasks of a benchmark by their ids, in its own order, and the SHA-256 of the file they came from."""

    tasks: Mapping[str, Task]
    data_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One benchmark.

    Attributes:
        name: as on the command line.
        load: reads the data; raises `DataMissing`.
        special: the benchmark's own rule for a task: True or False where it decides, None where plain comparison
            does. Called with (task, arguments, expected, got); `got` is a number, text, bool or None, and an `Opaque`,
            which equals nothing, where the answer is none of these.
        is_set: whether a task's answers are compared as sets, of whatever can be iterated over.
        has_plus: whether there are extra tests.
        override: the environment variable that names another data file; empty where there is none.
    """

    name: str
    load: Callable[[Options], Loaded]
    special: Callable[[Task, Sequence[Any], Any, Any], bool | None] = lambda *_: None
    is_set: Callable[[Task], bool] = lambda _: False
    has_plus: bool = True
    override: str = ""


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, as hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def evalplus_loaders(module: str) -> Iterator[Any]:
    """Give the module `evalplus.data.<module>` without the second that importing `datasets` takes.

    EvalPlus imports `datasets` for one loader that is not used here; a placeholder stands in while it is imported.
    """
    placeholder = "datasets" not in sys.modules
    if placeholder:
        stand_in = types.ModuleType("datasets")
        stand_in.__dict__["load_dataset"] = None
        sys.modules["datasets"] = stand_in
    try:
        yield importlib.import_module(f"evalplus.data.{module}")
    finally:
        if placeholder:
            sys.modules.pop("datasets", None)


def load_evalplus(module: str, override: str, getter: str, stem: str, version: str, options: Options) -> Loaded:
    """Load HumanEval+ or MBPP+ through EvalPlus's own loader: its cache, its override variable, its download.

    Raises:
        DataMissing: there is no such file, and it cannot be downloaded.
    """
    import socket

    with evalplus_loaders(module) as loaders, redirect_stdout(io.StringIO()):  # its download prints
        before = getattr(loaders, override)
        timeout = socket.getdefaulttimeout()
        try:
            if options.data is not None:
                setattr(loaders, override, str(options.data))
            socket.setdefaulttimeout(30)
            path = Path(getattr(loaders, f"_ready_{getter}_path")(mini=options.mini, noextreme=options.noextreme))
            rows = getattr(loaders, f"get_{getter}")(mini=options.mini, noextreme=options.noextreme)
        except OSError as error:
            from evalplus.data.utils import CACHE_DIR

            extra = "-Mini" if options.mini else "-NoExtreme" if options.noextreme else ""
            raise DataMissing(
                f"{stem}{extra} {version} is not on this machine and cannot be downloaded ({error}). Put the file "
                f"{stem}{extra}.jsonl.gz of the release {version} of github.com/evalplus/{stem.lower()}_release, "
                f"unpacked, at {CACHE_DIR}/{stem}{extra}-{version}.jsonl, or name it with --data FILE or {override}."
            ) from None
        except (ValueError, KeyError, TypeError, AssertionError, EOFError) as error:
            raise DataMissing(f"the data for {stem} {version} cannot be read: {error}") from None
        finally:
            setattr(loaders, override, before)
            socket.setdefaulttimeout(timeout)
    tasks = {
        task_id: Task(
            task_id=task_id,
            prompt=row["prompt"],
            entry_point=row["entry_point"],
            canonical_solution=row["canonical_solution"],
            base_inputs=tuple(row["base_input"]),
            plus_inputs=tuple(row["plus_input"]),
            atol=row["atol"],
        )
        for task_id, row in rows.items()
    }
    return Loaded(tasks=tasks, data_hash=file_hash(path))
