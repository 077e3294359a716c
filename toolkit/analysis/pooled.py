"""Rounds over all seeds of a regime: pass@1 with its interval, and gate decisions beside execution."""

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.analysis import stats
from toolkit.analysis.seeds import BASE, shares


def trajectories(rows: Sequence[Mapping[str, Any]], verdicts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return pass@1 of each regime, benchmark and round over its seeds; the first model is round 0 of every regime.

    Args:
        rows: of all ledgers; see `ledger.cells`.
        verdicts: see `seeds`; a benchmark without any has its numbers from the ledgers.

    Returns:
        `regime`, `benchmark`, `round`, `seeds`, `tasks`, `answers`, `value`, `low`, `high`. With verdicts, a task's answers
        of all seeds count together, and the 95 % interval is over tasks like these, for these trainings. Without them
        `tasks` and `answers` are None, `value` is the mean over seeds, and there is an interval for one seed only, as its
        ledger has it.
    """
    found = []
    benchmarks = dict.fromkeys(
        [*(row["benchmark"] for row in verdicts), *(at for row in rows for at in row.get("scores", {}))]
    )
    for benchmark in benchmarks:
        of = shares(verdicts, benchmark)
        base = of.pop(BASE, {}).get(0, {})
        for regime in dict.fromkeys(row["regime"] for row in rows):
            rounds = {**({0: base} if base else {}), **of.get(regime, {})}
            for number in sorted({row["round"] for row in rows if row["regime"] == regime} | set(rounds)):
                about = {"regime": regime, "benchmark": benchmark, "round": number}
                if seeds := rounds.get(number):
                    tallies: dict[str, tuple[int, int]] = {}
                    for tasks in seeds.values():
                        for task, (passes, n) in tasks.items():
                            before = tallies.get(task, (0, 0))
                            tallies[task] = before[0] + n, before[1] + passes
                    counts = [each for each in tallies.values() if each[0]]
                    if counts:
                        n_answers = sum(n for n, _ in counts)
                        found.append({**about, "seeds": len(seeds), "tasks": len(counts), "answers": n_answers,
                                      **stats.estimate(counts)})  # fmt: skip
                    continue
                scores = [
                    row["scores"][benchmark] for row in rows
                    if row["regime"] == regime and row["round"] == number and benchmark in row.get("scores", {})
                ]  # fmt: skip
                if scores:
                    one = scores[0] if len(scores) == 1 else {}
                    mean = sum(score["value"] for score in scores) / len(scores)
                    found.append({**about, "seeds": len(scores), "tasks": None, "answers": None,
                                  "value": mean, "low": one.get("low"), "high": one.get("high")})  # fmt: skip
    return found


def confusion(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how a gate's decisions of a round stand beside execution, in candidates; None if nothing was executed.

    Returns:
        `n` candidates that were executed, of them `accepted_ran`, `accepted_failed`, `refused_ran`, `refused_failed`; the
        share that runs of those accepted (`precision`), and the share accepted of those that run (`recall`), each None where
        there is none.
    """
    raw, accepted = row.get("raw") or {}, row.get("accepted_runs") or {"n": 0, "strict": 0.0}
    if not raw.get("n"):
        return None
    ran, kept = round(raw["n"] * raw["strict"]), round(accepted["n"] * accepted["strict"])
    return {
        "n": raw["n"], "accepted_ran": kept, "accepted_failed": accepted["n"] - kept, "refused_ran": ran - kept,
        "refused_failed": raw["n"] - accepted["n"] - (ran - kept),
        "precision": kept / accepted["n"] if accepted["n"] else None, "recall": kept / ran if ran else None,
    }  # fmt: skip


def means(rows: Sequence[Mapping[str, Any]], name: str) -> dict[tuple[str, int], float]:
    """Return the mean over seeds of a number of the ledgers, by regime and round; rounds without it are left out."""
    found: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        if row.get(name) is not None:
            found.setdefault((row["regime"], row["round"]), []).append(row[name])
    return {key: sum(values) / len(values) for key, values in found.items()}
