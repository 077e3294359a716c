"""A synthetic ledger of rounds: models x gates x rounds x seeds, with every candidate and verdict that its numbers come from.

    python -m tests.toolkit.report.grid FOLDER

writes folders of rounds as `toolkit rounds` leaves them, four models each with five gates, two seeds and five rounds, for
`toolkit report FOLDER/*`. Beside each round's candidates and reports, `executed.jsonl` says how each candidate ended.
"""

import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gates import Finding, Report, prefers_low
from toolkit.analysis import heldout, ledger, ranking
from toolkit.analysis.alarm import rubber_stamps
from toolkit.analysis.diversity import texts
from toolkit.analysis.seeds import comparisons
from toolkit.analysis.trend import quantiles

MODELS = ("org/small", "org/middle", "org/large", "<b>org</b>/hostile</script><script>alert(1)</script>")
GATES = ("none", "compile", "tests", "perplexity", "self-score")
ROUNDS, SEEDS, TASKS, CANDIDATES, EXECUTED, PROMPTS = 5, (0, 1), 30, 24, 20, 4
ENDS = ("SyntaxError", "NameError", "wrong-answer", "import-missing")
WORDS = "def return for in range if else x y z n total value items sorted sum len list dict print".split()


def _candidate(draw: random.Random, gate: str, number: int, i: int, quality: float) -> dict[str, Any]:
    """Return a candidate with what its gate said and how it ended; self-score accepts more each round, tests what runs."""
    end = "ran" if draw.random() < quality else draw.choice(ENDS)
    score = draw.gauss(0.0, 1.0) + (end == "ran") * (1.0 if gate == "perplexity" else 0.1 * (5 - number))
    kept = {"none": True, "compile": end != "SyntaxError", "tests": end == "ran", "perplexity": score > 0.5,
            "self-score": score > 0.9 - 0.4 * number}[gate]  # fmt: skip
    scored = gate in ("perplexity", "self-score")
    reports = [] if gate == "none" else [{
        "gate": gate, "passed": kept, "score": (-score if gate == "perplexity" else score) if scored else None,
        "findings": [] if kept else [{"symbol": "refused", "message": "m", "severity": "error", "line": None, "column": None, "decisive": True}],
        "values": {"probability": 0.5} if gate == "self-score" else {}, "versions": {},
    }]  # fmt: skip
    written = " ".join(draw.choice(WORDS[: 20 - 2 * number]) for _ in range(draw.randint(20, 40)))
    return {"task_id": f"p{i // 4}", "written": written, "n_tokens": draw.randint(20, 90), "finished": draw.random() < 0.8,
            "accepted": kept, "reports": reports, "end": end}  # fmt: skip


def _ended(rows: Sequence[dict[str, Any]]) -> list[list[Report]]:
    refused = {end: (Finding(symbol=end, message="m", decisive=True),) for end in ENDS}
    return [[Report(gate="run", passed=row["end"] == "ran", findings=refused.get(row["end"], ()))] for row in rows]


def _measured(rows: list[dict[str, Any]], probes: list[dict[str, Any]]) -> dict[str, Any]:
    seen = rows[:EXECUTED]
    accepted = [row for row in seen if row["accepted"]]
    n = sum(row["accepted"] for row in rows)
    return {
        "candidates": len(rows), "accepted": n, "acceptance_mass": round(n / len(rows), 6), "retained": n, "trained_on": n,
        "human_rows": 0, "refusals": ledger.reasons(row["reports"] for row in rows if not row["accepted"]), "thresholds": {},
        "gates": ranking.gates(rows, [row["end"] == "ran" for row in seen], prefers_low),
        "raw": ledger.classes(_ended(seen)), "accepted_runs": ledger.classes(_ended(accepted)) if accepted else None,
        "trained_runs": None, "held_out": heldout.held_out(probes, [row["end"] == "ran" for row in probes], prefers_low),
        "opinion": None, "texts": texts([row["written"] for row in rows]),
        "finished": round(sum(row["finished"] for row in rows) / len(rows), 4),
        "tokens_each": round(sum(row["n_tokens"] for row in rows) / len(rows), 1), "mean_logprob": quantiles([]),
        "spent": {"tokens": sum(row["n_tokens"] for row in rows), "generate_s": len(rows) / 4, "gate_s": len(rows) / 8},
        "stopped": None,
    }  # fmt: skip


