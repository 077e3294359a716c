"""The machine that stages run on."""

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

from gates import Report, Solution, parse
from sandbox import Sandbox, SandboxError, open_engine
from sandbox import recipes as images
from toolkit.analysis import overlap
from toolkit.analysis.ledger import ran
from toolkit.benchmarks import Options
from toolkit.benchmarks import load as benchmarks
from toolkit.benchmarks.slices import Slice, select
from toolkit.commands import evaluate
from toolkit.commands.gate import warnings_of
from toolkit.errors import InfrastructureError, UsageError
from toolkit.oracle import VERSION
from toolkit.oracle.ray_gates import Nodes
from toolkit.oracle.ray_run import run_on
from toolkit.progress import Advance
from toolkit.records import Task
from toolkit.report.summary import counts
from toolkit.rounds import pool
from toolkit.rounds.models import Models, Weights
from toolkit.rounds.settings import RoundsSettings, gates_of, name_of
from toolkit.store import run_folder
from toolkit.store.cache import VerdictCache
from toolkit.store.files import read_rows, texts_hash, write_rows
from toolkit.store.stages import stage

__all__ = ["Machine", "Weights", "judged_by"]

_WITHOUT = (
    "On a machine without an engine, rounds whose gates run nothing (none, perplexity, self-score, judge, ...) go on with "
    "--stages pool,generate,gate,train,write; where there is an engine, --stages judge,measure completes the folder later"
)


