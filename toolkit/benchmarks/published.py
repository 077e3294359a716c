"""Data sets as their authors publish them: rows in a user's file, in our cache, or on the hub."""

import gzip
import hashlib
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sandbox.registry import listed
from toolkit.benchmarks.base import DataMissing, Loaded, Options
from toolkit.errors import UsageError, nearest
from toolkit.records import Task
from toolkit.store import cache, files

MAX_BYTES = 4 << 30
"""Largest unpacked data file, in bytes."""


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One published data set.

    Attributes:
        stem: name of the file, or folder, in the cache.
        repo, config: the data set on the hub, and its configuration.
        split: the split to use; all if empty.
        files: the data set's own files, which are read directly: the n-th came with the n-th release. If empty, rows are
            loaded through `datasets`.
        override: the environment variable that names another file.
        is_large: it takes gigabytes, and is downloaded only if the user names the benchmark.
        task: makes a task from a row; raises KeyError, TypeError, ValueError or SyntaxError if it is malformed.
    """

    stem: str
    repo: str
    config: str | None = None
    split: str = ""
    files: tuple[str, ...] = ()
    override: str
    is_large: bool = False
    task: Callable[[Mapping[str, Any]], Task]

    @property
    def clause(self) -> str:
        """Where the data comes from, as a clause for messages."""
        return f"it is downloaded from the data set {self.repo} of the hub when first needed"

    @property
    def releases(self) -> tuple[str, ...]:
        """Return the names of the releases; each includes the files of those before it."""
        return (*(f"release_v{n}" for n in range(1, len(self.files) + 1)), "release_latest") if self.files else ()

    def data_file(self) -> Path:
        """Return the path of the data, which need not exist."""
        name = self.stem if self.files else f"{self.stem}.jsonl"
        return Path(os.environ.get(self.override) or cache.directory() / "benchmarks" / name)

    def load(self, options: Options) -> Loaded:
        """Read the tasks; download the data first if it is missing.

        Raises:
            DataMissing: it is not on this machine and cannot be downloaded, or is not the data of this benchmark.
            UsageError: there is no such release.
        """
        path, wanted = options.data or self.data_file(), self._files_of(options.release)
        is_ours = options.data is None and not os.environ.get(self.override)
        tasks: dict[str, Task] = {}
        digest = hashlib.sha256()
        try:
            if is_ours:
                self._download(path, wanted, is_named=options.is_named)
            for file in _chosen(path, wanted if is_ours or options.release else ()):
                for number, row in enumerate(records(file, digest), 1):
                    task = self._task(row, f"{file}, record {number}")
                    if task.task_id in tasks:
                        raise DataMissing(f"{file}, record {number}: the id of {task.task_id} is there twice")
                    tasks[task.task_id] = task
        except (OSError, EOFError, ValueError, RecursionError) as error:
            raise DataMissing(f"{path} cannot be read as JSON or JSON lines: {error}") from None
        if not tasks:
            raise DataMissing(f"{path}: no records")
        return Loaded(tasks=tasks, data_hash=digest.hexdigest())

    def _task(self, row: Any, place: str) -> Task:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes in programs that are parsed
                return self.task(row)
        except (KeyError, TypeError, ValueError, SyntaxError, AttributeError) as error:
            what = f"no column {error}" if isinstance(error, KeyError) else str(error)
            raise DataMissing(f"{place}: no task of {self.stem}: {what}") from None

    def _files_of(self, release: str) -> Sequence[str]:
        """Return the files of a release: `release_v3` has three, `v3` the third alone, `v2_v4` those from 2 to 4."""
        if release in ("", "release_latest"):
            return self.files
        if found := re.fullmatch(r"release_v(\d{1,3})|v(\d{1,3})(?:_v(\d{1,3}))?", release):
            last = int(found[1] or found[3] or found[2])
            first = int(found[2] or 1)
            if 1 <= first <= last <= len(self.files):
                return self.files[first - 1 : last]
        raise UsageError(
            f"--release {release}: {self.stem} has {listed(self.releases)}, and parts of it, such as v1 or v1_v2"
            f"{nearest(release, self.releases)}"
        )

    def _download(self, path: Path, wanted: Sequence[str], *, is_named: bool) -> None:
        """Write the rows of all splits to `path`, or those of the wanted files that are missing. Raises `DataMissing`."""
        missing = [name for name in wanted if not (path / name).is_file()]
        if not missing if self.files else path.exists():
            return
        what = f"{', '.join(missing)} into" if self.files else "its rows, as JSON lines, at"
        remedy = f"Put {what} {path}, or name {'files' if self.files else 'a file'} with --data or {self.override}."
        if self.is_large and not is_named:
            raise DataMissing(f"{self.stem} has gigabytes, which are downloaded when it is named only. {remedy}")
        try:
            if not self.files:
                import datasets
            from huggingface_hub import HfApi, constants, hf_hub_download
        except ImportError:
            raise DataMissing(
                f"{self.stem} is not on this machine, and downloading it needs a package: "
                f'pip install "exogate[train]". {remedy}'
            ) from None
        try:
            if not constants.HF_HUB_OFFLINE:
                HfApi().dataset_info(self.repo, timeout=10)  # asks once; what follows tries for half a minute
            for name in missing:
                hf_hub_download(self.repo, name, repo_type="dataset", local_dir=path)
            if not self.files:
                datasets.disable_progress_bars()
                splits = datasets.load_dataset(self.repo, self.config)
                chosen = [splits[self.split]] if self.split else splits.values()
                rows = [dict(row) for split in chosen for row in split]
        except Exception as error:  # whatever the package, the hub's client or a reader raises
            reason = " ".join(str(error).split())[:300]
            raise DataMissing(f"{self.stem} is not on this machine and cannot be downloaded ({reason}). {remedy}") from None
        if not self.files:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_atomically(path, "".join(json.dumps(row) + "\n" for row in rows).encode())


def _chosen(path: Path, wanted: Sequence[str]) -> list[Path]:
    """Return the files to read: `path` itself, or those in it, restricted to names that end in one of `wanted`."""
    if not path.is_dir():
        if wanted:
            raise UsageError(f"--release chooses among the files of a folder, and {path} is none")
        return [path]
    there = sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
    if not wanted:
        return there
    found = [[one for one in there if one.name.removesuffix(".gz").endswith(name)] for name in wanted]
    for name, each in zip(wanted, found, strict=True):
        if len(each) != 1:
            raise DataMissing(f"{path} has {len(each) or 'no'} files whose names end in {name}; a release wants one")
    return [one for each in found for one in each]


def records(path: Path, digest: _Digest | None = None) -> Iterator[Any]:
    """Yield the records of a JSON array or of JSON lines, gzipped or not; `digest` is fed what is read.

    Raises:
        OSError, EOFError, ValueError: the file cannot be read, or has more than `MAX_BYTES`.
    """
    n_left = MAX_BYTES
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        while text := file.readline(n_left + 1):
            if is_array := text.lstrip().startswith(b"["):
                text += file.read(n_left + 1)
            n_left -= len(text)
            if n_left < 0:
                raise ValueError(f"more than {MAX_BYTES >> 30} GB")
            if digest:
                digest.update(text)
            if text.strip():
                yield from json.loads(text) if is_array else [json.loads(text)]
