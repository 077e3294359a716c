"""A run's scores in the hub's two forms: `model-index` in a model card, and entries for `.eval_results/*.yaml`.

Both are made by `huggingface_hub`'s own classes, which validate them, and read back before they are given out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.errors import UsageError, missing

DATASETS = {
    "humaneval": "openai/openai_humaneval",
    "humaneval+": "evalplus/humanevalplus",
    "mbpp": "google-research-datasets/mbpp",
    "mbpp+": "evalplus/mbppplus",
    "humaneval-pro": "CodeEval-Pro/humaneval-pro",
    "mbpp-pro": "CodeEval-Pro/mbpp-pro",
    "livecodebench": "livecodebench/code_generation_lite",
}
"""Data sets on the hub, by benchmark; of another one the user says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A pass@k of a run.

    Attributes:
        benchmark: as a score is named: without its plus for the base tests of one that has more.
        dataset: on the hub.
        k: of pass@k.
        value, low, high: the score with its 95 % interval, from 0 to 1.
        notes: how it was made, in a line.
        date: ISO 8601.
    """

    benchmark: str
    dataset: str
    k: int
    value: float
    low: float
    high: float
    notes: str
    date: str


def scores(run: Mapping[str, Any], summary: Mapping[str, Any], dataset: str | None = None) -> list[Score]:
    """Return every pass@k of a finished run.

    Args:
        run, summary: what its `run.json` and `summary.json` hold.
        dataset: on the hub, instead of the usual one.

    Raises:
        UsageError: the run has no score to publish, or nobody says where its data is on the hub.
    """
    folder = summary.get("folder", "the run")
    if summary.get("refused"):
        raise UsageError(f"{folder} has no score: {summary['refused']}")
    settings = run.get("settings") or {}
    if fewer := next((name for name in ("mini", "noextreme") if settings.get(name)), None):
        raise UsageError(f"{folder} was judged with --{fewer}: that is no score of the benchmark; judge it with all tests")
    if summary["n_unscored"] or summary.get("n_lost") or summary["n_tasks_scored"] < summary["n_tasks"]:
        scored = f"{summary['n_tasks_scored']} of {summary['n_tasks']} tasks, {summary['n_unscored']} samples are unscored"
        raise UsageError(f"{folder} scores {scored}: that is no score of the benchmark; judge all of it first")
    found = []
    for part, by_k in summary["pass_at_k"].items():
        name = str(summary["benchmark"])
        if part == "base" and (len(summary["pass_at_k"]) > 1 or settings.get("base_only")):
            name = name.removesuffix("+")
        of = dataset or DATASETS.get(name)
        if of is None:
            raise UsageError(f"{folder}: which data set of the hub has {name} is not known here; say --dataset OWNER/NAME")
        for k, score in by_k.items():
            between = f"95 % interval {score['low']:.4f} to {score['high']:.4f} over tasks"
            version = (run.get("versions") or {}).get("exogate", "version not recorded")
            limit = f", {summary['timeout_s']:g} s a call" if "timeout_s" in summary else ""
            of_what = f"{summary['n_samples']:,} samples of {summary['n_tasks']:,} tasks"
            notes = f"pass@{k}, {between}; {of_what}; exogate {version}{limit}"
            found.append(Score(
                benchmark=name, dataset=of, k=int(k), value=round(score["value"], 6), low=score["low"],
                high=score["high"], notes=notes, date=str(run.get("date", "")),
            ))  # fmt: skip
    if not found:
        raise UsageError(f"{folder} has no pass@k to publish")
    return found


def model_index(model: str, found: Sequence[Score]) -> str:
    """Return a model card's front matter with the scores. Raises UsageError: huggingface_hub is missing, or refuses."""
    hub = _hub()
    results = [
        hub.EvalResult(
            task_type="text-generation", task_name="Code generation", dataset_type=score.dataset,
            dataset_name=score.benchmark, metric_type="pass@k", metric_name=f"pass@{score.k}", metric_value=score.value,
            metric_args={"k": score.k, "low": round(score.low, 6), "high": round(score.high, 6)},
        ) for score in found
    ]  # fmt: skip
    try:
        card = hub.ModelCardData(model_name=model, eval_results=results)
        text = f"---\n{card.to_yaml()}\n---\n"
        back = hub.ModelCard(text).data
    except (ValueError, TypeError) as error:
        raise UsageError(f"the hub's own classes refuse the scores: {error}") from None
    if [each.metric_value for each in back.eval_results] != [score.value for score in found] or back.model_name != model:
        raise UsageError(f"a model card of the name {model!r} is not read back as it was written; choose a plainer --model")
    return text


def eval_results(found: Sequence[Score]) -> dict[str, str]:
    """Return the files of `.eval_results/` by name, one a benchmark, with pass@1 of each. Raises as `model_index`."""
    import yaml

    hub = _hub()
    files = {}
    for score in found:
        if score.k == 1:
            entry = hub.EvalResultEntry(
                dataset_id=score.dataset, task_id=score.benchmark, value=score.value, date=score.date or None,
                notes=score.notes,
            )
            rows = hub.eval_result_entries_to_yaml([entry])
            text = yaml.safe_dump(rows, sort_keys=False, allow_unicode=True)
            if hub.parse_eval_result_entries(yaml.safe_load(text)) != [entry]:
                raise UsageError(f"{score.benchmark}: an entry is not read back as it was written")
            files[f"{score.benchmark.replace('+', '-plus')}.yaml"] = text
    return files


def _hub() -> Any:
    try:
        import huggingface_hub
        import yaml  # noqa: F401
    except ImportError as error:
        raise UsageError(missing(error)) from None
    if not hasattr(huggingface_hub, "EvalResultEntry"):
        version = huggingface_hub.__version__
        raise UsageError(f"huggingface_hub {version} knows no entries of .eval_results: pip install -U huggingface_hub")
    return huggingface_hub
