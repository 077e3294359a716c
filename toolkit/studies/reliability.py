"""`reliability`: how often does a model fail where it hardly ever does? Rare failures, found and counted."""

import contextlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from toolkit.analysis import rare
from toolkit.analysis.contrasts import SEES, Contrast, trust
from toolkit.benchmarks import Benchmark, DataMissing, Options
from toolkit.errors import InfrastructureError
from toolkit.oracle import VERSION
from toolkit.records import Task
from toolkit.studies import templates
from toolkit.studies.base import ARXIV, TINY, Cell, Found, Study
from toolkit.studies.lab import Lab
from toolkit.studies.rows import hash_of
from toolkit.studies.settings import Field, Names, Numbers, StudySettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from toolkit.models.load import Loaded
    from toolkit.oracle import Oracle

FACTORS = 6
"""Factors of the space in which planted models fail, with ten levels each."""


class ReliabilitySettings(StudySettings):
    """Settings of the study `reliability`."""

    models: Names = Field((), description="Models to measure, beside --model.")
    planted: Numbers = Field((1e-3, 1e-5), description="Failure rates of planted models, powers of ten from 0.1 to 1e-6.")
    planted_each: int = Field(300, ge=10, description="Problems a round that planted models are learnt from.")
    planted_n: int = Field(1500, ge=10, description="Problems that their estimate is made of.")
    rounds: int = Field(3, ge=1, description="Rounds in which the proposal is learnt.")
    each: int = Field(24, ge=2, description="Problems a round.")
    n: int = Field(64, ge=2, description="Problems that the estimate is made of.")
    tolerated: float = Field(0.05, gt=0, lt=1, description="The failure rate that the answer is about: above, or below?")

    def wrong(self) -> list[str]:
        """Return complaints about rates that cannot be planted."""
        known = [10.0**-k for k in range(1, FACTORS + 1)]
        listed = ", ".join(f"{each:g}" for each in known)
        return super().wrong() + [
            f"planted: {rate:g} is not one of {listed}" for rate in self.planted
            if not any(abs(rate / each - 1) < 1e-9 for each in known)
        ]  # fmt: skip


def planted(k: int) -> rare.Loss:
    """Return the loss of a planted model, which fails where k factors have a certain level: with a probability of 10 ** -k.

    The loss is the share of these factors that have it, so that near misses stand out.
    """
    import numpy as np

    bad = np.array([(3 * at + 2) % 10 for at in range(k)])
    return lambda points: (points[:, :k] == bad).mean(axis=1)