def _write(file: Path, rows: Sequence[Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def model_folder(folder: Path, model: str, settings: dict[str, Any], gates: Sequence[str] = GATES, seeds: Sequence[int] = SEEDS) -> Path:
    """Write one model's folder and return it."""
    draw = random.Random(model)
    verdicts: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    easy = {f"HumanEval/{i}": draw.random() for i in range(TASKS)}

    def verdict(regime: str, seed: int, number: int, bar: float) -> dict[str, float]:
        tasks = {task: [int(ease > bar) if draw.random() > 0.1 else int(draw.random() < 0.5), 1] for task, ease in easy.items()}
        verdicts.append({"regime": regime, "seed": seed, "round": number, "benchmark": "humaneval", "tasks": tasks})
        low, high = ledger_interval(tasks)
        return {"value": sum(c for c, _ in tasks.values()) / len(tasks), "low": low, "high": high}

    for seed in seeds:
        first = verdict("base", seed, 0, 0.5)
        for gate in gates:
            rows.append({"regime": gate, "seed": seed, "round": 0, "scores": {"humaneval": first}})
            for number in range(1, ROUNDS + 1):
                fall = {"none": 0.08, "compile": 0.05, "tests": -0.02, "perplexity": 0.06, "self-score": 0.09}[gate]
                quality = max(0.05, 0.6 - fall * number)
                candidates = [_candidate(draw, gate, number, i, quality) for i in range(CANDIDATES)]
                probes = [_candidate(draw, gate, number, i, quality) for i in range(4 * PROMPTS)]
                place = folder / f"seed{seed}" / gate / f"round{number}"
                _write(place / "candidates-0.jsonl", [{k: row[k] for k in ("task_id", "written", "n_tokens", "finished")} for row in candidates])
                _write(place / "reports-0.jsonl", [{k: row[k] for k in ("accepted", "reports")} for row in candidates])
                _write(place / "executed.jsonl", [row["end"] for row in candidates[:EXECUTED]])
                _write(place / "held-out.jsonl", [{k: row[k] for k in ("task_id", "accepted", "reports", "end")} for row in probes])
                scores = {"humaneval": verdict(gate, seed, number, 0.5 + fall * number)}
                rows.append({"regime": gate, "seed": seed, "round": number, **_measured(candidates, probes), "scores": scores})
    given = {**settings, "model": model, "seeds": list(seeds), "regimes": list(gates), "rounds": ROUNDS, "output": "runs/grid", "limit": TASKS}
    summary = {
        "settings": given, "rows": rows, "cells": ledger.cells(rows), "rubber_stamps": rubber_stamps(rows, verdicts),
        "comparisons": comparisons(verdicts), "date": "2026-11-30T12:00:00+00:00", "seconds": {"generate": 3.0}, "waiting": [],
    }  # fmt: skip
    _write(folder / "verdicts.jsonl", verdicts)
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def ledger_interval(tasks: dict[str, list[int]]) -> tuple[float, float]:
    """Return the interval that a ledger has for one answer a task."""
    from toolkit.analysis import stats

    return stats.interval([(n, c) for c, n in tasks.values()], 1)


def grid(folder: Path, settings: dict[str, Any]) -> list[Path]:
    """Write the whole grid; return its folders, one a model."""
    return [model_folder(folder / f"model{i}", model, settings) for i, model in enumerate(MODELS)]


if __name__ == "__main__":
    of = json.loads((Path(__file__).parents[3] / "experiments" / "mbpp-cpu" / "summary.json").read_text())["settings"]
    for each in grid(Path(sys.argv[1]), of):
        print(each)