class Machine(Models):
    """What stages need: pool, boxes and models. Each is created when first needed and kept for later stages."""

    def __init__(self, settings: RoundsSettings, advance: Advance) -> None:
        super().__init__(settings, advance)
        self._stack = contextlib.ExitStack()
        self._sandbox: Sandbox | None = None
        self._items: dict[str, pool.Item] = {}
        self._tasks: dict[str, dict[str, Task]] = {}
        self._corpus: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.let_go()
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
        inputs |= settings.told("pool_limit", "pool_min_tokens", "prompt_tokens", "release")

        def act() -> dict[str, Any]:
            engine: Any = None
            if settings.pool == pool.STDLIB:
                engine = partial(run_on, settings.ray) if settings.ray else self.sandbox().engine
            columns = pool.columns_of(settings.pool_columns)
            limit, cut = settings.pool_limit, self._cut()
            items = pool.load(settings.pool, engine, settings.held_out, columns, limit=limit, **cut)
            rows = [{"id": i.task.task_id, "prompt": i.task.prompt, "solution": i.task.canonical_solution, "test": i.test,
                     "entry_point": i.task.entry_point} | ({"continued": True} if i.continued else {})
                    for i in items]  # fmt: skip
            found = {"items": len(items), "held_out": sum(i.held_out for i in items),
                     "with_tests": sum(bool(i.test) for i in items),
                     "licence": pool.LICENCE if settings.pool == pool.STDLIB else None,
                     "sha256": write_rows(folder / "pool.jsonl", rows)}  # fmt: skip
            for name in settings.benchmarks:
                benchmark = benchmarks.benchmark_named(name)
                tasks, data_hash = benchmarks.load(benchmark, Options(release=self._release(name)))
                chosen = select(benchmark, tasks, Slice(limit=settings.limit or None)).values()
                write_rows(folder / f"{name_of(name)}.jsonl", [
                    {"task_id": t.task_id, "prompt": t.prompt, "entry_point": t.entry_point}
                    | ({"question": t.question} if t.question else {}) | ({"is_file": True} if t.is_file else {})
                    for t in chosen
                ])  # fmt: skip
                found[name] = data_hash
            return found

        stage(folder, "pool", inputs, settings.stages, act)
        loaded = pool.load(str(folder / "pool.jsonl"), None, settings.held_out)
        n_held_out = sum(item.held_out for item in loaded)
        for name in ("probe", "spectra"):
            if n_held_out < (n := getattr(settings, name)):
                raise UsageError(f"{name} wants {n} held-out prompts, and the pool has {n_held_out}")
        if settings.probe and (both := pool.common(loaded)):
            raise UsageError(f"the pool's prompts {both[0]} and {both[1]} differ in white space alone, and only one is held "
                             "out; leave one of them out")  # fmt: skip
        if settings.data == "mixed" and not any(item.task.canonical_solution for item in loaded if not item.held_out):
            raise UsageError("data = mixed needs human programs, and the pool has none to train on")
        self._items = {item.task.task_id: item for item in loaded}
        for name in settings.benchmarks:
            rows = read_rows(folder / f"{name_of(name)}.jsonl")
            self._tasks[name] = {row["task_id"]: Task(canonical_solution="", **row) for row in rows}
        return self._items

    def _release(self, benchmark: str) -> str:
        return self.settings.release if benchmarks.benchmark_named(benchmark).releases else ""

    def _cut(self) -> dict[str, Any]:
        shortest, longest = self.settings.pool_min_tokens, self.settings.prompt_tokens
        if not shortest + longest:
            return {}
        from toolkit.models.load import tokenizer

        return {"cut": pool.cutter(tokenizer(self._source(self.first)), shortest, longest), "continued": longest > 0}

    def asked(self) -> dict[str, dict[str, Any]]:
        """Return how models are asked each prompt: `prompt`, and whether a chat template wrote it (`chat`).

        Written once, where models are. Raises `Waiting`.
        """
        file = self.settings.output / "pool" / "asked.jsonl"
        tasks = [item.task for item in self.items().values()]

        def act() -> dict[str, Any]:
            generator, prompts, _ = self._prompts(self.first, tasks)
            rows = [{"task_id": task.task_id, "prompt": generator.text(prompt), "chat": prompt.chat}
                    for task, prompt in zip(tasks, prompts, strict=True)]  # fmt: skip
            return {"sha256": write_rows(file, rows)}

        prompts = texts_hash(task.prompt for task in tasks)
        inputs = {"weights": self.first.digest, "prompt": self.settings.prompt, "pool": prompts}
        stage(file.parent, "generate-asked", inputs, self.settings.stages, act)
        return {row["task_id"]: row for row in read_rows(file)}

    def tasks(self, benchmark: str) -> dict[str, Task]:
        """Return the tasks of a benchmark that models are scored on, without solutions. Raises `Waiting`."""
        self.items()
        return self._tasks[benchmark]

    # -- boxes ---------------------------------------------------------------------------------------------------------

    def sandbox(self) -> Sandbox:
        """Return the boxes. Raises `InfrastructureError`."""
        if self._sandbox is None:
            try:
                engine = open_engine()
            except SandboxError as error:
                raise InfrastructureError(f"{error}\n{_WITHOUT}") from None
            self._stack.callback(engine.close)
            self._sandbox = self._stack.enter_context(Sandbox(engine, self.settings.parallel))
        return self._sandbox

    def check(self, kind: str, solutions: Sequence[Solution], given: dict[str, object], **more: Any) -> list[list[Report]]:
        """Return the reports of each solution. Raises `InfrastructureError`."""
        with contextlib.ExitStack() as stack:
            memo = VerdictCache()
            stack.callback(memo.close)
            gates, boxes = parse(kind, memo=memo, given=given, **more), None
            if gates.needs_boxes and self.settings.ray:
                nodes: Any = Nodes(self.settings.ray, gates, self.settings.parallel)
                stack.callback(nodes.close)
                gates, boxes = nodes.over(gates), nodes
            elif gates.needs_boxes:
                boxes = self.sandbox()
            found = []
            for reports in gates.check_many(solutions, boxes):
                found.append(reports)
                self.advance(kind, len(found), len(solutions))
            for warning in warnings_of(gates):
                warnings.warn(warning, RuntimeWarning, stacklevel=2)
            return found

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

    def overlap(self, programs: Sequence[str]) -> dict[str, Any]:
        """Compare programs with the texts of all benchmarks, and the pool's human programs too (once)."""
        people = [item.human for item in self.items().values() if item.task.canonical_solution][: self.settings.measured]
        if self._corpus is None:
            from toolkit.benchmarks.corpus import known_benchmarks

            self._corpus = known_benchmarks(trees=True)
        given = {"corpus": self._corpus}

        def act(codes: Sequence[str] = people) -> dict[str, Any]:
            reports = self.check("decontaminate", [Solution(code=code) for code in codes], given)
            return overlap.summary([each[0].to_row() for each in reports])

        inputs = {"programs": texts_hash(people), "corpus": self._corpus.digest}
        human = stage(self.settings.output / "pool", "measure-human", inputs, self.settings.stages, act)
        return act(programs) | {"human": human, "left_out": [text.partition(":")[0] for text in self._corpus.left_out]}

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
        if not settings.ray:
            self.sandbox()  # says what to do where there is no engine
        outcome = evaluate.evaluate(
            evaluate.Settings(
                benchmark=benchmark, samples=samples, timeout_s=settings.timeout, parallel=settings.parallel, output=folder,
                overwrite=True, allow_uniform=True, chosen=Slice(limit=settings.limit or None), ks=(1,),
                release=self._release(benchmark), ray=settings.ray or None, boxes_a_node=settings.parallel,
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


def images_of(kind: str) -> dict[str, str]:
    """Return the images that the gates of `kind` run in, as far as a machine without an engine can tell."""
    used = sorted({gate.image for gate in gates_of(kind, {}).gates if gate.image})
    return {name: images.tag(name) for name in used}


def judged_by() -> dict[str, Any]:
    """Return what verdicts depend on besides programs and limits, as far as a machine without an engine can tell."""
    return {"oracle": VERSION, "image": images.tag("run")}
