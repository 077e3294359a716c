"""The tables of runs of rounds: which columns each has, and what its readers have to know."""

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.analysis import collapse, pooled
from toolkit.report import words
from toolkit.report.table import Column, Section, leaves, plain

Summary = Mapping[str, Any]


def _numbers(**names: str) -> list[Column]:
    """Return columns of numbers by their paths, with `__` between the parts."""
    return [Column(tuple(path.split("__")), name, "number") for path, name in names.items()]


def points(value: Any) -> str:
    """Return a difference of shares in points."""
    return "" if value is None else f"{100 * value:+.1f}"


def _sd(value: Any) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _short(says: str) -> str:
    return "differ" if says.startswith("differ") else "do not differ"


def _power(value: Any) -> str:
    return "" if value is None else f"{value:.2f}"


def p_value(value: float | None) -> str:
    """Return a p-value with 3 digits."""
    return words.p_value(value, 3)


def _column(path: str, name: str, form: Any = plain) -> Column:
    return Column((path,), name, "number", form)


CELLS = [
    Column(("regime",), "Regime"), *_numbers(seed="Seed"), Column(("benchmark",), "Benchmark"),
    *_numbers(rounds="Rounds", first="First pass@1", last="Last pass@1", retention="Retention", low="from", high="to",
              area="Retention area", below_half_from="Below half, from round", acceptance_trend="Tau of acceptance",
              score_trend="Tau of pass@1", stopped_in="Stopped in round"),
]  # fmt: skip
"""Columns of the rows that `ledger.cells` returns."""
STAMPS = [
    Column(("regime",), "Regime"), Column(("benchmark",), "Benchmark"), *_numbers(seeds="Seeds"),
    _column("rise", "Acceptance, points", points), _column("p_up", "p, rises", p_value),
    _column("fall", "pass@1, points", points), _column("p_down", "p, falls", p_value),
    _column("p_holm", "p of both, Holm", p_value), _column("power", "Power", _power), Column(("says",), "Rubber stamp"),
]  # fmt: skip
"""Columns of the rows that `alarm.rubber_stamps` returns."""
RISES = [
    Column(("regime",), "Regime"), Column(("against",), "Further than under"), *_numbers(seeds="Seeds"),
    _column("rise", "Rise, points", points), _column("low", "from", points), _column("high", "to", points),
    _column("sd", "sd of seeds, points", _sd), _column("p_above", "p of above 0", p_value),
    _column("p_above_holm", "p of above 0, Holm", p_value),
]  # fmt: skip
"""Columns of the rows that `rises.rises` returns."""
COMPARISONS = [
    Column(("benchmark",), "Benchmark"), Column(("a",), "Regime"), Column(("b",), "Against"), *_numbers(round="Round"),
    _column("difference", "Points", points), _column("low", "from", points), _column("high", "to", points),
    _column("p_tasks_holm", "p over tasks, Holm", p_value), Column(("says",), "Over tasks they", form=_short),
    _column("detectable", "80 % would find, points", _sd),
    _column("no_worse_tasks_holm", "p of no worse, over tasks", p_value),
    *_numbers(seeds="Seeds"), _column("seed_sd", "sd of seeds, points", _sd),
    _column("p_seeds_holm", "p over seeds, Holm", p_value),
    _column("p_seeds_below", "p of below, over seeds", p_value),
    _column("no_worse_seeds_holm", "p of no worse, over seeds", p_value), _column("power", "Power", _power),
]  # fmt: skip
"""Columns of the rows that `seeds.comparisons` returns, with `says`."""
_COUNTED = _numbers(
    candidates="Candidates", accepted="Accepted", acceptance_mass="Share accepted", trained_on="Trained on",
    raw__strict="Run, of candidates", accepted_runs__strict="Run, of accepted", trained_runs__strict="Run, of trained rows",
)  # fmt: skip
_GATE = [
    Column(("last", "name"), "Last gate"),
    *_numbers(last__asked="Asked", last__passed="Passed", last__score__q25="Score, first quartile",
              last__score__median="median",
              last__score__q75="third quartile", last__above_zero="Share above 0", last__auc="AUC"),
]  # fmt: skip
_OPINION = _numbers(
    opinion__first_of_first__accepted="First model, first texts",
    opinion__first_of_now__accepted="First model, today's texts",
    opinion__now_of_first__accepted="Today's model, first texts",
    opinion__now_of_now__accepted="Today's model, today's texts",
)  # fmt: skip
_HELD_OUT = _numbers(
    held_out__accepted="Accepted", held_out__ran="Run", held_out__variance="Variance within a prompt",
    held_out__variance_null="Between prompts", held_out__agrees="Picks what runs", held_out__agrees_p="p",
    probe__auc="AUC", probe__score_spread="Spread of the score",
)  # fmt: skip
_WHICH = [Column(("regime",), "Regime"), *_numbers(seed="Seed", round="Round")]