class Reliability(Study[ReliabilitySettings]):
    """The study."""

    name = "reliability"
    question = "How often does a model fail on parametrised problems, and how many fewer samples tell it?"
    method = (
        "A problem is a point: a template, two numbers, whether an example is shown, whether the name tells; all points "
        "are equally likely. In each round the problems with the highest loss (1 for a failure, else the surprise at the "
        "right answer, squeezed below 1) say where the next round looks: the cross-entropy method.",
        "Importance sampling then estimates the rate, weighting each problem by its nominal over its proposed "
        "probability: unbiased whatever was learnt. Intervals are Student's; without a failure, Wilson's.",
        "saved: how many times more problems plain sampling would need for as narrow an interval, counting those of the "
        "learning. plain: as many problems, sampled plainly. Planted models fail at a known rate.",
    )
    limits = (
        "A rate is that of these templates with these levels, not of programming in general.",
        "Answers are greedy: a problem is failed or not, and chance lies only in which problems are asked.",
        "Where nothing failed yet, the model's surprise at the right answer says where to look; where that tells nothing of "
        "failures, the estimate is unbiased still, and no better than plain sampling.",
        "Of a model that fails often nothing rare is to be found: plain sampling then takes fewer problems (saved below 1).",
        "Each round needs the verdicts of the one before: boxes are where the model is, or machines take turns.",
    )
    references: ClassVar[Mapping[str, str]] = {
        "Five-nines reliability": f"{ARXIV}2605.11209",
        "Rubinstein and Kroese, The Cross-Entropy Method (2004)": "https://doi.org/10.1007/978-1-4757-4321-0",
    }
    settings = ReliabilitySettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {**TINY, "rounds": 1, "each": 3, "n": 3},
        "planted": {"model": ""},
        "small": {"dtype": "bfloat16", "device": "cpu", "max_new_tokens": 96},
        "gpu": {"minutes": 7, "each": 200, "n": 800, "max_new_tokens": 256, "machine": "h200"},
        "full": {"model": "Qwen/Qwen2.5-Coder-7B-Instruct", "models": ("Qwen/Qwen2.5-Coder-32B-Instruct",), "rounds": 6,
                 "each": 500, "n": 2000, "max_new_tokens": 512, "tolerated": 0.001, "parameters": 2e10, "machine": "h100",
                 "seeds": (0, 1, 2)},
    }  # fmt: skip

    def cells(self, settings: ReliabilitySettings) -> list[Cell]:
        """Return planted models, and real ones."""
        found = [Cell(f"planted-{rate:g}", {"model": "planted", "rate": rate}) for rate in settings.planted]
        names = [*filter(None, [settings.model]), *settings.models]
        return found + [Cell(name.replace("/", "_"), {"model": name, "rate": None}) for name in names]

    def contrasts(self, settings: ReliabilitySettings, rows: Sequence[Mapping[str, Any]] = ()) -> list[Contrast]:
        """Return none: a rate is compared with the one that is tolerated; see `verdict`."""
        return []

    def scored(self, settings: ReliabilitySettings) -> int:
        """Return none: no benchmark is scored."""
        return 0

    def problems(self, settings: ReliabilitySettings) -> int:
        """Return the problems that real models are asked: for the estimate, and as many plainly."""
        n_models = sum(cell.levels["rate"] is None for cell in self.cells(settings))
        return 2 * (settings.rounds * settings.each + settings.n) * n_models

    def sees(self, settings: ReliabilitySettings) -> list[tuple[str, int, float]]:
        """Return how far a rate has to be from that of each cell, if the proposal is no better than plain sampling."""
        asked = [(rate, settings.planted_n) for rate in settings.planted]
        asked += [(settings.tolerated, settings.n)] * bool(self.problems(settings))
        return [
            (f"the failure rate less {rate:g}, by plain sampling", n, SEES * math.sqrt(rate * (1 - rate) / n))
            for rate, n in asked
        ]  # fmt: skip

    def run(self, lab: Lab[ReliabilitySettings], cell: Cell, seed: int) -> Found:
        """Learn a proposal, estimate the rate with it, and ask as many problems plainly."""
        settings, folder = lab.settings, f"seed{seed}/{cell.name}"
        if cell.levels["rate"] is None:
            asked = _Asked(lab, folder, cell.levels["model"])
            try:
                counted = (settings.rounds, settings.each, settings.n)
                found = _measured(asked.loss, rare.uniform(templates.SIZES), *counted, seed)
            finally:
                asked.close()
            return Found(numbers=found)
        k = round(-math.log10(cell.levels["rate"]))
        sizes = (settings.rounds + 3, settings.planted_each, settings.planted_n)
        inputs = {"rate": cell.levels["rate"], "counted": sizes, "seed": seed}
        return Found(numbers=lab.stage(folder, "measure", inputs, lambda: _measured(
            planted(k), rare.uniform([10] * FACTORS), *sizes, seed
        )))  # fmt: skip

    def summary(self, settings: ReliabilitySettings, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the rates, a row each: by the proposal, and by plain sampling of as many problems."""
        table = [
            {"cell": row["cell"], "seed": row["seed"], "true rate": row["levels"]["rate"], **row["numbers"]} for row in rows
        ]  # fmt: skip
        return {"Failure rates": table} if table else {}

    def claims(
        self, settings: ReliabilitySettings, contrasts: Sequence[Mapping[str, Any]], more: Mapping[str, Any]
    ) -> list[dict[str, str]]:
        """Say whether intervals of planted models have the rate in them, and on which side of the tolerated others are."""
        found, limit = [], settings.tolerated
        for row in more.get("Failure rates", []):
            rate, low, high = row["true rate"], row["low"], row["high"]
            if rate is not None:
                claim, holds = f"the interval of {row['cell']} has its rate in it", low <= rate <= high
            else:
                side = "above" if row["value"] > limit else "below"
                claim, holds = f"{row['cell']} fails {side} the tolerated rate of {limit:g}", low > limit or high < limit
            found.append({
                "claim": claim, "evidence": f"{row['value']:.3g} [{low:.3g}, {high:.3g}], {row['failures']} failures, "
                f"{row['n']:,} problems", "verified": "yes" if holds else "no: open" if rate is None else "no",
                "confidence": trust(len(settings.seeds)) if holds else "-",
            })  # fmt: skip
        return found

    def verdict(
        self, settings: ReliabilitySettings, contrasts: Sequence[Mapping[str, Any]], more: Mapping[str, Any]
    ) -> str | None:
        """Say whether the first model's rate is above or below what is tolerated."""
        every = more.get("Failure rates", [])
        mine = [row for row in every if row["true rate"] is None]
        if not mine:
            return _of_planted(every)
        it, limit = mine[0], settings.tolerated
        decided = it["low"] > limit or it["high"] < limit
        se = (it["high"] - it["low"]) / 2 / 1.959964
        line = (
            f"{'answered' if decided else 'open'}: failure rate of {it['cell']} {it['value']:.3g} [{it['low']:.3g}, "
            f"{it['high']:.3g}], tolerated {limit:g}, smallest effect visible {SEES * se:.3g}, {it['n']} problems"
        )
        if it["saved"]:
            line += f", for which plain sampling would take {it['saved']:.3g} times as many"
        apart = abs(it["value"] - limit)
        if not decided and apart:
            line += f"; about {int(it['n'] * (SEES * se / apart) ** 2) + 1:,} problems would decide it"
        return line


def _of_planted(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Say whether the intervals of planted models have their rates in them, and how many samples were saved."""
    if not rows:
        return None
    held = all(row["low"] <= row["true rate"] <= row["high"] for row in rows)
    each = []
    for row in rows:
        visible = SEES * (row["high"] - row["low"]) / 2 / 1.959964
        between, saved = f"[{row['low']:.3g}, {row['high']:.3g}]", f"{row['saved'] or 0:,.0f} times fewer problems"
        each.append(
            f"{row['cell']} {row['value']:.3g} {between}, {row['failures']} failures where plain sampling saw "
            f"{row['plain_failures']} in {row['n']:,}, {saved}, smallest effect visible {visible:.3g}"
        )
    return f"{'answered: every' if held else 'open: not every'} interval has the planted rate in it; " + "; ".join(each)


def _measured(loss: rare.Loss, nominal: rare.Table, rounds: int, each: int, n: int, seed: int) -> dict[str, Any]:
    import numpy as np

    proposal, learnt_from, history = rare.learn(loss, nominal, rounds=rounds, each=each, seed=seed)
    rate = asdict(rare.estimate(loss, nominal, proposal, n, learnt_from=learnt_from, seed=seed))
    points = rare.draw(nominal, n + learnt_from, np.random.default_rng([seed, 1 << 21]))
    plain = rare.plain(int((loss(points) >= rare.FAILS).sum()), n + learnt_from)
    return {
        **{name: round(value, 12) if isinstance(value, float) else value for name, value in rate.items()},
        "plain": plain.value, "plain_low": plain.low, "plain_high": plain.high, "plain_failures": plain.failures,
        "threshold": history[-1]["threshold"], "proposal": [[round(p, 6) for p in one] for one in proposal],
    }  # fmt: skip


class _Asked:
    """A model that is asked problems, batch by batch: each batch is read, answered and judged in stages of its own."""

    def __init__(self, lab: Lab[ReliabilitySettings], folder: str, model: str) -> None:
        self.lab, self.folder, self.model = lab, folder, model
        self._n, self._stack = 0, contextlib.ExitStack()

    def close(self) -> None:
        self._stack.close()

    @cached_property
    def loaded(self) -> "Loaded":
        """The model, loaded when it is first needed."""
        return self.lab.load(self.model)

    def loss(self, points: "NDArray[np.int64]") -> "NDArray[np.float64]":
        """Return 1 for a failed problem, else the surprise at the right answer, squeezed below 1."""
        import numpy as np

        every = [templates.task(point) for point in points.tolist()]
        tasks = list({task.task_id: task for task in every}.values())
        number, settings, lab = self._n, self.lab.settings, self.lab
        self._n += 1
        file = settings.output / self.folder / f"answers-{number}.jsonl"
        asked = {"model": self.model, "tasks": hash_of([task.prompt for task in tasks]), "tokens": settings.max_new_tokens,
                 "dtype": settings.dtype}  # fmt: skip
        read = lab.stage(self.folder, f"score-{number}", asked, lambda: lab.read(self.folder, self.loaded, tasks))
        made = lab.stage(self.folder, f"write-{number}", asked, lambda: lab.write(self.folder, self.loaded, tasks, file))
        rules = {"answers": made["sha256"], "timeout": settings.timeout, "oracle": VERSION}
        failed = set(lab.stage(self.folder, f"judge-{number}", rules, lambda: self._judged(tasks, file))["failed"])
        surprise = [read["tasks"][task.task_id] for task in every]
        return np.array([1.0 if t.task_id in failed else s / (1 + s) for t, s in zip(every, surprise, strict=True)])

    def _judged(self, tasks: Sequence[Task], file: Path) -> dict[str, Any]:
        from toolkit.samples import read as sample_files

        known = {task.task_id: task for task in tasks}
        given, _ = sample_files.read(file, known, known=known)
        results = [result for _, result, _ in self.oracle.judge_many(given)]
        if lost := next((result.error for result in results if result.error), None):
            raise InfrastructureError(f"{file}: not all answers could be judged: {lost}")
        return {"failed": sorted(result.task_id for result in results if result.verdict != "passed")}

    @cached_property
    def oracle(self) -> "Oracle":
        """An oracle of all problems that there are, in boxes that stay until `close`."""
        from toolkit.commands.judging import Settings, open_oracle
        from toolkit.oracle import canary

        settings = self.lab.settings
        points = itertools.product(*map(range, templates.SIZES))
        known = {task.task_id: task for task in map(templates.task, points)}
        benchmark = Benchmark(name="templates", load=_no_data, prefix="Template")
        judging = Settings(benchmark="templates", timeout_s=settings.timeout, parallel=settings.parallel)
        data_hash = hash_of([[task.prompt, task.canonical_solution] for task in known.values()])
        oracle = self._stack.enter_context(open_oracle(judging, benchmark, known, data_hash))
        oracle.start()
        canary(oracle)
        return oracle


def _no_data(_options: Options) -> Any:
    raise DataMissing("templates have no data: they are made")
