"""Data sets as their authors publish them: rows in a file of the user's, in our cache, or on the hub."""

import gzip
import hashlib
import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.benchmarks.base import DataMissing, Loaded, Options
from toolkit.records import Task
from toolkit.store import cache, files

MAX_BYTES = 4 << 30
"""Unpacked size of a data file, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One published data set.

    Attributes:
        stem: name of the file in the cache.
        repo, config: the data set on the hub, and which of its configurations.
        override: the environment variable that names another file.
        is_large: it has gigabytes, and is downloaded for those who name the benchmark alone.
        task: makes a task of a row; raises KeyError, TypeError, ValueError or SyntaxError where it is malformed.
    """

    stem: str
    repo: str
    config: str | None = None
    override: str
    is_large: bool = False
    task: Callable[[Mapping[str, Any]], Task]

    @property
    def clause(self) -> str:
        """Where the data comes from, for a person."""
        return f"it is downloaded from the data set {self.repo} of the hub when first needed"

    def data_file(self) -> Path:
        """Return the path of the data, which need not be there."""
        return Path(os.environ.get(self.override) or cache.directory() / "benchmarks" / f"{self.stem}.jsonl")

    def load(self, options: Options) -> Loaded:
        """Read the tasks; download the data first if it is missing. Raises `DataMissing`."""
        path = options.data or self.data_file()
        try:
            if options.data is None and not os.environ.get(self.override) and not path.exists():
                self._download(path, is_named=options.is_named)
            files_in = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
            contents = [_unpacked(one) for one in files_in]
            rows = [row for content in contents for row in _rows(content.decode())]
        except (OSError, EOFError, ValueError) as error:
            raise DataMissing(f"{path} cannot be read as JSON or JSON lines: {error}") from None
        tasks: dict[str, Task] = {}
        for number, row in enumerate(rows, 1):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of escapes in programs that are parsed
                    task = self.task(row)
            except (KeyError, TypeError, ValueError, SyntaxError, AttributeError) as error:
                what = f"no column {error}" if isinstance(error, KeyError) else str(error)
                raise DataMissing(f"{path}, record {number}: no task of {self.stem}: {what}") from None
            if task.task_id in tasks:
                raise DataMissing(f"{path}, record {number}: the id of {task.task_id} is there twice")
            tasks[task.task_id] = task
        if not tasks:
            raise DataMissing(f"{path}: no records")
        return Loaded(tasks=tasks, data_hash=hashlib.sha256(b"".join(contents)).hexdigest())

    def _download(self, path: Path, *, is_named: bool) -> None:
        """Write the rows of all splits to `path`. Raises `DataMissing`."""
        remedy = f"Put its rows, as JSON lines, at {path}, or name a file with --data FILE or {self.override}."
        if self.is_large and not is_named:
            raise DataMissing(f"{self.stem} has gigabytes, which are downloaded when it is named only. {remedy}")
        try:
            import datasets
            from huggingface_hub import HfApi, constants
        except ImportError:
            raise DataMissing(
                f"{self.stem} is not on this machine, and downloading it needs a package: "
                f'pip install "exogate[train]". {remedy}'
            ) from None
        datasets.disable_progress_bars()
        try:
            if not constants.HF_HUB_OFFLINE:
                HfApi().dataset_info(self.repo, timeout=10)  # asks once; what follows tries for half a minute
            splits = datasets.load_dataset(self.repo, self.config)
            rows = [dict(row) for split in splits.values() for row in split]
        except Exception as error:  # whatever the package, the hub's client or a reader raises
            reason = " ".join(str(error).split())[:300]
            raise DataMissing(f"{self.stem} is not on this machine and cannot be downloaded ({reason}). {remedy}") from None
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomically(path, "".join(json.dumps(row) + "\n" for row in rows).encode())


def _unpacked(path: Path) -> bytes:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES >> 30} GB")
    return content


def _rows(text: str) -> list[Any]:
    """Return the records of a JSON array or of JSON lines."""
    if text.lstrip().startswith("["):
        rows = json.loads(text)
        return list(rows)
    return [json.loads(line) for line in text.split("\n") if line.strip()]
