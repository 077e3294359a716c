"""`moe-dense`: does the gap between a sparse mixture and a dense model differ between HumanEval Pro and MBPP Pro?"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar, cast

from toolkit.analysis.contrasts import SEES, Contrast, Term, over
from toolkit.studies import published_gap, telemetry
from toolkit.studies.base import ARXIV, TINY, Cell, Found, Study, both
from toolkit.studies.lab import Lab
from toolkit.studies.mixtures import MixtureSettings, Trained, Upcycled, held_out, trained_tokens
from toolkit.studies.settings import Field, Names, StudySettings
from toolkit.surgery.moe import Balancer

if TYPE_CHECKING:
    from toolkit.models.load import Loaded

PRO = ("humaneval-pro", "mbpp-pro")


class DenseSettings(MixtureSettings):
    """Settings of the study `moe-dense`."""

    benchmarks: Names = Field(PRO, description="Two: the difference is that of the first less that of the second.")
    published: bool = Field(False, description="Take published numbers, and no model.")
    balancer: Balancer = Field("alf", description="How the mixture is balanced in training.")
    balance_rate: float = Field(0.01, ge=0, description="Rate of the balancer.")
    keep: int = Field(4, ge=0, description="Experts of a layer that are kept when others are removed; 0: none are.")
    calibration: int = Field(4, ge=1, description="Tasks of a benchmark whose texts decide which experts are removed.")
    telemetry_tasks: int = Field(24, ge=5, description="Tasks of each benchmark whose routing is looked at.")

    def wrong(self) -> list[str]:
        """Return complaints about settings that contradict each other."""
        wrong = super().wrong()
        if len(self.benchmarks) != 2:
            wrong.append("benchmarks: two are compared")
        if self.experts % self.active:
            wrong.append(f"experts: {self.experts} are no whole number of copies of {self.active} slices")
        if self.keep and not self.active <= self.keep <= self.experts:
            wrong.append(f"keep: from {self.active} (those that a token passes through) to {self.experts}")
        return wrong


class MoeDense(Study[DenseSettings]):
    """The study."""

    name = "moe-dense"
    question = "Does the gap between a sparse mixture and a dense model differ between HumanEval Pro and MBPP Pro?"
    method = (
        "The model's last layers become mixtures whose experts are slices of copies, so that a token meets as much "
        "arithmetic and both say the same at the start; the mixture and the parent's same layers are then trained on the "
        "same tokens.",
        "Contrast: mixture less dense on the first benchmark, less the same on the second. Tasks are paired within a "
        "benchmark, and independent between them. Of a self-invoking task, nats are of its own function's body.",
        "Experts are taken off by enumeration, those without which each layer's output changes least on texts of a "
        "benchmark. Skipping leaves out a token's second expert where its weight is below the layer's median ratio to the "
        "first.",
        "Published: table 2 of arXiv 2412.21199, 0-shot; the error of the pair is that of independent binomial answers.",
    )
    limits = (
        "The mixture is its parent, cut up: slices and copies of its layers, with as much arithmetic for a token. Any gap "
        "is that of routing, learnt in as many steps as the parent is trained further, not that of a mixture made as such.",
        "As soon as biases or rows of a copy's slices differ, a token may pass through halves that do not belong together: "
        "after few steps a gap may be no more than that, and taking experts off may then help.",
        "A small model solves next to nothing of these benchmarks. Where pass@1 is near 0, only nats a token can tell "
        "models apart, and they are no substitute.",
        "Of published numbers, models differ in family, size and training besides being mixtures or dense.",
    )
    references: ClassVar[Mapping[str, str]] = {
        "HumanEval Pro and MBPP Pro": f"{ARXIV}2412.21199", "Routing signatures": f"{ARXIV}2603.11114",
        "Experts taken off and skipped": f"{ARXIV}2402.14800", "Virtual groups": f"{ARXIV}2410.07524",
    }  # fmt: skip
    settings = DenseSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {**TINY, "experts": 4, "layers": 1, "steps": 2, "sequence": 32, "texts": 8, "held_texts": 2, "keep": 2,
                 "calibration": 1, "telemetry_tasks": 5},
        "small": {"dtype": "bfloat16", "device": "cpu", "nll_tasks": 64, "pass_tasks": 32, "parameters": 1.35e8},
        "gpu": {"minutes": 7,
                "layers": 0, "steps": 150, "batch": 32, "micro_batch": 8, "sequence": 1024, "texts": 4000, "held_texts": 128,
                "seeds": (0, 1, 2), "nll_tasks": 378, "pass_tasks": 378, "samples": 5, "temperature": 0.2,
                "max_new_tokens": 512, "calibration": 32, "telemetry_tasks": 164, "machine": "h200", "parameters": 1.35e8},
        "full": {"model": "Qwen/Qwen2.5-Coder-7B", "layers": 0, "trains": "all", "steps": 1000, "batch": 512,
                 "micro_batch": 4, "sequence": 2048, "held_texts": 500, "seeds": (0, 1, 2), "nll_tasks": 378,
                 "pass_tasks": 378, "samples": 20, "temperature": 0.2, "max_new_tokens": 1024, "calibration": 128,
                 "telemetry_tasks": 378, "machine": "h200", "parameters": 7e9},
        "published": {"published": True, "model": "", "nll_tasks": 378, "pass_tasks": 378},
    }  # fmt: skip

    def cells(self, settings: DenseSettings) -> list[Cell]:
        """Return the two that are compared, their parent, and mixtures with experts removed or skipped."""
        if settings.published:
            return []
        found = [Cell("dense", {"kind": "dense"}), Cell("moe", {"kind": "moe"}), Cell("parent", {"kind": "parent"})]
        if settings.keep:
            found += [Cell(_kept(settings, it), {"kind": "kept", "calibrated": it}) for it in settings.benchmarks]
        return found + [Cell("moe-skipping", {"kind": "skipping"})] * (settings.active == 2)

    def run(self, lab: Lab[DenseSettings], cell: Cell, seed: int) -> Found:
        """Train the mixture or its parent, and score; of a mixture with fewer experts, only what is read."""
        kind = cell.levels["kind"]
        if kind == "parent":
            settings = lab.settings
            digest = hashlib.sha256(repr((settings.model, settings.dtype)).encode()).hexdigest()[:16]
            return Found(scores=lab.scores("parent", digest, lab.load))
        upcycled = Upcycled(lab, seed, "virtual")
        trained = self._trained(lab, seed, upcycled, is_mixture=kind != "dense")
        @cache
        def build() -> "Loaded":
            return lab.load(trained.weights())

        name = f"seed{seed}/{'dense' if kind == 'dense' else 'moe'}"
        if kind in ("kept", "skipping"):
            found = telemetry.fewer(lab, f"seed{seed}/{cell.name}", trained.digest, build, cell.levels)
        else:
            loads = held_out(lab, name, trained.digest, seed, build) or {}
            sizes = {"parameters": upcycled.outputs["parameters"], "active": upcycled.outputs["active"],
                     "difference_at_start": upcycled.outputs["difference"]} if kind == "moe" else {}  # fmt: skip
            numbers = {**sizes, "loss_first": trained.outputs["losses"][0], "loss_last": trained.outputs["losses"][-1],
                       **{f"held_{key}": value for key, value in loads.items() if key != "loads"}}  # fmt: skip
            found = Found(scores=lab.scores(name, trained.digest, build), numbers=numbers)
            if kind == "moe":
                found.numbers |= {"routing": telemetry.routing(lab, name, trained.digest, build)}
        is_whole = all(f"nll@{each}" in found.scores for each in lab.present())
        if is_whole and (kind == "dense" or cell == self.cells(lab.settings)[-1]):
            trained.remove()
        if is_whole and kind == "moe":
            upcycled.remove()
        return found

    def _trained(self, lab: Lab[DenseSettings], seed: int, upcycled: Upcycled, *, is_mixture: bool) -> Trained:
        settings, layers = lab.settings, upcycled.outputs["layers"]
        if is_mixture:
            rate = {} if settings.balancer == "none" else {"balance_rate": settings.balance_rate}
            return Trained(lab, f"seed{seed}/moe", seed, upcycled.folder, upcycled.inputs, layers,
                           balance=settings.balancer, **rate)  # fmt: skip
        return Trained(lab, f"seed{seed}/dense", seed, lambda: str(lab.source().model), {"model": settings.model}, layers)

    def contrasts(self, settings: DenseSettings, rows: Sequence[Mapping[str, Any]] = ()) -> list[Contrast]:
        """Ask for the difference of the gaps; then for the gaps, what training did, and experts kept by one or the other."""
        if settings.published:
            return []
        first, second = settings.benchmarks
        gaps = {"moe": 1.0, "dense": -1.0}
        found = [_difference("mixture less dense", gaps, settings, measure, named=True) for measure in _measures(settings)]
        found += both("mixture less dense", gaps, settings)
        found += both("dense, trained less parent", {"dense": 1.0, "parent": -1.0}, settings)
        if settings.keep:
            by = {_kept(settings, first): 1.0, _kept(settings, second): -1.0}
            found.append(_difference(f"experts kept by {first} less by {second}", by, settings, "nll"))
            for each in settings.benchmarks:
                weights = {_kept(settings, each): 1.0, "moe": -1.0}
                name = f"{settings.keep} experts kept by {each} less all"
                found += [over(name, weights, f"nll@{it}", settings.margin_nll) for it in settings.benchmarks]
        if settings.active == 2:
            weights = {"moe-skipping": 1.0, "moe": -1.0}
            found += [over("skipping less not", weights, f"nll@{it}", settings.margin_nll) for it in settings.benchmarks]
        return found

    def summary(self, settings: DenseSettings, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return published gaps, what routing tells, and whether answers are at the floor."""
        found: dict[str, Any] = {"Published gaps": published_gap.rows()}
        found |= telemetry.tables(rows)
        scores = [each for row in rows for each in row["scores"].items()]
        passes = [fmean(values.values()) for name, values in scores if name.startswith("pass@")]
        if passes and max(passes) < 0.05:
            found["At the floor"] = (
                f"no model has more than {100 * max(passes):.1f} % of pass@1: nats a token carry this run, and say nothing "
                "of answers"
            )
        return found

    def verdict(
        self, settings: DenseSettings, contrasts: Sequence[Mapping[str, Any]], more: Mapping[str, Any]
    ) -> str | None:
        """Return the line on published numbers, where those are asked for."""
        return published_gap.verdict() if settings.published else None

    def claims(
        self, settings: DenseSettings, contrasts: Sequence[Mapping[str, Any]], more: Mapping[str, Any]
    ) -> list[dict[str, str]]:
        """Return what published numbers say, where those are asked for."""
        return published_gap.claims() if settings.published else super().claims(settings, contrasts, more)

    def trained(self, settings: DenseSettings) -> float:
        """Return the tokens of both trainings of a seed."""
        return 0.0 if settings.published else trained_tokens(settings, 2)

    def sees(self, settings: DenseSettings) -> list[tuple[str, int, float]]:
        """Return what published numbers of one answer each can tell."""
        n, visible = sum(published_gap.BENCHMARKS.values()), SEES * published_gap.standard_error(*published_gap.PAIR) / 100
        return [(f"{' less '.join(published_gap.PAIR)}, humaneval-pro less mbpp-pro", n, visible)] * settings.published

    def scored(self, settings: DenseSettings) -> int:
        """Return how many models answer."""
        return 0 if settings.published else 3

    def read(self, settings: DenseSettings) -> int:
        """Return how many mixtures with experts taken off or skipped are read."""
        return max(0, len(self.cells(settings)) - 3)


def _kept(settings: DenseSettings, benchmark: str) -> str:
    return f"moe-keep{settings.keep}-{benchmark}"


def _measures(settings: StudySettings) -> list[str]:
    return ["pass", "nll"] if settings.pass_tasks else ["nll"]


def _difference(
    name: str, weights: Mapping[str, float], settings: StudySettings, measure: str, *, named: bool = False
) -> Contrast:
    """Return the difference of two cells on the first benchmark less that on the second."""
    first, second = settings.benchmarks
    return Contrast(
        name=f"{name}, {first} less {second}", margin=cast(float, getattr(settings, f"margin_{measure}")), named=named,
        terms=tuple(Term(sign * weight, cell, f"{measure}@{each}") for sign, each in ((1.0, first), (-1.0, second))
                    for cell, weight in weights.items()),
    )  # fmt: skip
