"""A run of rounds as one HTML file, and what its tests say in lines for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.report import figures
from toolkit.report.table import Column, plain
from toolkit.report.templates import fill

Summary = Mapping[str, Any]


def _numbers(**names: str) -> list[Column]:
    """Return columns of numbers by their paths, with `__` between the parts."""
    return [Column(tuple(path.split("__")), name, "number") for path, name in names.items()]


def _points(value: Any) -> str:
    """Return a difference of shares in points."""
    return "" if value is None else f"{100 * value:+.1f}"


def _sd(value: Any) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _power(value: Any) -> str:
    return "" if value is None else f"{value:.2f}"


def _p(value: float | None) -> str:
    return "" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _column(path: str, name: str, form: Any = plain) -> Column:
    return Column((path,), name, "number", form)


CELLS = [
    Column(("regime",), "Regime"), *_numbers(seed="Seed"), Column(("benchmark",), "Benchmark"),
    *_numbers(rounds="Rounds", first="First pass@1", last="Last pass@1", retention="Retention", area="Retention area",
              below_half_from="Below half, from round", acceptance_trend="Tau of acceptance", score_trend="Tau of pass@1",
              stopped_in="Stopped in round"),
]  # fmt: skip
"""Of the rows that `ledger.cells` returns."""
STAMPS = [
    Column(("regime",), "Regime"), Column(("benchmark",), "Benchmark"), *_numbers(seeds="Seeds"),
    _column("rise", "Acceptance, points", _points), _column("p_up", "p, rises", _p),
    _column("fall", "pass@1, points", _points), _column("p_down", "p, falls", _p), _column("p_holm", "p of both, Holm", _p),
    _column("power", "Power", _power), Column(("says",), "Rubber stamp"),
]  # fmt: skip
"""Of the rows that `alarm.rubber_stamps` returns."""
COMPARISONS = [
    Column(("benchmark",), "Benchmark"), Column(("a",), "Regime"), Column(("b",), "Against"), *_numbers(round="Round"),
    _column("difference", "Points", _points), _column("low", "from", _points), _column("high", "to", _points),
    _column("p_tasks_holm", "p over tasks, Holm", _p), _column("no_worse_tasks_holm", "p of no worse, over tasks", _p),
    *_numbers(seeds="Seeds"), _column("seed_sd", "sd of seeds, points", _sd),
    _column("p_seeds_holm", "p over seeds, Holm", _p),
    _column("p_seeds_below", "p of below, over seeds", _p), _column("no_worse_seeds_holm", "p of no worse, over seeds", _p),
    _column("power", "Power", _power),
]  # fmt: skip
"""Of the rows that `seeds.comparisons` returns."""
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


def html(summary: Summary) -> str:
    """Return the page of a run, given what its `summary.json` holds; without matplotlib it says so instead of figures.

    Of runs made before gates were told apart, it leaves out what their ledgers do not have.
    """
    from markupsafe import Markup

    settings = summary["settings"]
    rows = [last_gate(row) for row in summary["rows"]]
    drawn = figures.figures({**summary, "rows": rows}) if figures.available() else []
    model = settings["model"] or "smollm2 (the default model)"
    about = [f"{settings['rounds']} rounds of {settings['steps']} steps", f"seeds {', '.join(map(str, settings['seeds']))}",
             f"pool {settings['pool']}"]  # fmt: skip
    return fill(
        "rounds.html", model=model, date=str(summary.get("date", ""))[:10] or "date not recorded", about=about,
        output=settings["output"], one_seed=len(settings["seeds"]) == 1, waiting=summary["waiting"],
        missing="" if figures.available() else figures.MISSING, figures=[(figure, Markup(figure.svg)) for figure in drawn],
        stamps=summary.get("rubber_stamps", []), stamp_columns=STAMPS, comparisons=summary.get("comparisons", []),
        comparison_columns=COMPARISONS, cells=summary["cells"], cell_columns=CELLS,
        rows=rows, columns=columns(_named(summary)),
        gates=[row for row in rows if row.get("gates")], gate_columns=[*_WHICH, *_GATE],
        opinions=[row for row in rows if row.get("opinion")], opinion_columns=[*_WHICH, *_OPINION],
        probes=[row for row in rows if "variance" in (row.get("held_out") or {})], probe_columns=[*_WHICH, *_HELD_OUT],
        settings=[(name.replace("_", " "), ", ".join(map(str, it)) if isinstance(it, list) else it)
                  for name, it in settings.items() if it not in ("", [], None)],
    )  # fmt: skip


def _named(summary: Summary) -> list[str]:
    """Return the names of the scores, those of the settings' benchmarks first."""
    found = [name for row in summary["rows"] for name in row.get("scores", {})]
    return list(dict.fromkeys([*summary["settings"]["benchmarks"], *found]))


def told(summary: Summary, margin: float) -> str:
    """Return what the tests say, a line each."""
    lines = []
    for row in summary["comparisons"]:
        lines.append(
            f"{row['benchmark']}, {row['a']} in round {row['round']} against {row['b']}: {_points(row['difference'])} points"
            f" [{_points(row['low'])}, {_points(row['high'])}] over {row['tasks']} tasks, p {_p(row['p_tasks'])} "
            f"(Holm {_p(row['p_tasks_holm'])}), no worse than {100 * margin:g} points: p {_p(row['no_worse_tasks'])}"
        )
        if row["p_seeds"] is None:
            alike = ", which do not differ" * (row["seeds"] > 1)
            lines.append(f"  over seeds: nothing can be said with {row['seeds']}{alike}")
        else:
            lines.append(
                f"  over {row['seeds']} seeds (sd {100 * row['seed_sd']:.1f} points): p {_p(row['p_seeds'])} (Holm "
                f"{_p(row['p_seeds_holm'])}), below: p {_p(row['p_seeds_below'])}, no worse: p {_p(row['no_worse_seeds'])}; "
                f"power for a fall of 30 %: {row['power']:.2f}"
            )
    for row in summary["rubber_stamps"]:
        tested = "" if row["p"] is None else (
            f": acceptance {_points(row['rise'])} points (p {_p(row['p_up'])}), pass@1 {_points(row['fall'])} points "
            f"(p {_p(row['p_down'])}), both after Holm p {_p(row['p_holm'])}, power {row['power']:.2f}"
        )  # fmt: skip
        lines.append(f"rubber stamp, {row['regime']} on {row['benchmark']}: {row['says']}{tested}")
    return "\n".join(lines)
