"""One cell of a run of rounds, stage by stage."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gates import fields_of, prefers_low
from toolkit.analysis import ledger, ranking
from toolkit.analysis.diversity import texts
from toolkit.analysis.ledger import ran
from toolkit.analysis.trend import quantiles
from toolkit.errors import UsageError
from toolkit.records import Task
from toolkit.rounds import learnt, opinion, pool, probe
from toolkit.rounds.learnt import is_learnable
from toolkit.rounds.machine import Machine, Weights, images_of, judged_by
from toolkit.rounds.settings import gates_of, name_of
from toolkit.rounds.verdicts import label
from toolkit.store.files import file_hash, read_rows, texts_hash, write_rows
from toolkit.store.stages import Waiting, stage
from toolkit.training.data import has_ended


class Cell:
    """One regime with one seed."""

    def __init__(self, machine: Machine, regime: str, seed: int) -> None:
        self.machine, self.settings, self.regime, self.seed = machine, machine.settings, regime, seed
        self.folder = self.settings.output / f"seed{seed}" / name_of(regime)
        self.base = self.folder.parent / "base" / "round0"
        self.accepted: list[list[dict[str, Any]]] = []
        self.cut: dict[str, float] = {}
        self.frozen: dict[str, float] = {}
        self.n_anchors = 0
        self.seen: dict[str, Any] | None = None
        self.waiting: list[str] = []

    def run(self) -> None:
        """Run all rounds that are not done yet. Raises `Waiting`, `UsageError` or `InfrastructureError`.

        What no later round depends on (write, judge, measure) does not stop a cell where it does not run: `waiting` has what
        is left.
        """
        scores = self._score(self.machine.first, self.base)
        if scores is not None:
            told = {"scores": scores} | ({"spectra": self.seen} if self.seen else {})
            self._aside(self.base, "measure", {"scores": scores}, lambda: told)
        self.cut = self.frozen = self._calibrated()
        weights = self.machine.first
        for number in range(1, self.settings.rounds + 1):
            after = self._round(number, weights)
            if after is None:
                return
            weights = after
        if self.settings.keep_weights == "none":
            self._drop(weights)

    def _stage(self, folder: Path, name: str, inputs: dict[str, Any], act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = stage(folder, name, inputs, self.settings.stages, act)
        return found

    def _aside(
        self, folder: Path, name: str, inputs: dict[str, Any], act: Callable[[], dict[str, Any]]
    ) -> dict[str, Any] | None:
        """Do a stage on which no other round depends; None if it waits."""
        try:
            return self._stage(folder, name, inputs, act)
        except Waiting as error:
            self.waiting.append(str(error))
            return None

    def _drop(self, weights: Weights) -> None:
        """Delete weights of this run, unless answers to a benchmark are still to be written with them."""
        if weights.folder is not None:
            folder = weights.folder.parents[1]
            scored = self.settings.benchmarks if self.settings.is_scored(int(folder.name.removeprefix("round"))) else ()
            written = [*map(name_of, scored), *(["spectra"] if self.settings.spectra else [])]
            if all((folder / f"write-{name}.json").exists() for name in written):
                self.machine.drop(weights)

    # -- a round -------------------------------------------------------------------------------------------------------

    def _round(self, number: int, weights: Weights) -> Weights | None:
        folder = self.folder / f"round{number}"
        candidates, found = self._candidates(number, weights, folder)
        held_out = probe.ask(self, number, weights, folder)
        found["opinion"] = self._opinions(number, weights, folder)
        kept = [row for row in candidates if is_learnable(row, self.settings.unfinished)][: self.settings.accept]
        if why := self._lack(candidates, len(kept)):
            self._measure(folder, candidates, kept, [], found, held_out, {}, stopped=why)
            return None
        self.accepted.append(kept)
        data = self._data(number)
        after = self._train(folder, number, weights, data)
        if not self.settings.keeps_all_weights:
            self._drop(weights)
        scores = self._score(after, folder) if self.settings.is_scored(number) else {}
        if scores is not None:
            self._measure(folder, candidates, kept, data, found, held_out, scores)
        return None if probe.stops(self, number, folder) else after

    def _lack(self, candidates: Sequence[Mapping[str, Any]], n_kept: int) -> str:
        """Return why a round has too little to learn; empty if it has enough."""
        n, wanted = sum(row["accepted"] for row in candidates), self.settings.accept
        if not n_kept:
            return f"all {n} accepted candidates were cut off at the token limit" if n else "nothing was accepted"
        if self.settings.fill and n_kept < wanted:
            cut = f" that were not cut off ({n} with those)" if n > n_kept else ""
            return f"{n_kept} of {wanted} were accepted{cut}, of {len(candidates)} candidates"
        return ""

    def _thresholds(self) -> dict[str, float]:
        return self.settings.thresholds_of(self.regime) | self.frozen

    def _gate_inputs(self, made: Mapping[str, Any]) -> dict[str, Any]:
        judge = self.settings.judge_model or self.machine.first.model
        judged: dict[str, Any] = {"judge": judge} if "judge_model" in fields_of(self.regime) else {}
        judged |= {"seed": self.seed} if "~" in self.regime and self.seed else {}  # of the noise
        judged |= self.settings.told(*fields_of(self.regime) & {"empty", "cot"})
        judged |= self.settings.told("dtype") if fields_of(self.regime) & {"model", "judge_model"} else {}
        judged |= {"images": used} if (used := images_of(self.regime)) else {}
        return {"candidates": made["sha256"], "regime": self.regime, "thresholds": self._thresholds()} | judged

    def _sampling(self, weights: Weights, number: int, prompts: Iterable[str]) -> dict[str, Any]:
        """Return what candidates depend on besides their number."""
        settings = self.settings
        return {"weights": weights.digest, "seed": self.seed, "round": number, "pool": texts_hash(prompts),
                "temperature": settings.temperature, "top_p": settings.top_p, "tokens": settings.max_new_tokens,
                "prompt": settings.prompt, **settings.told("strip", "stops"), **settings.writer()}  # fmt: skip

    def _chosen(self, number: int, start: int, n: int) -> list[Task]:
        """Return the tasks of a round's next candidates, which go through the pool again and again."""
        seed = 1000 * self.seed + (number if self.settings.prompts == "shuffled" else 0)
        order = pool.order(list(self.machine.items().values()), seed)
        return [order[i % len(order)].task for i in range(start, start + n)]

    def _generate(self, weights: Weights, tasks: Sequence[Task], file: Path, seed: int, n: int = 1) -> dict[str, Any]:
        settings = self.settings
        return self.machine.generate(
            weights, tasks, file, temperature=settings.temperature, max_new_tokens=settings.max_new_tokens,
            seed=1_000_003 * self.seed + seed, n=n, strip=settings.strip, stops=settings.stops != "none",
        )  # fmt: skip

    def _calibrated(self) -> dict[str, float]:
        """Return the threshold among candidates of the first model that nothing is trained on; {} if none are asked for."""
        first, n = self.machine.first, self.settings.calibrate
        if not n or "fraction" not in fields_of(self.regime):
            return {}
        tasks = self._chosen(0, 0, n)
        base, folder = self.base, self.folder / "round0"
        file, reports = base / "candidates.jsonl", folder / "reports.jsonl"
        asked = self._sampling(first, 0, (t.prompt for t in tasks)) | {"n": n}
        made = self._stage(base, "generate", asked, lambda: self._generate(first, tasks, file, 0))
        self._stage(folder, "gate", self._gate_inputs(made), lambda: self._gate(file, reports, first))
        return opinion.cut(read_rows(reports))

    def _candidates(self, number: int, weights: Weights, folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Generate and gate, chunk by chunk, until enough are accepted or the budget is spent."""
        settings = self.settings
        gates = gates_of(self.regime, settings.thresholds_of(self.regime)).gates
        compares = any(gate.compares for gate in gates)  # then they see a whole round at once, also when frozen later
        size = settings.chunk or (settings.budget if compares else settings.accept)
        rows: list[dict[str, Any]] = []
        spent: dict[str, Any] = {"tokens": 0, "generate_s": 0.0, "gate_s": 0.0}
        chunk = 0
        while len(rows) < settings.budget and sum(is_learnable(row, settings.unfinished) for row in rows) < settings.accept:
            n = min(size, settings.budget - len(rows))
            chosen = self._chosen(number, len(rows), n)
            file = folder / f"candidates-{chunk}.jsonl"
            asked = self._sampling(weights, number, (t.prompt for t in chosen)) | {"first": len(rows), "n": n}
            seed = 1009 * number + len(rows)
            made = self._stage(folder, f"generate-{chunk}", asked, lambda c=chosen, f=file, s=seed: (  # type: ignore[misc]
                self._generate(weights, c, f, s)
            ))  # fmt: skip
            gated = self._gate_inputs(made)
            reports = folder / f"reports-{chunk}.jsonl"
            done = self._stage(
                folder, f"gate-{chunk}", gated, lambda f=file, r=reports: self._gate(f, r, weights)  # type: ignore[misc]
            )
            rows += [row | said for row, said in zip(read_rows(file), read_rows(reports), strict=True)]
            spent["tokens"] += made["tokens"]
            spent["generate_s"] = round(spent["generate_s"] + made["seconds"], 3)
            spent["gate_s"] = round(spent["gate_s"] + done["seconds"], 3)
            chunk += 1
        spent["thresholds"] = self._thresholds()
        if number == 1 and not self.frozen:
            self.cut = opinion.cut(rows)
            self.frozen = self.cut if settings.freeze else {}
        return rows, spent

    def _opinions(self, number: int, weights: Weights, folder: Path) -> dict[str, Any] | None:
        def ask(name: str, file: Path, output: Path, by_first: bool) -> None:
            judge = self.machine.first if by_first else weights
            thresholds = self.settings.thresholds_of(self.regime) | self.cut
            asked = self._gate_inputs({"sha256": file_hash(file)}) | {"model": judge.digest, "thresholds": thresholds}
            self._stage(folder, name, asked, lambda: self._gate(file, output, judge, thresholds))

        return opinion.opinions(self.regime, number, folder, self.cut, ask)

    def _gate(
        self, file: Path, output: Path, weights: Weights, thresholds: Mapping[str, float] | None = None, again: int = 0
    ) -> dict[str, Any]:
        started = time.monotonic()
        solutions = learnt.solutions(file, self.machine.items())
        given = self.machine.given(self.regime, weights, self.seed + again)  # the seed is that of noise
        thresholds = self._thresholds() if thresholds is None else thresholds
        reports = self.machine.check(self.regime, solutions, given, thresholds=thresholds)
        write_rows(output, [
            {"solution": solution.code, "accepted": all(report.passed for report in each),
             "reports": [report.to_row() for report in each]}
            for solution, each in zip(solutions, reports, strict=True)
        ])  # fmt: skip
        return {"sha256": file_hash(output), "seconds": round(time.monotonic() - started, 3)}

    def _data(self, number: int) -> list[dict[str, Any]]:
        """Return the rows that this round trains on, human programs last."""
        settings = self.settings
        chosen = self.accepted[-1] if settings.data != "accumulate" else [row for each in self.accepted for row in each]
        rows = learnt.of_model(chosen)
        order = pool.order(list(self.machine.items().values()), self.seed)
        people = [item for item in order if item.task.canonical_solution]
        n_mixed = round(len(rows) * settings.human / (1 - settings.human)) if settings.data == "mixed" else 0
        n_anchors = round(len(rows) * settings.anchors / (1 - settings.anchors))
        runs = self.machine.verified() if n_anchors else set()
        verified = [item for item in people if item.task.task_id in runs]
        anchors = verified[self.n_anchors : self.n_anchors + n_anchors]  # each anchor is used once in all rounds
        if len(anchors) < n_anchors:
            raise UsageError(f"the pool's {len(verified)} human programs that run are too few: {n_anchors} anchors a round")
        self.n_anchors += n_anchors
        start = number * n_mixed
        mixed = [people[(start + i) % len(people)] for i in range(n_mixed)]
        if not mixed + anchors:
            return rows
        items = self.machine.items()
        is_asked = any(learnt.is_asked(row, items[row["task_id"]]) for row in chosen)
        return rows + learnt.of_people(mixed + anchors, self.machine.asked() if is_asked else None)

    def _train(self, folder: Path, number: int, weights: Weights, data: list[dict[str, Any]]) -> Weights:
        settings = self.settings
        start = weights if settings.weights == "cumulative" else self.machine.first
        file, output = folder / "train.jsonl", folder / "weights"
        asked = {
            "weights": start.digest, "data": texts_hash(json.dumps(row) for row in data),
            "seed": self.seed, "steps": settings.steps, "full": settings.full,
            "learning_rate": settings.learning_rate, "batch_size": settings.batch_size, "sequence": settings.sequence,
            **settings.told("epochs", "warmup", "weight_decay", "fim_rate", "spm_rate", "unfinished", "processes"),
            **settings.told("document_mask", "dtype"),
        }  # fmt: skip

        def act() -> dict[str, Any]:
            write_rows(file, data)
            return self.machine.train(start, file, output, seed=1009 * self.seed + number, first_round=number == 1)

        done = self._stage(folder, "train", asked, act)
        digest = hashlib.sha256(json.dumps([asked, done["loss"]]).encode()).hexdigest()[:16]
        return replace(self.machine.trained(done, start), digest=digest)

    def _score(self, weights: Weights, folder: Path) -> dict[str, Any] | None:
        """Let the model answer the benchmarks, judge the answers, and return the scores by benchmark; None if that waits."""
        settings, machine = self.settings, self.machine
        scores, n_waiting = {}, len(self.waiting)
        self.seen = probe.spectra(self, weights, folder)
        for name in settings.benchmarks:
            tasks = list(machine.tasks(name).values())
            file = folder / f"answers-{name_of(name)}.jsonl"
            asked = {
                "weights": weights.digest, "tasks": len(tasks), "samples": settings.samples, "seed": self.seed,
                "temperature": settings.eval_temperature, "tokens": settings.eval_tokens, "prompt": settings.prompt,
                "top_p": settings.top_p if settings.eval_temperature else None, **settings.writer(),
            }  # fmt: skip
            made = self._aside(folder, f"write-{name_of(name)}", asked, lambda t=tasks, f=file: machine.generate(  # type: ignore[misc]
                weights, t, f, temperature=settings.eval_temperature, max_new_tokens=settings.eval_tokens, seed=self.seed,
                n=settings.samples,
            ))  # fmt: skip
            if made is None:
                continue
            judged = self._aside(
                folder, f"judge-{name_of(name)}", {"answers": made["sha256"], "timeout": settings.timeout, **judged_by()},
                lambda n=name, f=file: machine.judge(n, f, folder / f"run-{name_of(n)}"),  # type: ignore[misc]
            )  # fmt: skip
            found = judged["pass_at_k"] if judged else {}
            for part, values in found.items():
                scores[label(name, part, found)] = values["1"]
        return None if len(self.waiting) > n_waiting else scores

    # -- the ledger ----------------------------------------------------------------------------------------------------

    def _measure(
        self,
        folder: Path,
        candidates: list[dict[str, Any]],
        kept: list[dict[str, Any]],
        data: list[dict[str, Any]],
        spent: dict[str, Any],
        probes: probe.Probes,
        scores: dict[str, Any],
        stopped: str | None = None,
    ) -> None:
        n_accepted = sum(row["accepted"] for row in candidates)

        def act() -> dict[str, Any]:
            seen = candidates[: self.settings.measured]
            runs = self.machine.executed(seen)
            probed = [ran(each) for each in self.machine.executed(probes.rows)]
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
                "refusals": ledger.reasons(row["reports"] for row in candidates if not row["accepted"]),
                "thresholds": spent.pop("thresholds"),
                "gates": ranking.gates(candidates, [ran(each) for each in runs], prefers_low),
                "raw": ledger.classes(runs),
                "accepted_runs": ledger.classes(accepted) if accepted else None,
                "trained_runs": ledger.classes(self.machine.executed(trained)) if trained else None,
                **probe.told(folder, probes, probed, [ran(each) for each in runs]),
                "opinion": spent.pop("opinion"),
                "cut": opinion.cut(candidates),
                "overlap": self.machine.overlap([row["solution"] for row in seen]) if self.settings.overlap else None,
                "spectra": self.seen,
                "texts": texts([row["written"] for row in candidates]),
                "finished": _finished(candidates),
                "accepted_finished": _finished([row for row in candidates if row["accepted"]]),
                "trained_finished": _finished(data),
                "tokens_each": round(sum(row["n_tokens"] for row in candidates) / len(candidates), 1),
                "mean_logprob": quantiles(logprobs),
                "spent": spent,
                "scores": scores,
                "stopped": stopped,
            }

        programs = texts_hash(row["solution"] for row in [*candidates, *probes.rows])
        asked = {"candidates": programs, "accepted": n_accepted, "scores": scores, "measured": self.settings.measured,
                 "images": images_of("import"), **self.settings.told("overlap", "fill", "labelled")}  # fmt: skip
        self._aside(folder, "measure", asked, act)


def _finished(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the share of rows whose answer ended by itself."""
    return round(sum(map(has_ended, rows)) / len(rows), 4) if rows else None

