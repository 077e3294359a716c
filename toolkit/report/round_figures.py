"""The figures of a run of rounds, each with a sentence on what it shows and what not."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.analysis import pooled
from toolkit.report.figures import Figure, Line, paths, plot, stacked
from toolkit.report.round_tables import common_classes, last_gate
from toolkit.report.table import Column

_MAX_STACKED, _MAX_PARTS = 12, 8

_SCORE = (
    "What the model got right on tasks that it was not trained on; where intervals overlap the figure decides nothing, and "
    "one seed says nothing of other seeds."
)
_FIXED: dict[tuple[str, ...], tuple[str, str]] = {
    ("acceptance_mass",): (
        "Share accepted, of all candidates",
        "How much the gate lets through; it says nothing of whether what passes is right, and a gate that keeps a fraction "
        "shows that fraction."),
    ("raw", "strict"): (
        "Share of the candidates that run",
        "Whether what the model writes runs: it loads, and passes the pool's tests where there are some; without tests, a "
        "program that does nothing useful counts too."),
    ("texts", "distinct_3"): (
        "Distinct-3 of the candidates",
        "Share of distinct sequences of three words; it is higher for shorter or fewer texts, so compare it only between "
        "rounds of equal length."),
    ("last", "auc"): (
        "AUC of the regime's last gate, for candidates that run",
        "Whether the gate puts what runs before what does not (0.5: it does not); with few candidates that run the 95 % "
        "interval is wide, and the number alone means little."),
    ("texts", "compressed"): (
        "Compressed size of the candidates, as a share of their size",
        "Less means more of the same; long texts compress better, so compare it only between rounds of equal length."),
    ("spent", "generate_s"): (
        "Seconds that writing the candidates took",
        "On that machine, with whatever else ran there; more candidates take longer."),
    ("spent", "gate_s"): (
        "Seconds that the gate took", "On that machine; one in boxes runs every candidate, one that asks a model reads it."),
    ("held_out", "variance"): (
        "Held-out prompts: variance of the decision within a prompt",
        "0 if the gate decides alike whatever the answer is, at most 0.5; a gate that decides by chance has one too."),
    ("held_out", "agrees"): (
        "Held-out prompts: how often the accepted answer is the one that runs",
        "Of two answers to one prompt of which one runs and one is accepted; 0.5 means no knowledge of execution, and the "
        "exact interval says how sure that is."),
}  # fmt: skip
_AGAINST = (
    "A path goes from the first round to the last, the large mark; to the right and down, the gate lets more through "
    "while less is right. Means over seeds; nothing is tested."
)
_ENDS = "All seeds together; “ran” means that a program loads and passes the pool's tests where there are some."
_SPECTRA = {"effective_rank": "effective rank", "ratio": "first over second eigenvalue", "top_share": "share of the first"}
_SPECTRUM = (
    "From the covariance of the model's hidden states on the same texts in every round: concentration shows as a falling "
    "rank and a rising ratio. It says nothing of whether what the model writes is right."
)
_NEXT = {
    "nll": "loss on the next token, nats", "kl": "divergence of the next token from the first model's, nats",
    "entropy": "entropy of the next token, nats", "tail": "share of tokens that the model finds less likely than .001",
}  # fmt: skip
_TOKENS = (
    "On human programs that were held out, the same in every round. A growing tail and loss, or a falling entropy, are what "
    "collapse begins with; the divergence says how far a model has gone, not whether that is worse."
)
_OPINION = (
    "What the gate thinks of the candidates, in its own unit (for perplexity and repetition, less is better): an opinion, "
    "which may improve while they get worse."
)
_GOOD = "Share of candidates that the model calls good rather than bad, whatever the threshold; not whether they are."


def drawn(name: str, summary: Mapping[str, Any], verdicts: Sequence[Mapping[str, Any]], mark: str = "") -> dict[str, Figure]:
    """Return the figures of a run of rounds by the names of their files; captions give model, rounds, steps and n.

    Args:
        name: of the model.
        verdicts: see `pooled.trajectories`.
        mark: begins the names of the files.
    """
    settings, rows = summary["settings"], [last_gate(row) for row in summary["rows"]]
    n_seeds = len(settings["seeds"])
    about = f"{name}: {settings['rounds']} rounds of {settings['steps']} steps, {n_seeds} seed{'s' * (n_seeds > 1)}"
    trained = [row for row in rows if row["round"]]
    candidates = _extent([row.get("candidates") for row in trained], "candidates a round")
    executed = _extent([(row.get("raw") or {}).get("n") for row in trained], "candidates executed a round")
    answers = _extent([(row.get("held_out") or {}).get("answers") for row in trained], "answers a round")

    def named(row: Mapping[str, Any]) -> str:
        return str(row["regime"]) + (f" (seed {row['seed']})" if n_seeds > 1 else "")

    def line(*path: str) -> dict[str, Line]:
        found: dict[str, list[tuple[float, float, float, float]]] = {}
        for row in sorted(rows, key=lambda row: row["round"]):
            it = Column(path).value(row)
            if isinstance(it, Mapping) and "median" in it:
                it = {"value": it["median"], "low": it["q25"], "high": it["q75"]}
            if it is not None:
                y, low, high = (it["value"], it["low"], it["high"]) if isinstance(it, Mapping) else (it, it, it)
                found.setdefault(named(row), []).append((row["round"], y, low, high))
        return {**found}

    regimes, names = list(dict.fromkeys(str(row["regime"]) for row in rows)), list(dict.fromkeys(map(named, rows)))
    track = pooled.trajectories(summary["rows"], verdicts)
    mass = pooled.means(trained, "acceptance_mass")
    made: dict[str, Figure] = {}
    for benchmark in dict.fromkeys(row["benchmark"] for row in track):
        mine = [row for row in track if row["benchmark"] == benchmark]
        n = _extent([row["tasks"] or settings.get("limit") or None for row in mine], "tasks")
        scores: dict[str, list[tuple[float, float, float, float]]] = {}
        both: dict[str, list[tuple[float, float]]] = {}
        for row in mine:
            value = row["value"]
            ends = (value, value) if row["low"] is None else (row["low"], row["high"])
            scores.setdefault(str(row["regime"]), []).append((row["round"], value, *ends))
            if (at := mass.get((row["regime"], row["round"]))) is not None:
                both.setdefault(str(row["regime"]), []).append((at, value))
        words = f"pass@1 on {benchmark}, with 95 % intervals ({about}, n: {n})"
        made[f"{mark}pass-at-1-{_slug(benchmark)}"] = plot(words, scores, regimes, _SCORE)
        if both:
            made[f"{mark}acceptance-{_slug(benchmark)}"] = paths(
                f"Acceptance against correctness on {benchmark} ({about}, n: {n}, {candidates})", both, regimes, _AGAINST,
                x="share of candidates accepted", y="pass@1 after the round",
            )  # fmt: skip
    wanted = {path: (*words, {"held_out": answers, "raw": executed, "last": executed}.get(path[0], candidates))
              for path, words in _FIXED.items()}  # fmt: skip
    for gate_name, gate in {at: gate for row in rows for at, gate in (row.get("gates") or {}).items()}.items():
        if {(gate["score"] or {}).get(at, 0) for at in ("min", "median", "max")} - {0, 1}:  # else a yes or no
            caption = f"Acceptance score of {gate_name}: median, first to third quartile"
            wanted["gates", gate_name, "score"] = (caption, _OPINION, candidates)
        if gate["above_zero"] is not None:
            wanted["gates", gate_name, "above_zero"] = (f"Acceptance score of {gate_name}: share above 0", _GOOD, candidates)
    for path, (caption, says, n) in wanted.items():
        if lines := line(*path):
            made[mark + _slug("-".join(path))] = plot(f"{caption} ({about}, n: {n})", lines, names, says)
    for regime in regimes[:_MAX_STACKED]:
        ends_by: dict[int, dict[str, int]] = {}
        for each in trained:
            if str(each["regime"]) == regime and (each.get("raw") or {}).get("classes"):
                for kind, count in each["raw"]["classes"].items():
                    counts = ends_by.setdefault(each["round"], {})
                    counts[kind] = counts.get(kind, 0) + count
        if ends_by:
            kinds = common_classes([{"classes": ends} for ends in ends_by.values()])[:_MAX_PARTS]
            columns = [(str(number), _shares(ends, kinds)) for number, ends in sorted(ends_by.items())]
            caption = f"How candidates of {regime} end when they are run ({about}, n: {executed})"
            made[f"{mark}classes-{_slug(regime)}"] = stacked(caption, columns, _ENDS)
    return made


def spectra(name: str, analysis: Mapping[str, Any] | None, mark: str = "") -> dict[str, Figure]:
    """Return the figures of an analysis's `spectra`, as `drawn` does: for its last layer, means over seeds.

    Args:
        analysis: what `toolkit analyze` left, or None.
    """
    found = (analysis or {}).get("spectra")
    rows = [row for row in found if {"regime", "round", "layer"} <= set(row)] if isinstance(found, list) else []
    made: dict[str, Figure] = {}
    layers = sorted({row["layer"] for row in rows}, key=str)
    deepest = max((layer for layer in layers if isinstance(layer, int)), default=layers[-1] if layers else None)
    at = [row for row in rows if row["layer"] == deepest]
    told = [{**next_token, **{key: row.get(key) for key in ("regime", "seed", "round")}}
            for row in at if isinstance(next_token := row.get("next_token"), dict)]  # fmt: skip
    asked = [(at, key, f"Hidden states: {words}", f"layer {deepest}, ", _SPECTRUM) for key, words in _SPECTRA.items()]
    asked += [(told, key, f"Human programs: {words}", "", _TOKENS) for key, words in _NEXT.items()]
    for of, key, words, where, says in asked:
        means = pooled.means(of, key)
        lines: dict[str, Line] = {
            str(regime): [(number, value, value, value) for (its, number), value in sorted(means.items()) if its == regime]
            for regime in dict.fromkeys(regime for regime, _ in means)
        }
        if lines:
            n = len({row.get("seed") for row in at})
            caption = f"{words} ({name}, {where}n: {n} seed{'s' * (n > 1)})"
            made[f"{mark}spectra-{_slug(key)}"] = plot(caption, lines, says=says)
    return made


def _shares(counts: Mapping[str, int], kinds: Sequence[str]) -> dict[str, float]:
    total = sum(counts.values())
    found = {kind: counts.get(kind, 0) / total for kind in kinds}
    rest = sum(n for kind, n in counts.items() if kind not in kinds) / total
    return {**found, "other": rest} if rest else found


def _extent(values: Sequence[int | None], what: str) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return f"{what} not recorded"
    low, high = min(known), max(known)
    return f"{low:,} {what}" if low == high else f"{low:,} to {high:,} {what}"


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name.replace("+", "-plus")).strip("-.").lower()[:60] or "unnamed"