def columns(benchmarks: Sequence[str]) -> list[Column]:
    """Return the columns that a page shows of a ledger's rows; CSV has everything."""
    scores = [Column(("scores", name), f"pass@1 on {name}", "number") for name in benchmarks]
    return [*_WHICH, *scores, *_COUNTED, Column(("stopped",), "Stopped")]


def last_gate(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a ledger's row with its last gate as `last`, and on held-out prompts as `probe`: it decides for the chain."""
    probed = (row.get("held_out") or {}).get("gates") or {}
    name, gate = list((row.get("gates") or {"": {}}).items())[-1]
    return {**row, "last": {"name": name, **gate}, "probe": list(probed.values() or [{}])[-1]}


def percent(value: Any) -> str:
    """Return a share as a percentage without its sign, or nothing."""
    return "" if value is None else f"{100 * value:.1f}"


_TRAJECTORY = [
    Column(("regime",), "Regime"), Column(("benchmark",), "Benchmark"),
    *_numbers(round="Round", seeds="Seeds", tasks="Tasks"), _column("answers", "Answers"),
    _column("value", "pass@1, %", percent), _column("low", "from", percent),
    _column("high", "to", percent),
]  # fmt: skip
_CONFUSION = [
    *_WHICH,
    *_numbers(n="Executed", accepted_ran="Accepted, runs", accepted_failed="Accepted, fails", refused_ran="Refused, runs",
              refused_failed="Refused, fails"),
    _column("precision", "Of accepted, run, %", percent), _column("recall", "Of what runs, accepted, %", percent),
]  # fmt: skip
_TEXTS = _numbers(
    texts__distinct_1="Distinct-1", texts__distinct_2="Distinct-2", texts__distinct_3="Distinct-3",
    texts__compressed="Compressed to", texts__repeated_lines="Repeated lines", texts__unique="Unique texts",
    texts__characters="Characters", finished="Ended by itself",
)  # fmt: skip
_COST = _numbers(
    spent__tokens="Tokens written", tokens_each="Tokens a candidate", spent__generate_s="Seconds writing",
    spent__gate_s="Seconds in the gate",
)  # fmt: skip


def _between(value: Any) -> str:
    """Return an estimate with its interval, of which any may be None: never."""
    if not isinstance(value, Mapping) or not {"value", "low", "high"} <= set(value):
        return plain(value)
    at, low, high = ("never" if value[end] is None else f"{value[end]:.2f}" for end in ("value", "low", "high"))
    return f"{at} [{low}, {high}]"


_CONFIRMATION = [
    *_WHICH, Column(("verdict",), "Self-confirming"),
    *_numbers(prompts="Prompts", answers="Answers", needed="Answers that would decide"),
    _column("mass", "Accepted", _between), _column("auc", "AUC", _between), _column("excess_sd", "Excess sd", _between),
    _column("agrees_p", "p of decision and execution", p_value),
    *_numbers(calibration__ece="ECE", threshold_drift="Drift of the threshold", bound__distance="Distance from execution",
              bound__bound="Theorem 2.6", bound__violated="Violated"),
]  # fmt: skip
"""Of the rows that `confirmation.verdict` returns."""
_COLLAPSE = [
    Column(("regime",), "Regime"), Column(("benchmark",), "Benchmark"), *_numbers(seed="Seed", tasks="Tasks"),
    _column("retention", "Retention", _between), _column("area", "Area", _between),
    _column("slope", "Slope a round", _between), _column("half_life", "Rounds until half is lost", _between),
    Column(("says",), "Why not"),
]  # fmt: skip
"""Of the rows that `collapse.table` returns."""
_KNOWN = {
    "confirmation",
    "scores", "raw", "accepted_runs", "trained_runs", "held_out", "opinion", "texts", "mean_logprob", "spent", "gates",
    "thresholds", "refusals", "score", "last", "probe",
}  # fmt: skip
_SHOWN = {"version", "settings", "rubber_stamps"}
"""Parts of an analysis that the page has already."""
_MAX_CLASSES, _MAX_ROWS = 12, 2000
SAYS = {
    "trajectories": (
        "All seeds of a regime together; the 95 % interval is over tasks like these, for these trainings. Round 0 is the "
        "model before any training."),
    "heat": (
        "pass@1 in percent, mean over seeds; the highest of all here has the strongest colour. A regime that stopped has no "
        "later rounds."),
    "rubber-stamps": (
        "Shown if acceptance rises over the rounds and pass@1 of the last round is below the first model's: both one-sided, "
        "in directions fixed beforehand, at 5 % after Holm over regimes and benchmarks. “Not shown” does not "
        "mean “is none”: power is the chance of showing a rise of 20 points with a fall of 30 % in a run like this one. It "
        "speaks of these trainings, not of other seeds."),
    "rises": (
        "From the first to the last round that had the same threshold; rounds before a threshold was frozen do not count. "
        "Would other trainings say the same (95 % interval and one-sided p by Student's t; empty with one seed)? It says "
        "nothing of why acceptance changes."),
    "comparisons": (
        "Over tasks: would other tasks say the same of these trainings (95 % interval, sign flips)? Over seeds: would other "
        "trainings say the same of these tasks (Student's t; empty with one seed)? “Do not differ” is “not beyond chance”, "
        "never “equal”; “no worse” is at most 2 points below. All p-values but that of “below” are after Holm. Power is the "
        "chance of showing a fall of 30 % over seeds that differ as these do. toolkit rounds --compare FOLDER makes all of "
        "it again from verdicts.jsonl."),
    "cells": (
        "Retention is the last pass@1 over the first model's, with its 95 % interval over tasks; its area is 1 if nothing "
        "is lost in any round. A regime that stopped because nothing was accepted has neither. Tau is Kendall's, of a trend "
        "over the rounds; it describes and tests nothing."),
    "rounds": (
        "Share accepted is of all candidates; a candidate runs if it loads, and passes the pool's tests where there are "
        "some. Brackets are 95 % intervals."),
    "confusion": "Candidates that were executed after the gate had decided; the gate's own tests are not what decides here.",
    "classes": "How candidates end when they are run: that they ran, or what stopped them.",
    "gates": (
        "The acceptance score is the last gate's, in its own unit. AUC is the chance that a candidate that runs has a "
        "better place in the order of decisions than one that does not, with its 95 % interval: what an earlier gate "
        "refused counts as worst. It is an opinion set beside execution; it says nothing of the benchmark."),
    "opinions": (
        "Share of texts that a model accepts, by the threshold of round 1. Read across: what changes from the first to the "
        "second column is the text, from the second to the fourth the judge's opinion of the same text."),
    "held-out": (
        "Several answers to each prompt. A gate whose decision is the same whatever the answer has variance 0 within a "
        "prompt; as much as between prompts means that the prompt does not matter. “Picks what runs”: of two answers of "
        "which one runs and one is accepted, the share in which it is the same; 0.5 means no knowledge of execution (exact "
        "permutation test within prompts)."),
    "confirmation": (
        "On prompts that nothing is trained on, within delta: yes if the AUC's interval lies within .5 +- delta and the "
        "excess sd, as a number, is at most its delta; its interval is over prompts, and wide where there are few. "
        "“Undecided” is neither yes nor no. The distance is that of the law accepted from the law that runs; Theorem 2.6 "
        "bounds it."),
    "collapse": (
        "Of pass@1 over the first model's, with 95 % intervals over tasks, for these trainings; “never” is not within these "
        "rounds. A row without a seed is the mean of all."),
    "diversity": (
        "Distinct-n is the share of distinct sequences of n words, among 500 at a time; it is higher for shorter texts."),
    "cost": "Seconds as measured on that machine, with whatever else ran there.",
}  # fmt: skip


def sections(
    name: str, summary: Summary, verdicts: Sequence[Mapping[str, Any]], analysis: Summary | None
) -> dict[str, Section]:
    """Return the tables of one run of rounds by the names of their files; those without a row are left out.

    Args:
        name: of the model, which every row says as `model`.
        analysis: what `toolkit analyze` left in the folder, or None.
    """
    rows = [last_gate(row) for row in summary["rows"]]
    trained = [row for row in rows if row["round"]]
    named = list(dict.fromkeys([
        *summary["settings"].get("benchmarks", []), *(at for row in summary["rows"] for at in row.get("scores", {})),
    ]))  # fmt: skip
    which = ("regime", "seed", "round")
    confusion = [{**{at: row[at] for at in which}, **found} for row in trained if (found := pooled.confusion(row))]
    classes = [{**{at: row[at] for at in which}, "n": row["raw"]["n"], "classes": row["raw"]["classes"]}
               for row in trained if (row.get("raw") or {}).get("classes")]  # fmt: skip
    kinds = common_classes(classes)
    seconds = [{"stage": stage, "seconds": value} for stage, value in (summary.get("seconds") or {}).items()]
    track = pooled.trajectories(summary["rows"], verdicts)
    told = {key: (analysis or {})[key] for key in ("confirmation", "collapse") if _is_rows((analysis or {}).get(key))}
    confirmed = told.get("confirmation") or [
        {**{at: row[at] for at in which}, **row["confirmation"]} for row in trained if row.get("confirmation")
    ]
    found = {
        "rubber-stamps": Section("Is a gate a rubber stamp?", STAMPS, summary.get("rubber_stamps", [])),
        "rises": Section("How far acceptance rises", RISES, summary.get("rises", [])),
        "comparisons": Section("What differs, and for whom", COMPARISONS, collapse.saying(summary.get("comparisons", []))),
        "trajectories": Section("pass@1 over the rounds", _TRAJECTORY, track),
        "cells": Section("What the rounds of each cell show", CELLS, _retained(summary["cells"], verdicts)),
        "rounds": Section("Every round", columns(named), rows),
        "confusion": Section("The gate beside execution", _CONFUSION, confusion),
        "classes": Section("How candidates end when they are run", [
            *_WHICH, *_numbers(n="Executed"), *(Column(("classes", kind), kind, "number") for kind in kinds),
        ], classes),
        "gates": Section("What the gate thought, and whether it was right", [*_WHICH, *_GATE],
                         [row for row in rows if row.get("gates")]),
        "opinions": Section("Other text, or another judge?", [*_WHICH, *_OPINION],
                            [row for row in rows if row.get("opinion")]),
        "held-out": Section("Answers to prompts that are never trained on", [*_WHICH, *_HELD_OUT],
                            [row for row in rows if "variance" in (row.get("held_out") or {})]),
        "confirmation": Section("Is the gate self-confirming?", _CONFIRMATION, confirmed),
        "collapse": Section("How fast pass@1 falls", _COLLAPSE, told.get("collapse", [])),
        "diversity": Section("Diversity of the candidates", [*_WHICH, *_TEXTS],
                             [row for row in trained if row.get("texts")]),
        "cost": Section("Cost of each round", [*_WHICH, *_COST], [row for row in trained if row.get("spent")]),
        "stages": Section("Seconds of all stages", [Column(("stage",), "Stage"), *_numbers(seconds="Seconds")], seconds),
    }  # fmt: skip
    for key in dict.fromkeys(key for row in trained for key, value in row.items() if isinstance(value, Mapping)):
        if key not in _KNOWN:
            more = [{**{at: row[at] for at in which}, key: row[key]} for row in trained if row.get(key)]
            found[f"ledger-{key}".replace("_", "-")] = Section(
                _words(key), [*_WHICH, *leaves([{key: row[key]} for row in more])], more
            )
    rest = {key: value for key, value in (analysis or {}).items() if key not in ("comparisons", *told)}
    found |= {f"analysis-{at}": section for at, section in analysed(rest).items()}
    return {
        at: Section(
            section.title, [_head(column) for column in section.columns], [{"model": name, **row} for row in section.rows],
            section.says or SAYS.get(at, ""),
        ) for at, section in found.items() if section.rows
    }  # fmt: skip


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, Mapping) and "regime" in row for row in value)


