"""What studies work with: models, stages, and the two scores that all of them have."""

import ast
import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self

from toolkit.benchmarks import Options
from toolkit.benchmarks import load as benchmarks
from toolkit.errors import InfrastructureError
from toolkit.oracle import VERSION
from toolkit.progress import Advance
from toolkit.records import Task
from toolkit.report.summary import counts
from toolkit.store.files import file_hash
from toolkit.store.stages import Waiting, stage
from toolkit.studies.settings import S

if TYPE_CHECKING:
    from toolkit.models.load import Loaded

Build = Callable[[], "Loaded"]
"""Returns a model; it is called only where a stage has to run."""


class Lab(Generic[S]):
    """A machine that stages run on.

    Attributes:
        waiting: stages that wait for another machine, a line each.
        lengths: mean tokens of an answer, by folder and benchmark.
    """

    def __init__(self, settings: S, advance: Advance = lambda *_: None) -> None:
        self.settings, self.advance = settings, advance
        self.waiting: list[str] = []
        self.lengths: dict[tuple[str, str], float] = {}
        self._started = time.monotonic()
        self._tasks: dict[str, tuple[dict[str, Task], str]] = {}
        self._stack = contextlib.ExitStack()
        self._oracles: dict[tuple[str, int], Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def stage(self, folder: str, name: str, inputs: Mapping[str, Any], act: Callable[[], dict[str, Any]]) -> Any:
        """Return the outputs of a stage in a folder of the run; see `toolkit.store.stages.stage`.

        Its kind, what its name begins with up to a dash, is one of `toolkit.studies.settings.Stage`.
        """
        where, minutes = self.settings.output / folder, self.settings.minutes
        is_new = not (where / f"{name}.json").exists()
        if minutes and is_new and time.monotonic() - self._started > 60 * minutes:
            raise Waiting(f"no stage began after {minutes:g} minutes: the same command goes on")
        return stage(where, name, inputs, self.settings.stages, act)

    def aside(self, folder: str, name: str, inputs: Mapping[str, Any], act: Callable[[], dict[str, Any]]) -> Any:
        """Do a stage on which no other one depends; None if it waits."""
        try:
            return self.stage(folder, name, inputs, act)
        except Waiting as error:
            self.waiting.append(str(error))
            return None

    # -- models --------------------------------------------------------------------------------------------------------

    def source(self, model: str = "", **more: Any) -> Any:
        """Return the `Source` of a model: that of the settings, or one named. `more`: other fields."""
        from toolkit.models.source import Source

        named = model or self.settings.model
        if named == "tiny":
            named = self._tiny()
        given = {"device": self.settings.device or None, "dtype": self.settings.dtype or None, **more}
        return Source(model=named, **given)

    def load(self, model: str = "", **more: Any) -> "Loaded":
        """Load a model. Raises `UsageError` or `InfrastructureError`."""
        from toolkit.models.load import load

        self.advance("loading the model", 0, 1)
        return load(self.source(model, **more))

    def _tiny(self) -> str:
        from toolkit.studies import tiny

        folder = self.settings.output / "tiny"
        # within another stage, so whatever the time is
        stage(folder, "prepare-tiny", {"seed": 0}, self.settings.stages, lambda: tiny.write(folder))
        return str(folder)

    # -- scores --------------------------------------------------------------------------------------------------------

    def tasks(self, benchmark: str, limit: int) -> tuple[list[Task], str]:
        """Return the first tasks of a benchmark, and the hash of its data. Raises `UsageError` or `InfrastructureError`."""
        if benchmark not in self._tasks:
            self._tasks[benchmark] = benchmarks.load(benchmarks.benchmark_named(benchmark), Options())
        tasks, data_hash = self._tasks[benchmark]
        return list(tasks.values())[:limit], data_hash

    def present(self) -> list[str]:
        """Return the benchmarks of the settings; with `skip_missing` only those whose data is here."""
        found = []
        for name in self.settings.benchmarks:
            try:
                self.tasks(name, 1)
                found.append(name)
            except InfrastructureError as error:
                if not self.settings.skip_missing:
                    raise
                self.waiting.append(f"left out: {error}")
        return found

    def scores(self, folder: str, digest: str, build: Build) -> dict[str, Mapping[str, float]]:
        """Return both scores of a model on all benchmarks of the settings, as far as they do not wait.

        Args:
            digest: stands for all that the model depends on.
        """
        found: dict[str, Mapping[str, float]] = {}
        for benchmark in self.present():
            each = {"nll": self.nll(folder, digest, build, benchmark)}
            if self.settings.pass_tasks:
                each["pass"] = self.passes(folder, digest, build, benchmark)
            found |= {f"{name}@{benchmark}": values for name, values in each.items() if values is not None}
        return found

    def nll(
        self, folder: str, digest: str, build: Build, benchmark: str, suffix: str = "", *, alone: bool = False
    ) -> Mapping[str, float] | None:
        """Return the negative log-likelihood of each task's canonical solution given its prompt, in nats a token.

        Mean over the tokens of the completion, as the gate `perplexity` tokenizes it. For a task that builds upon another
        one (Pro), only the body of its own function counts, given all that stands before it; see `halves`.

        Args:
            suffix: tells several readings of one model apart, as in `-cf1`.
            alone: each text is a batch of its own, without padding: for models that do not read texts apart.
        """
        tasks, data_hash = self.tasks(benchmark, self.settings.nll_tasks)

        inputs = {"model": digest, "benchmark": benchmark, "data": data_hash, "n": len(tasks), "dtype": self.settings.dtype}
        name = f"score-{benchmark}{suffix}"
        done = self.aside(folder, name, inputs, lambda: self.read(folder, build(), tasks, alone=alone))
        return None if done is None else dict(done["tasks"])

    def read(self, folder: str, loaded: "Loaded", tasks: Sequence[Task], *, alone: bool = False) -> dict[str, Any]:
        """Return, as `tasks`, the nats a token of each task's canonical solution; see `nll`."""
        from toolkit.models.scorer import ModelScorer

        scorer = ModelScorer(loaded=loaded, batch_tokens=1 if alone else ModelScorer.batch_tokens)
        found: dict[str, float] = {}
        for start in range(0, len(tasks), 8):
            some = tasks[start : start + 8]
            read = scorer.logprobs(*zip(*map(halves, some), strict=True))
            found |= {t.task_id: round(-float(each.mean()), 6) for t, each in zip(some, read, strict=True)}
            if wrong := next((task for task, nats in found.items() if not math.isfinite(nats)), None):
                raise InfrastructureError(f"{folder}: the model reads {wrong} at {found[wrong]} nats a token: it is broken")
            self.advance(f"{folder}: reading", len(found), len(tasks))
        return {"tasks": found}

    def passes(self, folder: str, digest: str, build: Build, benchmark: str) -> Mapping[str, float] | None:
        """Let the model answer tasks, judge the answers, and return the share of passes of each task; None if that waits."""
        settings = self.settings
        tasks, data_hash = self.tasks(benchmark, settings.pass_tasks)
        file = settings.output / folder / f"answers-{benchmark}.jsonl"
        asked = {
            "model": digest, "benchmark": benchmark, "data": data_hash, "n": len(tasks), "samples": settings.samples,
            "temperature": settings.temperature, "top_p": settings.top_p, "tokens": settings.max_new_tokens,
            "dtype": settings.dtype,
        }  # fmt: skip
        made = self.aside(folder, f"write-{benchmark}", asked, lambda: self.write(folder, build(), tasks, file))
        if made is None:
            return None
        self.lengths[folder, benchmark] = made["tokens"] / len(tasks) / settings.samples
        rules = {"answers": made["sha256"], "timeout": settings.timeout, "oracle": VERSION}
        done = self.aside(folder, f"judge-{benchmark}", rules, lambda: self._judge(benchmark, file, len(tasks)))
        if done is None:
            return None
        pairs = {task: text.split("/") for task, text in done["tasks"].items()}
        return {task: int(c) / int(n) for task, (c, n) in pairs.items()}

    def write(self, folder: str, loaded: "Loaded", tasks: Sequence[Task], file: Path) -> dict[str, Any]:
        """Let a model answer tasks into a file that `toolkit eval --samples` reads; return its hash and what it took."""
        from toolkit.commands.generate import answer
        from toolkit.models import prompts
        from toolkit.models.generators import Generation, Sampling
        from toolkit.models.generators.transformers_ import TransformersGenerator

        settings, started = self.settings, time.monotonic()
        generator = TransformersGenerator(replace(self.source(), adapter=None), loaded)
        asked, stop = prompts.for_tasks(tasks, None, generator)
        sampling = Sampling(
            n=settings.samples, temperature=settings.temperature, top_p=settings.top_p if settings.temperature else 1.0,
            max_new_tokens=settings.max_new_tokens, stop=stop,
        )  # fmt: skip
        n_tokens = 0

        def row(one: Generation) -> dict[str, Any]:
            nonlocal n_tokens
            n_tokens += one.n_tokens
            return {"task_id": tasks[one.index].task_id, one.field: one.completion, "n_tokens": one.n_tokens}

        file.parent.mkdir(parents=True, exist_ok=True)
        answer(generator, asked, sampling, file, row, lambda _, done, total, *__: (
            self.advance(f"{folder}: answers", done, total)
        ))  # fmt: skip
        return {"sha256": file_hash(file), "tokens": n_tokens, "seconds": round(time.monotonic() - started, 3)}

    def _judge(self, benchmark: str, samples: Path, limit: int) -> dict[str, Any]:
        from toolkit.api.judging import Oracle

        settings = self.settings
        if (benchmark, limit) not in self._oracles:
            oracle = Oracle(benchmark, timeout=settings.timeout, parallel=settings.parallel, limit=limit)
            self._oracles[benchmark, limit] = self._stack.enter_context(oracle)
            oracle.check()
        oracle = self._oracles[benchmark, limit]
        results = oracle.judge(samples, progress=lambda done, total: self.advance(f"judging {benchmark}", done, total))
        if lost := next((result.error for result in results if result.error), None):
            raise InfrastructureError(f"{samples}: not all samples could be judged: {lost}")
        part = "plus" if any(result.plus for result in results) else "base"
        tasks = {task: f"{c}/{n}" for task, (n, c) in counts(results, part).items()}
        return {"tasks": tasks, "verdicts": dict(Counter(str(result.verdict) for result in results)), "part": part}


def halves(task: Task) -> tuple[str, str]:
    """Return what a model is given of a task's canonical program, and what it is scored on.

    That is the prompt and the canonical solution; of a task that builds upon another one, all before the body of the
    function that answers it (signature and docstring are the problem), and that body.
    """
    program = task.prompt + task.canonical_solution
    if task.invokes:
        tree = ast.parse(program)
        named = [it for it in tree.body if isinstance(it, ast.FunctionDef) and it.name == task.entry_point]
        if named and named[-1].name != task.invokes:
            body = named[-1].body
            has_doc = ast.get_docstring(named[-1]) is not None and len(body) > 1
            line = (body[0].end_lineno or 0) if has_doc else body[0].lineno - 1
            lines = program.splitlines(keepends=True)
            head, tail = "".join(lines[:line]), "".join(lines[line:])
            if tail.strip():
                return head, tail
    return task.prompt, task.canonical_solution
