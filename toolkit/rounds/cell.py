"""One cell of a run of rounds, stage by stage, and the machine that its stages run on."""

import contextlib
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from gates import Report, Solution, fields_of, parse, prefers_low
from sandbox import Sandbox, SandboxError, open_engine
from sandbox import recipes as images
from toolkit.analysis import ledger
from toolkit.analysis.ledger import ran
from toolkit.benchmarks import Options
from toolkit.commands import evaluate
from toolkit.commands.generate import answer
from toolkit.errors import InfrastructureError, UsageError
from toolkit.models.generators.base import Generation, Sampling, Source
from toolkit.oracle import VERSION
from toolkit.records import Sample, Task
from toolkit.rounds import pool
from toolkit.rounds.run import Advance, RoundsSettings, name_of, reasons
from toolkit.samples import read as sample_files
from toolkit.store.cache import VerdictCache
from toolkit.store.files import file_hash, read_rows, texts_hash, write_rows
from toolkit.store.stages import stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A model: what `--model` takes, and an adapter on top.

    Attributes:
        digest: of what made it, so that a stage notices when it is another.
    """

    model: str
    adapter: Path | None = None
    digest: str = ""


class Machine:
    """What stages need: the pool, boxes, models. Each is made when first needed and kept for the next stage."""

    def __init__(self, settings: RoundsSettings, advance: Advance) -> None:
        self.settings, self.advance = settings, advance
        self._stack = contextlib.ExitStack()
        self._sandbox: Sandbox | None = None
        self._loaded: tuple[Weights, Any] | None = None
        self._judge: Any = None
        self._items: dict[str, pool.Item] = {}
        self._tasks: dict[str, dict[str, Task]] = {}
        self.first = Weights(model=settings.model, digest=settings.model or "default")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._loaded = None
        self._stack.close()

    def runs(self, name: str) -> bool:
        """Whether a stage runs here."""
        return name in self.settings.stages

    # -- data ----------------------------------------------------------------------------------------------------------

    def items(self) -> dict[str, pool.Item]:
        """Return the pool by id; written to the folder once, with the tasks of the benchmarks. Raises `Waiting`."""
        if self._items:
            return self._items
        settings = self.settings
        folder = settings.output / "pool"
        inputs = {name: getattr(settings, name) for name in ("pool", "pool_columns", "held_out", "benchmarks", "limit")}

        def act() -> dict[str, Any]:
            try:
                engine = self.sandbox().engine if settings.pool == pool.STDLIB else None
                columns = dict(pair.split("=", 1) for pair in settings.pool_columns)
                items = pool.load(settings.pool, engine, settings.held_out, columns)
            except pool.PoolError as error:
                raise UsageError(f"pool: {error}") from None
            except SandboxError as error:
                raise InfrastructureError(str(error)) from None
            rows = [{"id": i.task.task_id, "prompt": i.task.prompt, "solution": i.task.canonical_solution, "test": i.test,
                     "entry_point": i.task.entry_point} for i in items]  # fmt: skip
            found = {"items": len(items), "held_out": sum(i.held_out for i in items),
                     "with_tests": sum(bool(i.test) for i in items),
                     "licence": pool.LICENCE if settings.pool == pool.STDLIB else None,
                     "sha256": write_rows(folder / "pool.jsonl", rows)}  # fmt: skip
            for name in settings.benchmarks:
                benchmark = evaluate.benchmark_named(name)
                tasks, data_hash = evaluate.load(benchmark, Options())
                chosen = evaluate.select(tasks, None, settings.limit or None).values()
                write_rows(folder / f"{name_of(name)}.jsonl", [
                    {"task_id": t.task_id, "prompt": t.prompt, "entry_point": t.entry_point} for t in chosen
                ])  # fmt: skip
                found[name] = data_hash
            return found

        stage(folder, "pool", inputs, settings.stages, act)
        loaded = pool.load(str(folder / "pool.jsonl"), None, settings.held_out)
        self._items = {item.task.task_id: item for item in loaded}
        for name in settings.benchmarks:
            rows = read_rows(folder / f"{name_of(name)}.jsonl")
            self._tasks[name] = {row["task_id"]: Task(canonical_solution="", **row) for row in rows}
        return self._items

    def tasks(self, benchmark: str) -> dict[str, Task]:
        """Return the tasks that a benchmark is scored on, without answers. Raises `Waiting`."""
        self.items()
        return self._tasks[benchmark]

    # -- models --------------------------------------------------------------------------------------------------------

    def _source(self, weights: Weights) -> Source:
        adapter = str(weights.adapter) if weights.adapter else None
        return Source(model=weights.model or "smollm2", adapter=adapter, device=self.settings.device or None)

    def _load(self, weights: Weights) -> Any:
        """Return a model that is ready; the last one is kept."""
        if self._loaded is None or self._loaded[0] != weights:
            from toolkit.models import adapters as models

            self._loaded = None
            self._loaded = weights, models.load(self._source(weights))
        return self._loaded[1]

    def generate(
        self, weights: Weights, tasks: Sequence[Task], output: Path, *, temperature: float, max_new_tokens: int, seed: int,
        n: int = 1,
    ) -> dict[str, Any]:  # fmt: skip
        """Write `n` samples of each task to a file that `toolkit eval --samples` reads, in order; goes on after a kill.

        Raises:
            UsageError, InfrastructureError: the model cannot be had, or cannot go on.
        """
        from toolkit.models import adapters as models
        from toolkit.models import prompts
        from toolkit.models.generators.transformers_ import TransformersGenerator

        started = time.monotonic()
        with models.explained():
            generator = TransformersGenerator(self._source(weights), self._load(weights))
            asked, stop = prompts.for_tasks(tasks, self.settings.prompt or None, generator)
            times: Counter[str] = Counter()
            for i, task in enumerate(tasks):  # a task that comes again draws anew
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
        self._loaded = None
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
        """Return the model that a training which began with `weights` has left."""
        folder = self.settings.output / done["weights"]
        return Weights(model=str(folder)) if self.settings.full else replace(weights, adapter=folder)

    def given(self, kind: str, weights: Weights) -> dict[str, object]:
        """Return what the gates of `kind` need besides programs: the current model, and the judge."""
        from toolkit.models.scorer import ModelScorer

        found: dict[str, object] = {}
        wanted = fields_of(kind)
        if "model" in wanted:
            found["model"] = ModelScorer(loaded=self._load(weights))
        if "judge_model" in wanted:
            judge = replace(self.first, model=self.settings.judge_model or self.first.model)
            if self._judge is None:
                from toolkit.models import adapters as models

                self._judge = ModelScorer(loaded=models.load(self._source(judge)))
            found["judge_model"] = self._judge
        if "corpus" in wanted:
            from toolkit.benchmarks.corpus import known_benchmarks

            found["corpus"] = known_benchmarks()
        return found

    # -- boxes ---------------------------------------------------------------------------------------------------------

    def sandbox(self) -> Sandbox:
        """Return the boxes. Raises `InfrastructureError`."""
        if self._sandbox is None:
            try:
                engine = open_engine()
            except SandboxError as error:
                raise InfrastructureError(str(error)) from None
            self._stack.callback(engine.close)
            self._sandbox = self._stack.enter_context(Sandbox(engine, self.settings.parallel))
        return self._sandbox

    def check(self, kind: str, solutions: Sequence[Solution], given: dict[str, object], **more: Any) -> list[list[Report]]:
        """Return the reports of each solution. Raises `UsageError` or `InfrastructureError`."""
        memo = VerdictCache()
        try:
            gates = parse(kind, memo=memo, given=given, **more)
            found = []
            for reports in gates.check_many(solutions, self.sandbox()):
                found.append(reports)
                self.advance(kind, len(found), len(solutions))
            return found
        except ValueError as error:
            raise UsageError(f"regime {kind!r}: {error}") from None
        except SandboxError as error:
            raise InfrastructureError(str(error)) from None
        finally:
            memo.close()

    def executed(self, rows: Sequence[Mapping[str, Any]]) -> list[list[Report]]:
        """Execute rows' programs: loaded as a module, then their tests where the pool has some."""
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
        """Return the ids of the human programs that run, and pass their tests where they have some. Raises `Waiting`."""
        people = [item for item in self.items().values() if item.task.canonical_solution]
        rows = [{"task_id": item.task.task_id, "solution": item.human} for item in people]

        def act() -> dict[str, Any]:
            return {"ids": [row["task_id"] for row, each in zip(rows, self.executed(rows), strict=True) if ran(each)]}

        inputs = {"programs": texts_hash(row["solution"] for row in rows), **_judge()}
        return set(stage(self.settings.output / "pool", "judge-anchors", inputs, self.settings.stages, act)["ids"])

    def thresholds(self, kind: str) -> dict[str, float]:
        """Return those of the settings' thresholds that the gates of `kind` have."""
        found = {}
        for text in self.settings.thresholds:
            name, _, value = text.partition("=")
            try:
                with contextlib.suppress(ValueError):
                    parse(kind, {name: float(value)}, given={"corpus": None, "model": None, "judge_model": None})
                    found[name] = float(value)
            except ValueError:
                raise UsageError(f"thresholds: {text!r} is not NAME=NUMBER") from None
        return found

    def judge(self, benchmark: str, samples: Path, folder: Path) -> dict[str, Any]:
        """Score a samples file; return pass@1 with its interval, and the verdicts."""
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
        return {"pass_at_k": summary["pass_at_k"], "verdicts": summary["verdicts"]}


