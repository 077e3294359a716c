"""The machine that stages run on."""

import contextlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from gates import Report, Solution, fields_of, parse
from sandbox import Sandbox, open_engine
from sandbox import recipes as images
from toolkit.analysis.ledger import ran
from toolkit.benchmarks import Options
from toolkit.benchmarks import load as benchmarks
from toolkit.commands import evaluate
from toolkit.commands.generate import answer
from toolkit.errors import InfrastructureError, UsageError
from toolkit.models.generators import Generation, Generator, Sampling, kind_of, resolve
from toolkit.models.source import Source
from toolkit.oracle import VERSION
from toolkit.progress import Advance
from toolkit.records import Task
from toolkit.report.summary import counts
from toolkit.rounds import pool
from toolkit.rounds.settings import RoundsSettings, name_of
from toolkit.store import run_folder
from toolkit.store.cache import VerdictCache
from toolkit.store.files import file_hash, read_rows, texts_hash, write_rows
from toolkit.store.stages import stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A model, as `--model` takes it, with an adapter on top.

    Attributes:
        digest: hash of the training that produced the weights; a stage compares it to notice a change.
    """

    model: str
    adapter: Path | None = None
    digest: str = ""


class Machine:
    """What stages need: pool, boxes and models. Each is created when first needed and kept for later stages."""

    def __init__(self, settings: RoundsSettings, advance: Advance) -> None:
        self.settings, self.advance = settings, advance
        self._stack = contextlib.ExitStack()
        self._sandbox: Sandbox | None = None
        self._loaded: tuple[Weights, Any] | None = None
        self._writes: tuple[Weights, Generator] | None = None
        self._judge: Any = None
        self._items: dict[str, pool.Item] = {}
        self._tasks: dict[str, dict[str, Task]] = {}
        self.first = Weights(model=settings.model, digest=settings.model or "default")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._let_go()
        self._stack.close()

    def runs(self, name: str) -> bool:
        """Return whether a stage runs here."""
        return name in self.settings.stages

    # -- data ----------------------------------------------------------------------------------------------------------

    def items(self) -> dict[str, pool.Item]:
        """Return the pool by id; write it once to the folder, with the benchmarks' tasks.

        Raises:
            Waiting: the pool is made elsewhere, and is not there yet.
            UsageError: the pool cannot be used, or lacks prompts or programs that the settings want.
        """
        if self._items:
            return self._items
        settings = self.settings
        folder = settings.output / "pool"
        inputs = {name: getattr(settings, name) for name in ("pool", "pool_columns", "held_out", "benchmarks", "limit")}

        def act() -> dict[str, Any]:
            engine = self.sandbox().engine if settings.pool == pool.STDLIB else None
            columns = dict(pair.split("=", 1) for pair in settings.pool_columns)
            items = pool.load(settings.pool, engine, settings.held_out, columns)
            rows = [{"id": i.task.task_id, "prompt": i.task.prompt, "solution": i.task.canonical_solution, "test": i.test,
                     "entry_point": i.task.entry_point} for i in items]  # fmt: skip
            found = {"items": len(items), "held_out": sum(i.held_out for i in items),
                     "with_tests": sum(bool(i.test) for i in items),
                     "licence": pool.LICENCE if settings.pool == pool.STDLIB else None,
                     "sha256": write_rows(folder / "pool.jsonl", rows)}  # fmt: skip
            for name in settings.benchmarks:
                benchmark = benchmarks.benchmark_named(name)
                tasks, data_hash = benchmarks.load(benchmark, Options())
                chosen = benchmarks.select(benchmark, tasks, None, settings.limit or None).values()
                write_rows(folder / f"{name_of(name)}.jsonl", [
                    {"task_id": t.task_id, "prompt": t.prompt, "entry_point": t.entry_point} for t in chosen
                ])  # fmt: skip
                found[name] = data_hash
            return found

        stage(folder, "pool", inputs, settings.stages, act)
        loaded = pool.load(str(folder / "pool.jsonl"), None, settings.held_out)
        n_held_out = sum(item.held_out for item in loaded)
        if n_held_out < settings.probe:
            raise UsageError(f"probe wants {settings.probe} held-out prompts, and the pool has {n_held_out}")
        if settings.data == "mixed" and not any(item.task.canonical_solution for item in loaded if not item.held_out):
            raise UsageError("data = mixed needs human programs, and the pool has none to train on")
        self._items = {item.task.task_id: item for item in loaded}
        for name in settings.benchmarks:
            rows = read_rows(folder / f"{name_of(name)}.jsonl")
            self._tasks[name] = {row["task_id"]: Task(canonical_solution="", **row) for row in rows}
        return self._items

    def tasks(self, benchmark: str) -> dict[str, Task]:
        """Return the tasks of a benchmark that models are scored on, without solutions. Raises `Waiting`."""
        self.items()
        return self._tasks[benchmark]

    # -- models --------------------------------------------------------------------------------------------------------

    def _source(self, weights: Weights) -> Source:
        adapter = str(weights.adapter) if weights.adapter else None
        return Source(
            model=weights.model or "smollm2", adapter=adapter, device=self.settings.device or None,
            generator=self.settings.generator or None,
        )  # fmt: skip

    def _load(self, weights: Weights) -> Any:
        """Return a loaded model; keep the last one."""
        if self._loaded is None or self._loaded[0] != weights:
            from toolkit.models.load import load

            self._loaded = None
            self._loaded = weights, load(self._source(weights))
        return self._loaded[1]

    def _generator(self, weights: Weights) -> Generator:
        """Return what writes for a model; keep the last one. Raises as `resolve`."""
        source = self._source(weights)
        if kind_of(source) == "transformers":  # which shares the model with gates that ask it
            from toolkit.models.generators.transformers_ import TransformersGenerator

            return TransformersGenerator(source, self._load(weights))
        if self._writes is None or self._writes[0] != weights:
            self._let_go()
            self._writes = weights, resolve(source)
        return self._writes[1]

    def _let_go(self) -> None:
        """Free models and what writes with them."""
        self._loaded = None
        if self._writes is not None:
            self._writes[1].close()
            self._writes = None

    def generate(
        self, weights: Weights, tasks: Sequence[Task], output: Path, *, temperature: float, max_new_tokens: int, seed: int,
        n: int = 1,
    ) -> dict[str, Any]:  # fmt: skip
        """Write `n` samples of each task, in order, to a file that `toolkit eval --samples` reads; resume after a kill.

        Raises:
            UsageError, InfrastructureError: the model cannot be loaded, or generation failed.
        """
        from toolkit.models import prompts
        from toolkit.models.load import explained

        started = time.monotonic()
        with explained():
            generator = self._generator(weights)
            asked, stop = prompts.for_tasks(tasks, self.settings.prompt or None, generator)
            times: Counter[str] = Counter()
            for i, task in enumerate(tasks):  # a repeated task draws anew
                asked[i] = replace(asked[i], task_id=f"{task.task_id}#{times[task.task_id]}")
                times[task.task_id] += 1
            top_p = self.settings.top_p if temperature else 1.0
            sampling = Sampling(
                n=n, temperature=temperature, top_p=top_p, max_new_tokens=max_new_tokens, seed=seed, stop=stop
            )

            def row(one: Generation) -> dict[str, Any]:
                return {
                    "task_id": tasks[one.index].task_id, one.field: one.completion, "written": one.completion,
                    "prompt": one.prompt, "chat": asked[one.index].chat, "n_prompt_tokens": one.n_prompt_tokens,
                    "n_tokens": one.n_tokens, "finished": one.finished, "mean_logprob": one.mean_logprob,
                }  # fmt: skip

            def advance(_what: str, done: int, total: int, *_: object) -> None:
                self.advance("generate", done, total)

            answer(generator, asked, sampling, output, row, advance)
        rows = read_rows(output)
        tokens = sum(row["n_tokens"] for row in rows)
        finished = sum(row["finished"] for row in rows) / len(rows)
        seconds = round(time.monotonic() - started, 3)
        return {"sha256": file_hash(output), "tokens": tokens, "finished": round(finished, 4), "seconds": seconds}

    def train(self, weights: Weights, data: Path, output: Path, *, seed: int, first_round: bool) -> dict[str, Any]:
        """Train on a file's rows and write the weights to a folder. Raises `UsageError` or `InfrastructureError`."""
        from toolkit.training.loop import TrainSettings, train

        settings, source = self.settings, self._source(weights)
        self._let_go()
        outcome = train(
            TrainSettings(
                data=(data,), output=output, model=source.model, adapter=source.adapter, full=settings.full,
                steps=settings.steps, batch=settings.batch_size, sequence=settings.sequence, lr=settings.learning_rate,
                warmup=None if first_round else 0, seed=seed, device=source.device, resume=output.exists(),
            ),
            self.advance,
        )  # fmt: skip
        return {
            "loss": [outcome.losses[0], outcome.losses[-1]], "tokens": outcome.tokens, "seconds": outcome.seconds,
            "weights": str(outcome.weights.relative_to(settings.output)),
        }  # fmt: skip

    def trained(self, done: Mapping[str, Any], weights: Weights) -> Weights:
        """Return the model that came out of a training that began with `weights`."""
        folder = self.settings.output / done["weights"]
        return Weights(model=str(folder)) if self.settings.full else replace(weights, adapter=folder)

    def given(self, kind: str, weights: Weights) -> dict[str, object]:
        """Return what the gates of `kind` need besides programs: the current model, the judge, the known benchmarks."""
        from toolkit.models.scorer import ModelScorer

        found: dict[str, object] = {}
        wanted = fields_of(kind)
        if "model" in wanted:
            found["model"] = ModelScorer(loaded=self._load(weights))
        if "judge_model" in wanted:
            judge = replace(self.first, model=self.settings.judge_model or self.first.model)
            if self._judge is None:
                from toolkit.models.load import load

                self._judge = ModelScorer(loaded=load(self._source(judge)))
            found["judge_model"] = self._judge
        if "corpus" in wanted:
            from toolkit.benchmarks.corpus import known_benchmarks

            found["corpus"] = known_benchmarks()
        return found

    # -- boxes ---------------------------------------------------------------------------------------------------------

    def sandbox(self) -> Sandbox:
        """Return the boxes. Raises `InfrastructureError`."""
        if self._sandbox is None:
            engine = open_engine()
            self._stack.callback(engine.close)
            self._sandbox = self._stack.enter_context(Sandbox(engine, self.settings.parallel))
        return self._sandbox

    def check(self, kind: str, solutions: Sequence[Solution], given: dict[str, object], **more: Any) -> list[list[Report]]:
        """Return the reports of each solution. Raises `InfrastructureError`."""
        memo = VerdictCache()
        try:
            gates = parse(kind, memo=memo, given=given, **more)
            found = []
            for reports in gates.check_many(solutions, self.sandbox()):
                found.append(reports)
                self.advance(kind, len(found), len(solutions))
            return found
        finally:
            memo.close()

    def executed(self, rows: Sequence[Mapping[str, Any]]) -> list[list[Report]]:
        """Execute rows' programs: import each as a module, then run its tests if the pool has any."""
        items = self.items()
        solutions = [
            Solution(code=row["solution"], test=items[row["task_id"]].test or None,
                     entry_point=items[row["task_id"]].task.entry_point or None)
            for row in rows
        ]  # fmt: skip
        reports = self.check("compile+import", solutions, {})
        tested = [i for i, each in enumerate(reports) if solutions[i].test and ran(each)]
        for i, each in zip(tested, self.check("tests", [solutions[i] for i in tested], {}), strict=True):
            reports[i] = [*reports[i], *each]
        return reports

    def verified(self) -> set[str]:
        """Return the ids of the human programs that run, and pass their tests if they have any. Raises `Waiting`."""
        people = [item for item in self.items().values() if item.task.canonical_solution]
        rows = [{"task_id": item.task.task_id, "solution": item.human} for item in people]

        def act() -> dict[str, Any]:
            return {"ids": [row["task_id"] for row, each in zip(rows, self.executed(rows), strict=True) if ran(each)]}

        inputs = {"programs": texts_hash(row["solution"] for row in rows), **judged_by()}
        return set(stage(self.settings.output / "pool", "judge-anchors", inputs, self.settings.stages, act)["ids"])

    def judge(self, benchmark: str, samples: Path, folder: Path) -> dict[str, Any]:
        """Score a samples file; return pass@1 with its interval, the verdicts, and by part and task `passes/answers`."""
        settings = self.settings
        outcome = evaluate.evaluate(
            evaluate.Settings(
                benchmark=benchmark, samples=samples, timeout_s=settings.timeout, parallel=settings.parallel, output=folder,
                overwrite=True, allow_uniform=True, limit=settings.limit or None, ks=(1,),
            ),
            self.advance,
        )  # fmt: skip
        summary = outcome.summary
        if outcome.interrupted:
            raise KeyboardInterrupt
        if summary.get("n_unscored") or summary.get("refused"):
            why = summary.get("refused") or "see its results"
            raise InfrastructureError(f"{folder}: not all samples could be scored: {why}")
        results = run_folder.read(folder).values()
        tasks = {part: {task: f"{c}/{n}" for task, (n, c) in counts(results, part).items()} for part in summary["pass_at_k"]}
        return {"pass_at_k": summary["pass_at_k"], "verdicts": summary["verdicts"], "tasks": tasks}


def judged_by() -> dict[str, Any]:
    """Return what verdicts depend on besides programs and limits, as far as a machine without an engine can tell."""
    return {"oracle": VERSION, "image": images.tag("run")}
