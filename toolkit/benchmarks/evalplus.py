"""Benchmarks whose data EvalPlus publishes, read by EvalPlus's own loaders."""

import importlib
import io
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.benchmarks.base import DataMissing, Loaded, Options, file_hash
from toolkit.records import Table, Task


@contextmanager
def evalplus_loaders(module: str) -> Iterator[Any]:
    """Yield the module `evalplus.data.<module>`, without the second that importing `datasets` takes.

    EvalPlus imports `datasets` for one loader that is not used here, so a placeholder stands in during the import.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One data set of EvalPlus: its cache, its override variable, its download.

    Attributes:
        module: in `evalplus.data`, such as `humaneval`.
        getter: name of the data set in the module's functions, such as `human_eval_plus`.
        stem, version: name the file and the release, such as `HumanEvalPlus` and `v0.1.10`.
        override: the environment variable that names another file.
    """

    module: str
    getter: str
    stem: str
    version: str
    override: str

    @property
    def clause(self) -> str:
        """Where the data comes from, as a clause for messages."""
        return f"it is downloaded from {self._repository} when first needed"

    @property
    def _repository(self) -> str:
        return f"github.com/evalplus/{self.stem.lower()}_release"

    def data_file(self) -> Path:
        """Return the path of the full data set, which need not exist."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evalplus"
        return Path(os.environ.get(self.override) or cache / f"{self.stem}-{self.version}.jsonl")

    def load(self, options: Options) -> Loaded:
        """Read the tasks; download the file first if it is missing. Raises `DataMissing`."""
        import socket

        name = self.stem + ("-Mini" if options.mini else "-NoExtreme" if options.noextreme else "")
        with evalplus_loaders(self.module) as loaders, redirect_stdout(io.StringIO()):  # its download prints
            before = getattr(loaders, self.override)
            timeout = socket.getdefaulttimeout()
            try:
                if options.data is not None:
                    setattr(loaders, self.override, str(options.data))
                socket.setdefaulttimeout(30)
                chosen = {"mini": options.mini, "noextreme": options.noextreme}
                path = Path(getattr(loaders, f"_ready_{self.getter}_path")(**chosen))
                rows = getattr(loaders, f"get_{self.getter}")(**chosen)
            except OSError as error:
                from evalplus.data.utils import CACHE_DIR

                raise DataMissing(
                    f"{name} {self.version} is not on this machine and cannot be downloaded ({error}). Put the file "
                    f"{name}.jsonl.gz of the release {self.version} of {self._repository}, unpacked, at "
                    f"{CACHE_DIR}/{name}-{self.version}.jsonl, or name it with --data FILE or {self.override}."
                ) from None
            except (ValueError, KeyError, TypeError, AssertionError, EOFError) as error:
                raise DataMissing(f"the data for {self.stem} {self.version} cannot be read: {error}") from None
            finally:
                setattr(loaders, self.override, before)
                socket.setdefaulttimeout(timeout)
        tasks = {
            task_id: Task(
                task_id=task_id,
                prompt=row["prompt"],
                entry_point=row["entry_point"],
                canonical_solution=row["canonical_solution"],
                tests=Table(base=tuple(row["base_input"]), plus=tuple(row["plus_input"]), atol=row["atol"]),
            )
            for task_id, row in rows.items()
        }
        return Loaded(tasks=tasks, data_hash=file_hash(path))