class Cell:
    """One regime with one seed."""

    def __init__(self, machine: Machine, regime: str, seed: int) -> None:
        self.machine, self.settings, self.regime, self.seed = machine, machine.settings, regime, seed
        self.folder = self.settings.output / f"seed{seed}" / name_of(regime)
        self.accepted: list[list[dict[str, Any]]] = []
        self.frozen: dict[str, float] = {}
        self.n_anchors = 0

    def run(self) -> None:
        """Do all rounds that are not done. Raises `Waiting`, `UsageError` or `InfrastructureError`."""
        base = self.settings.output / f"seed{self.seed}" / "base" / "round0"
        scores = self._score(self.machine.first, base)
        stage(base, "measure", {"scores": scores}, self.settings.stages, lambda: {"scores": scores})
        weights = self.machine.first
        for number in range(1, self.settings.rounds + 1):
            after = self._round(number, weights)
            if after is None:
                return
            weights = after

    def _stage(self, folder: Path, name: str, inputs: dict[str, Any], act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = stage(folder, name, inputs, self.settings.stages, act)
        return found

    # -- a round -------------------------------------------------------------------------------------------------------

    def _round(self, number: int, weights: Weights) -> Weights | None:
        folder = self.folder / f"round{number}"
        candidates, found = self._candidates(number, weights, folder)
        held_out = self._held_out(number, weights, folder)
        kept = [row for row in candidates if row["accepted"]][: self.settings.accept]
        if not kept:
            self._measure(folder, candidates, kept, [], found, held_out, {}, stopped="nothing was accepted")
            return None
        self.accepted.append(kept)
        data = self._data(number)
        after = self._train(folder, number, weights, data)
        scores = self._score(after, folder)
        self._measure(folder, candidates, kept, data, found, held_out, scores)
        return after

    def _thresholds(self) -> dict[str, float]:
        return self.machine.thresholds(self.regime) | self.frozen

    def _gate_inputs(self, made: Mapping[str, Any]) -> dict[str, Any]:
        judge = self.settings.judge_model or self.machine.first.model
        judged = {"judge": judge} if "judge_model" in fields_of(self.regime) else {}
        return {"candidates": made["sha256"], "regime": self.regime, "thresholds": self._thresholds()} | judged

    def _candidates(self, number: int, weights: Weights, folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Generate and gate, chunk by chunk, until enough are accepted or the budget is spent."""
        settings, machine = self.settings, self.machine
        items = machine.items()
        compares = "fraction" in fields_of(self.regime)  # then the gate is given all of a round at once
        size = settings.chunk or (settings.budget if compares else settings.accept)
        order = pool.order(list(items.values()), 1000 * self.seed + number)
        rows: list[dict[str, Any]] = []
        spent: dict[str, Any] = {"tokens": 0, "generate_s": 0.0, "gate_s": 0.0}
        chunk = 0
        while len(rows) < settings.budget and sum(row["accepted"] for row in rows) < settings.accept:
            n = min(size, settings.budget - len(rows))
            chosen = [order[(len(rows) + i) % len(order)].task for i in range(n)]
            file = folder / f"candidates-{chunk}.jsonl"
            asked = {
                "weights": weights.digest, "seed": self.seed, "round": number, "first": len(rows), "n": n,
                "temperature": settings.temperature, "top_p": settings.top_p, "tokens": settings.max_new_tokens,
                "prompt": settings.prompt, "pool": texts_hash(t.prompt for t in chosen),
            }  # fmt: skip
            made = self._stage(folder, f"generate-{chunk}", asked, lambda c=chosen, f=file: machine.generate(  # type: ignore[misc]
                weights, c, f, temperature=settings.temperature, max_new_tokens=settings.max_new_tokens,
                seed=1_000_003 * self.seed + 1009 * number + len(rows),
            ))  # fmt: skip
            gated = self._gate_inputs(made)
            reports = folder / f"reports-{chunk}.jsonl"
            done = self._stage(
                folder, f"gate-{chunk}", gated, lambda f=file, r=reports: self._gate(f, r, weights)  # type: ignore[misc]
            )
            judged = read_rows(reports)
            for row, said in zip(read_rows(file), judged, strict=True):
                rows.append(row | said)
            spent["tokens"] += made["tokens"]
            spent["generate_s"] = round(spent["generate_s"] + made["seconds"], 3)
            spent["gate_s"] = round(spent["gate_s"] + done["seconds"], 3)
            chunk += 1
        spent["thresholds"] = self._thresholds()
        if settings.freeze and not self.frozen:
            self.frozen = _cut(self.regime, rows)
        return rows, spent

    def _held_out(self, number: int, weights: Weights, folder: Path) -> list[dict[str, Any]]:
        """Have the model answer prompts that it is never trained on, several times each, and the gate decide."""
        settings, machine = self.settings, self.machine
        if not settings.probe:
            return []
        tasks = [item.task for item in pool.held_out(list(machine.items().values()))[: settings.probe]]
        if len(tasks) < settings.probe:
            raise UsageError(f"probe wants {settings.probe} held-out prompts, and the pool has {len(tasks)}")
        file, reports = folder / "held-out.jsonl", folder / "held-out-reports.jsonl"
        asked = {"weights": weights.digest, "seed": self.seed, "round": number, "pool": texts_hash(t.prompt for t in tasks),
                 "samples": settings.probe_samples, "temperature": settings.temperature, "top_p": settings.top_p,
                 "tokens": settings.max_new_tokens, "prompt": settings.prompt}  # fmt: skip
        made = self._stage(folder, "generate-held-out", asked, lambda: machine.generate(
            weights, tasks, file, temperature=settings.temperature, max_new_tokens=settings.max_new_tokens,
            seed=1_000_003 * self.seed + number, n=settings.probe_samples,
        ))  # fmt: skip
        self._stage(folder, "gate-held-out", self._gate_inputs(made), lambda: self._gate(file, reports, weights))
        return [row | said for row, said in zip(read_rows(file), read_rows(reports), strict=True)]

    def _programs(self, file: Path) -> list[Sample]:
        """Return the program that each row of a candidates file stands for."""
        tasks = {name: item.task for name, item in self.machine.items().items()}
        return sample_files.read(file, tasks)[0]

    def _solutions(self, rows: Sequence[dict[str, Any]], programs: Sequence[Sample]) -> list[Solution]:
        items = self.machine.items()
        return [
            Solution(
                code=sample.solution, completion=row["written"], prompt=row["prompt"], chat=row["chat"],
                n_tokens=row["n_tokens"],
                test=items[row["task_id"]].test or None, entry_point=items[row["task_id"]].task.entry_point or None,
            )
            for row, sample in zip(rows, programs, strict=True)
        ]  # fmt: skip

    def _gate(self, file: Path, output: Path, weights: Weights) -> dict[str, Any]:
        started = time.monotonic()
        rows, programs = read_rows(file), self._programs(file)
        given = self.machine.given(self.regime, weights)
        reports = self.machine.check(self.regime, self._solutions(rows, programs), given, thresholds=self._thresholds())
        write_rows(output, [
            {"solution": sample.solution, "accepted": all(report.passed for report in each),
             "score": next((report.score for report in reversed(each) if report.score is not None), None),
             "reports": [report.to_row() for report in each]}
            for sample, each in zip(programs, reports, strict=True)
        ])  # fmt: skip
        return {"sha256": file_hash(output), "seconds": round(time.monotonic() - started, 3)}

    def _data(self, number: int) -> list[dict[str, Any]]:
        """Return the rows that this round trains on, those that people wrote last."""
        settings = self.settings
        chosen = self.accepted[-1] if settings.data != "accumulate" else [row for each in self.accepted for row in each]
        rows = [
            {"task_id": row["task_id"], "prompt": row["prompt"], "chat": row["chat"], "human": False,
             "completion": row["written"], "program": row["solution"]} for row in chosen
        ]  # fmt: skip
        order = pool.order(list(self.machine.items().values()), self.seed)
        people = [item for item in order if item.task.canonical_solution]
        n_mixed = round(len(rows) * settings.human / (1 - settings.human)) if settings.data == "mixed" else 0
        n_anchors = round(len(rows) * settings.anchors / (1 - settings.anchors))
        runs = self.machine.verified() if n_anchors else set()
        verified = [item for item in people if item.task.task_id in runs]
        anchors = verified[self.n_anchors : self.n_anchors + n_anchors]  # each anchor once in all rounds
        if len(anchors) < n_anchors:
            raise UsageError(f"the pool's {len(verified)} human programs that run are too few: {n_anchors} anchors a round")
        self.n_anchors += n_anchors
        start = number * n_mixed
        mixed = [people[(start + i) % len(people)] for i in range(n_mixed)] if people else []
        if n_mixed and not mixed:
            raise UsageError("data = mixed needs human programs, and the pool has none")
        return rows + [
            {"task_id": item.task.task_id, "prompt": item.task.prompt + "\n" * item.is_whole, "chat": False, "human": True,
             "completion": item.task.canonical_solution, "program": item.human} for item in [*mixed, *anchors]
        ]  # fmt: skip

    def _train(self, folder: Path, number: int, weights: Weights, data: list[dict[str, Any]]) -> Weights:
        settings = self.settings
        start = weights if settings.weights == "cumulative" else self.machine.first
        file, output = folder / "train.jsonl", folder / "weights"
        asked = {
            "weights": start.digest, "data": texts_hash(json.dumps(row) for row in data),
            "seed": self.seed, "steps": settings.steps, "full": settings.full,
            "learning_rate": settings.learning_rate, "batch_size": settings.batch_size, "sequence": settings.sequence,
        }  # fmt: skip

        def act() -> dict[str, Any]:
            write_rows(file, data)
            return self.machine.train(start, file, output, seed=1009 * self.seed + number, first_round=number == 1)

        done = self._stage(folder, "train", asked, act)
        digest = hashlib.sha256(json.dumps([asked, done["loss"]]).encode()).hexdigest()[:16]
        return replace(self.machine.trained(done, start), digest=digest)

    def _score(self, weights: Weights, folder: Path) -> dict[str, Any]:
        """Have the model answer the benchmarks, and judge the answers."""
        settings, machine = self.settings, self.machine
        scores = {}
        for name in settings.benchmarks:
            tasks = list(machine.tasks(name).values())
            file = folder / f"answers-{name_of(name)}.jsonl"
            asked = {
                "weights": weights.digest, "tasks": len(tasks), "samples": settings.samples, "seed": self.seed,
                "temperature": settings.eval_temperature, "tokens": settings.eval_tokens, "prompt": settings.prompt,
            }  # fmt: skip
            made = self._stage(folder, f"write-{name_of(name)}", asked, lambda t=tasks, f=file: machine.generate(  # type: ignore[misc]
                weights, t, f, temperature=settings.eval_temperature, max_new_tokens=settings.eval_tokens, seed=self.seed,
                n=settings.samples,
            ))  # fmt: skip
            judged = self._stage(
                folder, f"judge-{name_of(name)}", {"answers": made["sha256"], "timeout": settings.timeout, **_judge()},
                lambda n=name, f=file: machine.judge(n, f, folder / f"run-{name_of(n)}"),  # type: ignore[misc]
            )  # fmt: skip
            found = judged["pass_at_k"]
            for part, values in found.items():
                label = name.removesuffix("+") if part == "base" and len(found) > 1 else name
                scores[label] = values["1"]
        return scores

    # -- the ledger ----------------------------------------------------------------------------------------------------

    def _measure(
        self,
        folder: Path,
        candidates: list[dict[str, Any]],
        kept: list[dict[str, Any]],
        data: list[dict[str, Any]],
        spent: dict[str, Any],
        held_out: list[dict[str, Any]],
        scores: dict[str, Any],
        stopped: str | None = None,
    ) -> None:
        n_accepted = sum(row["accepted"] for row in candidates)

        def act() -> dict[str, Any]:
            seen = candidates[: self.settings.measured]
            sign = -1 if prefers_low(self.regime) else 1
            runs = self.machine.executed(seen)
            scored = [(sign * row["score"], ran(each)) for row, each in zip(seen, runs, strict=True)
                      if row["score"] is not None]  # fmt: skip
            logprobs = [row["mean_logprob"] for row in candidates if row.get("mean_logprob") is not None]
            trained = [{"task_id": row["task_id"], "solution": row["program"]} for row in data[: self.settings.measured]]
            accepted = [each for row, each in zip(seen, runs, strict=True) if row["accepted"]]
            return {
                "candidates": len(candidates),
                "accepted": n_accepted,
                "acceptance_mass": round(n_accepted / len(candidates), 6),
                "retained": len(kept),
                "trained_on": len(data),
                "human_rows": sum(row["human"] for row in data),
                "refusals": reasons(row["reports"] for row in candidates if not row["accepted"]),
                "thresholds": spent.pop("thresholds"),
                "score": ledger.quantiles([row["score"] for row in candidates if row["score"] is not None]),
                "auc": ledger.auc([score for score, _ in scored], [good for _, good in scored]),
                "raw": ledger.classes(runs),
                "accepted_runs": ledger.classes(accepted) if accepted else None,
                "trained_runs": ledger.classes(self.machine.executed(trained)) if trained else None,
                "held_out": ledger.held_out(held_out, [ran(each) for each in self.machine.executed(held_out)], sign),
                "texts": ledger.texts([row["written"] for row in candidates]),
                "finished": round(sum(bool(row.get("finished")) for row in candidates) / len(candidates), 4),
                "tokens_each": round(sum(row["n_tokens"] for row in candidates) / len(candidates), 1),
                "mean_logprob": ledger.quantiles(logprobs),
                "spent": spent,
                "scores": scores,
                "stopped": stopped,
            }

        programs = texts_hash(row["solution"] for row in [*candidates, *held_out])
        asked = {"candidates": programs, "accepted": n_accepted, "scores": scores, "measured": self.settings.measured}
        self._stage(folder, "measure", asked, act)


def _judge() -> dict[str, Any]:
    """Return what verdicts depend on beside programs and limits, as far as it can be told where there is no engine."""
    return {"oracle": VERSION, "image": images.tag("run")}


def _cut(regime: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the worst score that the gate which kept a fraction has kept, if there is one. Raises `UsageError`."""
    found: dict[str, list[float]] = {}
    for report in (report for row in rows for report in row["reports"]):
        if report["values"].get("fraction") is not None and report["values"]["threshold"] is not None:
            found.setdefault(report["gate"].partition("~")[0], []).append(report["values"]["threshold"])
    if len(found) > 1:
        raise UsageError(f"regime {regime!r}: freeze wants one gate that compares candidates, not {' and '.join(found)}")
    return {"threshold": (max if prefers_low(regime) else min)(cuts) for cuts in found.values()}  # noqa: B035 - at most one


__all__ = ["Cell", "Machine", "Weights"]
