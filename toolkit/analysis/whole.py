"""All that is computed about a run, as one dictionary of plain data. docs/analysis.md says what each key means.

Numbers in, numbers out: `toolkit.commands.analyze` reads the folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.analysis import alarm, collapse, confirmation, diversity, stats, stop, temporal

VERSION = 1
Key = tuple[str, int, int]
"""Regime, seed and round; `base` and round 0 of the first model."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Answers to held-out prompts, and what was decided about them.

    Attributes:
        rows: `task_id`, `accepted`, `reports` of each answer.
        ran: whether each runs; None where that was not kept.
        again: decisions drawn anew, of a gate that draws.
    """

    rows: Sequence[Mapping[str, Any]]
    ran: Sequence[bool] | None = None
    again: Sequence[bool] | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a folder of `rounds`, or (without ledgers) a run folder of `eval`, says.

    Attributes:
        about: `kind`, `folder`, `date`, `model`, `settings`.
        ledgers: rows of `summary.json`.
        verdicts: see `toolkit.analysis.seeds`; of a run of `eval`, with the regime `base`.
        probes: of each round that has them.
        programs: of each round, the programs written (`candidates`) and learnt (`trained`).
        human: human programs, for comparison.
        prompts: hashes of the prompts that are trained on (`trained`) and that are not (`held_out`).
        dates: of tasks.
        spectra: rows with `regime`, `seed`, `round`, `layer` and what `spectra.spectrum` returns.
        overlaps: rows with `regime`, `seed`, `round` and what `overlap.summary` returns.
        behaviours: what `behaviours.table` returns.
    """

    about: Mapping[str, Any]
    ledgers: Sequence[Mapping[str, Any]] = ()
    verdicts: Sequence[Mapping[str, Any]] = ()
    probes: Mapping[Key, Probe] = field(default_factory=dict)
    programs: Mapping[Key, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    human: Sequence[str] = ()
    prompts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)
    spectra: Sequence[Mapping[str, Any]] = ()
    overlaps: Sequence[Mapping[str, Any]] = ()
    behaviours: Sequence[Mapping[str, Any]] = ()


def analyze(
    run: Run, *, delta_auc: float = confirmation.AUC, delta_sd: float = confirmation.SD, day: str | None = None,
    margin: float = 0.02,
) -> dict[str, Any]:  # fmt: skip
    """Return all that can be said of a run.

    Args:
        delta_auc, delta_sd: of the verdict on self-confirmation.
        day: at which scores are split, as `2024-05-31`; None: not split.
        margin: of "no worse", as a difference of pass@1.
    """
    return {
        "version": VERSION,
        "about": dict(run.about) | {"delta_auc": delta_auc, "delta_sd": delta_sd, "day": day, "margin": margin},
        "held_out_prompts": disjoint(run.prompts),
        "confirmation": _confirmation(run, delta_auc, delta_sd),
        "rubber_stamps": alarm.rubber_stamps(run.ledgers, run.verdicts) if run.ledgers else [],
        "stop": _stops(run),
        "collapse": collapse.table(run.verdicts),
        "comparisons": collapse.comparisons(run.verdicts, margin=margin),
        "temporal": _temporal(run, day) if day else [],
        "diversity": _diversity(run),
        "behaviours": [dict(row) for row in run.behaviours],
        "overlap": [dict(row) for row in run.overlaps],
        "spectra": [dict(row) for row in run.spectra],
    }


def disjoint(prompts: Mapping[str, Sequence[str]]) -> dict[str, Any] | None:
    """Count the prompts, by content hash, on each side; `common` has to be 0. None without prompts."""
    if not prompts:
        return None
    trained, held_out = set(prompts["trained"]), set(prompts["held_out"])
    common = sorted(trained & held_out)
    return {"trained": len(trained), "held_out": len(held_out), "common": len(common), "disjoint": not common,
            "examples": common[:5]}  # fmt: skip


def _name(key: Key) -> dict[str, Any]:
    return dict(zip(("regime", "seed", "round"), key, strict=True))