def _retained(cells: Sequence[Mapping[str, Any]], verdicts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the cells, those that have a retention with its interval over tasks, where verdicts by task are known."""
    known = {(row["regime"], row["seed"], row["benchmark"]): row["retention"] or {} for row in collapse.table(verdicts)}
    return [{**cell, **{end: known.get((cell["regime"], cell["seed"], cell["benchmark"]), {}).get(end)
                        for end in ("low", "high") if cell["retention"] is not None}} for cell in cells]  # fmt: skip


def common_classes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the most frequent ways in which programs end, `ran` first."""
    totals: dict[str, int] = {"ran": 0}
    for row in rows:
        for kind, n in row["classes"].items():
            totals[kind] = totals.get(kind, 0) + n
    return ["ran", *sorted((kind for kind in totals if kind != "ran"), key=lambda kind: (-totals[kind], kind))][
        :_MAX_CLASSES
    ]


def analysed(found: Any, prefix: str = "") -> dict[str, Section]:
    """Return a table for each part of an analysis that is a list of rows, or an object of numbers and texts."""
    made: dict[str, Section] = {}
    single = []
    for key, value in found.items():
        if key in _SHOWN:
            continue
        title = f"{prefix} {key}".strip()
        place = title.replace(" ", "-").replace("_", "-").replace("/", "-")
        if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
            made[place] = Section(_words(title), [_head(column) for column in leaves(value)], value[:_MAX_ROWS])
        elif isinstance(value, Mapping) and "value" not in value:
            made |= analysed(value, title)
        elif value is not None and value != []:
            single.append({"what": key.replace("_", " "), "value": value})
    if single:
        columns_of = [Column(("what",), "What"), Column(("value",), "Value")]
        made[(prefix or "whole").replace(" ", "-").replace("_", "-").replace("/", "-")] = Section(
            _words(prefix or "In short"), columns_of, single
        )
    return made


def _words(name: str) -> str:
    text = name.replace("_", " ").replace("-", " ")
    return text[:1].upper() + text[1:]


def _head(column: Column) -> Column:
    """Return the column with a heading in words, if it has none."""
    if column.name or column.kind == "bar":
        return column
    return Column(column.path, _words(" ".join(column.path)), "number")
