"""`per`: how accuracy and its cost go with size, on benchmarks of rising difficulty, at an equal budget."""

import hashlib
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, ClassVar

from toolkit.analysis import efficiency
from toolkit.analysis.contrasts import Contrast, Term
from toolkit.analysis.stats import mean_interval
from toolkit.errors import UsageError
from toolkit.studies.base import ARXIV, TINY, Cell, Found, Study
from toolkit.studies.lab import Lab
from toolkit.studies.settings import Field, Names, StudySettings

if TYPE_CHECKING:
    from toolkit.models.load import Loaded

INVARIANT = (
    "PER is the same if every accuracy is mapped to a * accuracy + b: a benchmark that is harder by as much for all models "
    "cannot move it. What moves it between benchmarks is the shape of accuracy over models; the ratio with fixed ends sees "
    "the level too"
)


class PerSettings(StudySettings):
    """Settings of the study `per`."""

    models: Names = Field((), description="Models to compare, beside --model and its children.")
    children: Names = Field(("ffn0.1", "ffn0.2", "ffn0.3", "depth6"), description="Children of the model that are made by "
                            "pruning: ffnSHARE (of the channels) or depthLAYERS.")  # fmt: skip
    calibration_texts: int = Field(32, ge=1, description="Texts that children are pruned on.")
    speed_prompts: int = Field(16, ge=1, description="Prompts together, for throughput; one alone is for latency.")
    speed_tokens: int = Field(64, ge=2, description="Tokens of each of these answers.")
    repeats: int = Field(3, ge=1, description="Measurements of speed, of which the median counts.")
    budget_tokens: int = Field(1024, ge=1, description="Tokens that a task may take; what the largest model takes for them "
                               "is the budget in FLOPs, seconds and GB.s.")  # fmt: skip

    def wrong(self) -> list[str]:
        """Return complaints about children that there cannot be."""
        wrong = super().wrong()
        for name in self.children:
            try:
                _child(name)
            except ValueError:
                wrong.append(f"children: {name!r} is neither ffnSHARE (0 to 1) nor depthLAYERS, such as ffn0.2 or depth6")
        return wrong


def _child(name: str) -> tuple[float, int]:
    """Return the share of channels and the number of layers that are removed. Raises ValueError."""
    if name.startswith("ffn") and 0 < float(name[3:]) < 1:
        return float(name[3:]), 0
    if name.startswith("depth") and int(name[5:]) > 0:
        return 0.0, int(name[5:])
    raise ValueError(name)