def _confirmation(run: Run, delta_auc: float, delta_sd: float) -> list[dict[str, Any]]:
    ledgers = {(row["regime"], row["seed"], row["round"]): row for row in run.ledgers}
    found = []
    for key in sorted({*run.probes, *(key for key, row in ledgers.items() if row.get("confirmation"))}):
        probe, ledger = run.probes.get(key), ledgers.get(key, {})
        if probe is not None and probe.ran is not None:
            decided = confirmation.verdict(probe.rows, probe.ran, probe.again, delta_auc=delta_auc, delta_sd=delta_sd)
        elif ledger.get("confirmation"):
            decided = dict(ledger["confirmation"])
        else:
            decided = {"verdict": "undecided", "says": "whether its answers run was not kept: made by an older version"}
        regime, seed, _ = key
        first = (ledgers.get((regime, seed, 1), {}).get("cut") or {}).get("threshold")
        now = (ledger.get("cut") or {}).get("threshold")
        found.append(_name(key) | decided | {
            "acceptance_mass": ledger.get("acceptance_mass"), "threshold": now,
            "threshold_drift": round(now - first, 6) if now is not None and first is not None else None,
            "opinion": ledger.get("opinion"), "fixed": ledger.get("fixed"),
        })  # fmt: skip
    return found


def _stops(run: Run) -> list[dict[str, Any]]:
    """Return, for each cell, what the stop rule says after each round, and where it would have stopped."""
    cells = list(dict.fromkeys((row["regime"], row["seed"]) for row in run.ledgers))
    found: list[dict[str, Any]] = []
    for regime, seed in cells:
        rows = [row for row in run.ledgers if (row["regime"], row["seed"]) == (regime, seed)]
        rounds = int(run.about.get("rounds") or max(row["round"] for row in rows))
        replayed: dict[str, Any] = {"regime": regime, "seed": seed, "stops_in": None, "says": "", "looks": []}
        for number in sorted(row["round"] for row in rows if row["round"] > 1):
            known = [row for row in rows if row["round"] <= number]
            judged = [v for v in run.verdicts if v["seed"] == seed and v["round"] <= number
                      and v["regime"] in (regime, "base")]  # fmt: skip
            at = stop.look(known, judged, rounds=rounds, cells=len(cells))
            replayed["looks"].append({"round": number, "level": at["level"], "benchmarks": at["benchmarks"]})
            if at["stops"] and replayed["stops_in"] is None:
                replayed |= {"stops_in": number, "says": at["says"]}
        found.append(replayed)
    return found


def _temporal(run: Run, day: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {**_name((row["regime"], row["seed"], row["round"])), "benchmark": row["benchmark"],
         **temporal.split({task: (n, c) for task, (c, n) in row["tasks"].items()}, run.dates, day)}
        for row in run.verdicts
    ]  # fmt: skip
    tests = [row for row in rows if "p" in row]
    for row, p in zip(tests, stats.holm([row["p"] for row in tests]), strict=True):
        ends = (row["low"], row["high"])
        row |= {"p_holm": p, "detectable": collapse.detectable(*ends, level=0.05 / len(tests)),
                "says": collapse.said(row["difference"], *ends, float(p or 0), tests=len(tests))}  # fmt: skip
    return rows


def _diversity(run: Run) -> list[dict[str, Any]]:
    """Measure all populations of a kind at the same number of tokens, and human programs at that number too."""
    found: list[dict[str, Any]] = []
    for kind in ("candidates", "trained"):
        keys = [key for key, of in run.programs.items() if of.get(kind)]
        if not keys:
            continue
        texts = [run.programs[key][kind] for key in keys] + ([run.human] if run.human else [])
        names = [_name(key) for key in keys] + ([{"regime": "human", "seed": None, "round": None}] if run.human else [])
        measured = diversity.at_equal_tokens(texts, reference=len(texts) - 1 if run.human else None)
        found += [name | {"programs": kind} | each for name, each in zip(names, measured, strict=True)]
    return found