class Per(Study[PerSettings]):
    """The study."""

    name = "per"
    question = "How does the Performance-Efficiency Ratio go with model size, and does it change with difficulty?"
    method = (
        "Models are the one that is named, its children by pruning (ffn: that share of all feed-forward channels; depth: "
        "so many layers, those that change their input least), and others by name.",
        "Throughput is of answers to 16 prompts together, latency of one alone, medians of repeats in a row on one "
        "machine; memory is that of the weights.",
        "PER is the geometric mean of accuracy, throughput, memory and latency, each from 0 (worst of these models) to 1 "
        "(best); per low and per high are its range with any one other model left out, and no interval.",
        "per fixed has ends that hold for any models; fixed low and fixed high are what it is at the ends of the "
        "accuracy's 95 % interval over tasks, with speed as measured. Lines over size have Student's interval over "
        "models, with accuracies as they are; that of slopes among the contrasts knows how few tasks there were.",
        "Contrast: the slope of the score over log10 of the parameters on the last level, less that on the first. A "
        "budget buys k answers of each model; it is what the largest takes for its tokens.",
    )
    limits = (
        "With fewer than 8 models a fit over size describes these models, and says little of others.",
        "Pruned children are not models trained at their size: they lose more than such models would.",
        "Speed is that of this machine, batch and length; on a busy machine it is noise, and the ratio inherits it.",
        INVARIANT + ".",
    )
    references: ClassVar[Mapping[str, str]] = {
        "PER": f"{ARXIV}2603.21389", "HumanEval Pro": f"{ARXIV}2412.21199", "pass@k": f"{ARXIV}2107.03374",
        "ShortGPT": f"{ARXIV}2403.03853",
    }  # fmt: skip
    settings = PerSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {**TINY, "children": ("ffn0.25", "depth1"), "calibration_texts": 2, "speed_prompts": 2, "speed_tokens": 4,
                 "repeats": 1},
        "small": {"benchmarks": ("humaneval", "humaneval-pro"), "skip_missing": True, "nll_tasks": 64, "pass_tasks": 24,
                  "dtype": "bfloat16", "device": "cpu"},
        "gpu": {"minutes": 7,
                "benchmarks": ("humaneval", "humaneval-pro"), "skip_missing": True, "nll_tasks": 164, "pass_tasks": 164,
                "samples": 5, "temperature": 0.2, "max_new_tokens": 512, "machine": "h200"},
        "full": {"benchmarks": ("humaneval", "humaneval+", "humaneval-pro"), "nll_tasks": 164, "pass_tasks": 164,
                 "samples": 20, "temperature": 0.2, "max_new_tokens": 1024, "children": (), "machine": "h200",
                 "parameters": 7e9, "model": "Qwen/Qwen2.5-Coder-0.5B",
                 "models": ("Qwen/Qwen2.5-Coder-1.5B", "Qwen/Qwen2.5-Coder-3B", "Qwen/Qwen2.5-Coder-7B",
                            "Qwen/Qwen2.5-Coder-14B", "deepseek-ai/deepseek-coder-1.3b-base",
                            "deepseek-ai/deepseek-coder-6.7b-base", "codellama/CodeLlama-7b-hf",
                            "codellama/CodeLlama-13b-hf")},
    }  # fmt: skip

    def cells(self, settings: PerSettings) -> list[Cell]:
        """Return a cell for each model: the first, its children, and the others."""
        found = [Cell("parent", {"model": settings.model, "child": ""})]
        found += [Cell(name, {"model": settings.model, "child": name}) for name in settings.children]
        return found + [Cell(name.replace("/", "_"), {"model": name, "child": ""}) for name in settings.models]

    def run(self, lab: Lab[PerSettings], cell: Cell, seed: int) -> Found:
        """Prune a child, if it is one; measure its speed, and score it."""
        settings, folder = lab.settings, f"seed{seed}/{cell.name}"
        model, child = cell.levels["model"], cell.levels["child"]
        inputs = {"model": model, "child": child, "texts": settings.calibration_texts if child else 0}
        made = lab.stage(folder, "prepare", inputs, lambda: self._prepared(lab, model, child))
        digest = hashlib.sha256(repr((model, child, made)).encode()).hexdigest()[:16]
        @cache
        def build() -> "Loaded":
            return _cut(lab.load(model), made)

        asked = {"model": digest, "prompts": settings.speed_prompts, "tokens": settings.speed_tokens, "seed": seed,
                 "repeats": settings.repeats, "dtype": settings.dtype, "device": settings.device}  # fmt: skip
        speed = lab.aside(folder, "measure", asked, lambda: _speed(lab, build))
        scores = lab.scores(folder, digest, build)
        lengths = [{"benchmark": name, "value": round(n, 3)} for (at, name), n in lab.lengths.items() if at == folder]
        return Found(scores=scores, numbers={**made["sizes"], **(speed or {}), "answer_tokens": lengths})

    def _prepared(self, lab: Lab[PerSettings], model: str, child: str) -> dict[str, Any]:
        from toolkit.surgery import prune

        loaded, texts = lab.load(model), list[list[int]]()
        made: dict[str, Any] = {"channels": None, "layers": None}
        if child:
            share, depth = _child(child)
            texts = calibration(loaded.tokenizer, lab.settings.calibration_texts)
            if share:
                made["channels"] = prune.kept_channels(prune.channel_scores(loaded.model, "act", texts), share)
            else:
                influence = prune.block_influence(loaded.model, texts)
                if depth >= len(influence):
                    raise UsageError(f"children: {child} of a model with {len(influence)} layers leaves none")
                made["layers"] = sorted(sorted(range(len(influence)), key=lambda at: influence[at])[:depth])
        return {**made, "sizes": prune.sizes(_cut(loaded, made).model)}

    def contrasts(self, settings: PerSettings, rows: Sequence[Mapping[str, Any]] = ()) -> list[Contrast]:
        """Ask how the slope over log10 of the size differs between the last and the first level; of one level, the slope."""
        parameters = {cell.name: _guessed(settings, cell) for cell in self.cells(settings)}
        parameters |= {row["cell"]: row["numbers"]["parameters"] for row in rows}
        levels = [level for level in settings.benchmarks if not rows or any(f"nll@{level}" in row["scores"] for row in rows)]
        x = {name: math.log10(size) for name, size in parameters.items()}
        mean = fmean(x.values())
        spread = math.fsum((each - mean) ** 2 for each in x.values())
        if not (levels and spread):
            return []
        first, last = levels[0], levels[-1]
        name = "slope per tenfold size"
        asked = {f"{name} on {level}": {level: 1.0} for level in levels}
        if last != first:
            asked = {f"{name}, {last} less {first}": {last: 1.0, first: -1.0}, **asked}
        return [
            Contrast(name=name, margin=margin, named=name == next(iter(asked)), terms=tuple(
                Term(sign * (x[cell] - mean) / spread, cell, f"{measure}@{level}")
                for level, sign in signs.items() for cell in x
            ))
            for name, signs in asked.items()
            for measure, margin in (("pass", settings.margin_pass), ("nll", settings.margin_nll))
            if measure == "nll" or settings.pass_tasks
        ]  # fmt: skip

    def summary(self, settings: PerSettings, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return ratios by level, fits over size, and what a budget buys."""
        found: dict[str, Any] = {}
        fits: list[dict[str, Any]] = []
        orders, unsolved = dict[str, float](), list[str]()
        for level in settings.benchmarks:
            whole = [row for row in rows if f"pass@{level}" in row["scores"] and "tokens_per_s" in row["numbers"]]
            models = [_model(row, level) for row in whole]
            if len(models) > 1:
                found[f"Ratios on {level}"] = _ratios(models)
                found[f"At a budget on {level}"] = _budgets(models, settings)
                fits += _fits(level, models, orders)
                if not any(model["accuracy"] for model in models):
                    unsolved.append(level)
        if fits:
            found["Over log10 of the parameters"] = fits
        if unsolved:
            found["Nothing solved"] = f"on {', '.join(unsolved)}: PER is of speed and memory alone there, and none is best"
        if fits and settings.samples == 1:
            found["Budgets"] = "of one answer to each task no more than pass@1 is known, whatever k a budget buys"
        if slow := _slow(rows):
            found["Speed"] = slow
        return {**found, "What follows from how PER is made": INVARIANT}


def calibration(tokenizer: Any, n: int) -> list[list[int]]:
    """Return token ids of functions of the standard library, at most 256 of each."""
    from toolkit.federation.topics import functions

    texts = [row["text"] for row in functions()]
    step = max(1, len(texts) // n)
    return [list(tokenizer(text, verbose=False).input_ids[:256]) for text in texts[::step][:n]]


def _cut(loaded: "Loaded", made: Mapping[str, Any]) -> "Loaded":
    from toolkit.surgery import prune

    if made["channels"]:
        prune.cut_channels(loaded.model, made["channels"])
    if made["layers"]:
        prune.cut_layers(loaded.model, made["layers"])
    return loaded


def _guessed(settings: PerSettings, cell: Cell) -> float:
    """Return about how many parameters a model will have, for a plan that is made before the model is."""
    if not cell.levels["child"]:
        found = re.search(r"(\d+(?:\.\d+)?)[bB]\b", cell.name)
        return float(found[1]) * 1e9 if found else settings.parameters
    share, depth = _child(cell.levels["child"])
    return settings.parameters * (1 - 0.59 * share) * (1 - 0.026 * depth)


def _speed(lab: Lab[PerSettings], build: Callable[[], "Loaded"]) -> dict[str, Any]:
    """Measure tokens a second of a batch, and milliseconds a token of one answer alone: medians of repeats."""
    from toolkit.models.generators import Prompt, Sampling
    from toolkit.models.generators.transformers_ import TransformersGenerator

    settings, loaded = lab.settings, build()
    generator = TransformersGenerator(lab.source(), loaded)
    prompts = [Prompt(task_id=str(at), text=f"def f{at}(items):\n    ") for at in range(settings.speed_prompts)]

    def timed(some: Sequence[Prompt], tokens: int) -> tuple[int, float]:
        started, n = time.perf_counter(), 0
        for batch in generator.generate(some, Sampling(max_new_tokens=tokens)):
            n += sum(one.n_tokens for one in batch)
        return n, time.perf_counter() - started

    timed(prompts[:1], 2)
    together, alone = [], []
    for _ in range(settings.repeats):
        n, seconds = timed(prompts, settings.speed_tokens)
        together.append(n / seconds)
        n, seconds = timed(prompts[:1], settings.speed_tokens)
        alone.append(1000 * seconds / max(1, n))
    memory = sum(each.numel() * each.element_size() for each in loaded.model.parameters())
    return {"tokens_per_s": round(median(together), 3), "ms_per_token": round(median(alone), 4),
            "memory_mb": round(memory / 1e6, 3), "memory": "weights"}  # fmt: skip


def _slow(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say whether a model was slower, by over a tenth, than one with more parameters and no fewer layers: that was noise."""
    known = [row for row in rows if "ms_per_token" in row["numbers"]]
    family = [row for row in known if row["levels"]["child"] or row["cell"] == "parent"]
    family.sort(key=lambda row: float(row["numbers"]["parameters"]))
    for at, small in enumerate(family):
        for large in (row for row in family[at + 1 :] if row["seed"] == small["seed"]):
            if "depth" in large["levels"]["child"] and "depth" not in small["levels"]["child"]:
                continue  # fewer layers are faster at any size
            one, other = (row["numbers"]["ms_per_token"] for row in (small, large))
            if one > 1.1 * other:
                return (
                    f"{small['cell']} is smaller than {large['cell']} and was slower ({one:.0f} ms a token against "
                    f"{other:.0f}): differences in speed as large as this are noise here"
                )
    return ""


def _model(row: Mapping[str, Any], level: str) -> dict[str, Any]:
    passes = row["scores"][f"pass@{level}"]
    numbers = {axis: row["numbers"][axis] for axis in efficiency.AXES if axis != "accuracy"}
    (length,) = (each["value"] for each in row["numbers"]["answer_tokens"] if each["benchmark"] == level)
    return {"cell": row["cell"], "seed": row["seed"], "parameters": row["numbers"]["parameters"], **numbers,
            "accuracy": fmean(passes.values()), "passes": passes, "answer_tokens": max(1.0, length)}  # fmt: skip


def _ratios(models: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each model: both ratios, the range with another one left out, and whether none is as good on all.

    The ratio with fixed ends has an interval: what it is at the ends of the accuracy's, with speed as it was measured.
    """
    ends = [mean_interval(list(model["passes"].values()), 1.0) for model in models]
    low, high = ([{**model, "accuracy": end[at]} for model, end in zip(models, ends, strict=True)] for at in (0, 1))
    fixed, lowest, highest = (efficiency.per(each, efficiency.FIXED) for each in (models, low, high))
    ratios, best = efficiency.per(models), efficiency.pareto(models)
    between = [it or (None, None) for it in efficiency.leave_one_out(models)]
    return [
        {
            "cell": model["cell"], "seed": model["seed"], "parameters": model["parameters"], "accuracy": model["accuracy"],
            "per": ratios[at], "per_low": between[at][0], "per_high": between[at][1], "per_fixed": fixed[at],
            "fixed_low": lowest[at], "fixed_high": highest[at], "pareto": "yes" if best[at] else "no",
        }
        for at, model in enumerate(models)
    ]  # fmt: skip


def _fits(level: str, models: Sequence[Mapping[str, Any]], first: dict[str, float]) -> list[dict[str, Any]]:
    """Return what size makes of accuracy and of the ratio with fixed ends: a line each, means over seeds.

    Args:
        first: accuracies on the first level by model, which is filled there; `tau` is Kendall's with those.
    """
    from scipy.stats import kendalltau

    by_cell: dict[str, list[Mapping[str, Any]]] = {}
    for model in models:
        by_cell.setdefault(model["cell"], []).append(model)
    sizes = [fmean(model["parameters"] for model in each) for each in by_cell.values()]
    accuracy = [fmean(model["accuracy"] for model in each) for each in by_cell.values()]
    ratio = [fmean(value or 0.0 for value in efficiency.per(each, efficiency.FIXED)) for each in by_cell.values()]
    found = []
    for name, values in (("accuracy", accuracy), ("per_fixed", ratio)):
        if fit := efficiency.scaling(sizes, values):
            line = {key: fit[key] for key in ("slope", "low", "high", "r2", "n_models")}
            best = list(by_cell)[values.index(max(values))] if len(set(values)) > 1 else None
            if best is None:  # models that are all equal say nothing of how far others are from them
                line |= {"low": None, "high": None}
            found.append({"level": level, "of": name, **line, "best": best, "tau": None})
    if found and first.keys() == by_cell.keys():
        tau = float(kendalltau(list(first.values()), accuracy).statistic)
        found[0]["tau"] = None if math.isnan(tau) else round(tau, 4)
    first.update({} if first else zip(by_cell, accuracy, strict=True))
    return found


def costs(model: Mapping[str, Any], tokens: float) -> dict[str, float]:
    """Return what so many tokens take of a model: tokens, FLOPs, seconds alone, and GB.s of memory held."""
    seconds = tokens * model["ms_per_token"] / 1000
    return {"tokens": tokens, "flops": 2 * model["parameters"] * tokens, "seconds": seconds,
            "gb_s": seconds * model["memory_mb"] / 1000}  # fmt: skip


def _budgets(models: Sequence[Mapping[str, Any]], settings: PerSettings) -> list[dict[str, Any]]:
    """Return pass@k of each model in each unit, for as many answers as the largest model has of the budget in tokens."""
    largest, found = max(models, key=lambda it: it["parameters"]), []
    budget = costs(largest, float(settings.budget_tokens))
    for model in models:
        answer = costs(model, model["answer_tokens"])
        n = settings.samples
        counts = [(n, round(n * share)) for share in model["passes"].values()]
        for unit, amount in budget.items():
            k = efficiency.affordable(amount, answer[unit], 1)
            at = efficiency.at_budget(counts, k)
            found.append({"cell": model["cell"], "seed": model["seed"], "unit": unit, "budget": amount, "k": k,
                          "pass_at_k": at["value"], "of_k": at["k"], "at_least": at["at_least"]})  # fmt: skip
    return found
