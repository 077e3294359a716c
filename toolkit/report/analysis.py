"""An analysis as text on a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any


def as_text(found: Mapping[str, Any]) -> str:
    """Return an analysis as lines; what there is nothing to say of is left out."""
    parts = (_confirmation, _stops, _collapse, _comparisons, _temporal, _texts, _spectra)
    lines = [line for part in parts for line in part(found)]
    return "\n".join(lines) or "nothing here can be analysed: there is one model, and no programs"


def _cell(row: Mapping[str, Any]) -> str:
    seed = f" seed {row['seed']}" if row.get("seed") is not None else ""
    number = f" round {row['round']}" if row.get("round") is not None else ""
    return f"{row['regime']}{seed}{number}"


def _between(at: Mapping[str, Any] | None, form: str = ".2f") -> str:
    def one(value: float | None) -> str:
        return "never" if value is None else format(value, form)

    return "none" if at is None else f"{one(at['value'])} [{one(at['low'])}, {one(at['high'])}]"


def _confirmation(found: Mapping[str, Any]) -> Iterator[str]:
    if both := found["held_out_prompts"]:
        yield (f"prompts: {both['trained']} trained on, {both['held_out']} held out and asked, {both['common']} in common "
               "(SHA-256 of their text)")  # fmt: skip
    for row in found["confirmation"]:
        more = f"; about {row['needed']} answers would decide" if row.get("needed") else ""
        yield f"self-confirming within delta, {_cell(row)}: {row['verdict']}: {row['says']}{more}"
        if row.get("prompts"):
            bound = row["bound"]
            theorem = "" if not bound else (
                f"; Theorem 2.6 on {bound['prompts']} prompts: distance {bound['distance']:.2f}, bound {bound['bound']:.2f} "
                f"(sharper {bound['sharper']:.2f}), violated {bound['violated']}"
            )  # fmt: skip
            yield (f"  {row['answers']} answers to {row['prompts']} prompts: accepted {_between(row['mass'])}, AUC "
                   f"{_between(row['auc'])}, excess sd {_between(row['excess_sd'])}{theorem}")  # fmt: skip


def _stops(found: Mapping[str, Any]) -> Iterator[str]:
    for row in found["rubber_stamps"]:
        yield f"rubber stamp, {row['regime']} on {row['benchmark']}: {row['says']}" + (
            f" (power {row['power']:.2f})" if row["power"] is not None else "")  # fmt: skip
    for row in found["stop"]:
        if row["stops_in"] is not None:
            yield f"--stop-on rubber-stamp, {_cell(row)}: stops after round {row['stops_in']}: {row['says']}"


def _collapse(found: Mapping[str, Any]) -> Iterator[str]:
    for row in found["collapse"]:
        name = f"{row['regime']}, {row['benchmark']}, " + (
            f"{row['seeds']} seeds" if row["seed"] is None else f"seed {row['seed']}")  # fmt: skip
        yield f"{name}: {row['says']}" if row["says"] else (
            f"{name}: retention {_between(row['retention'])}, area {_between(row['area'])}, slope "
            f"{_between(row['slope'], '+.3f')} a round, half-life {_between(row['half_life'], '.1f')} rounds; "
            f"{row['tasks']} tasks"
        )  # fmt: skip


def _comparisons(found: Mapping[str, Any]) -> Iterator[str]:
    for row in found["comparisons"]:
        yield f"{row['benchmark']}, round {row['round']}: {row['a']} and {row['b']}: {row['says']}"


def _temporal(found: Mapping[str, Any]) -> Iterator[str]:
    if stated := found["about"].get("cutoff"):
        yield f"cut-off {found['about']['day']}: {stated}"
    for row in found["temporal"]:
        name = f"{row['benchmark']}, {_cell(row)}, split at {row['day']}"
        yield f"{name}: {row['says']}" if "before" not in row else (
            f"{name}: before {_between(row['before'], '.3f')} ({row['before']['tasks']} tasks), after "
            f"{_between(row['after'], '.3f')} ({row['after']['tasks']}): {row['says']}"
        )  # fmt: skip


def _texts(found: Mapping[str, Any]) -> Iterator[str]:
    for row in found["diversity"]:
        if row["tokens"]:
            names = ("distinct_2", "entropy_2", "self_bleu", "unique_trees")
            numbers = ", ".join(f"{name} {row[name]:.3f}" for name in names if row.get(name) is not None)
            yield f"variety of {row['programs']}, {_cell(row)}: {numbers} (of {row['tokens']} tokens)"
    for row in found.get("behaviours", ()):
        if row["distinct"] is not None:
            yield (f"behaviours of {row['k']} programs of a prompt, {_cell(row)}: {row['distinct']:.2f} different ones in "
                   f"the mean ({row['prompts']} prompts, {row['loaded']} of {row['programs']} programs load)")  # fmt: skip
    for row in found["overlap"]:
        human = row["human"] or {}
        levels = ", ".join(
            f"{level} {_percent(row[level]['over'])} (people {_percent((human.get(level) or {}).get('over'))})"
            for level in ("ngram", "run", "ast")
        )
        yield f"overlap with benchmarks, {_cell(row)}: {row['n']} programs, of which reach the threshold: {levels}"


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f} %"


def _spectra(found: Mapping[str, Any]) -> Iterator[str]:
    for row in found["spectra"]:
        ratio = "infinite" if row["ratio"] is None else f"{row['ratio']:.2f}"
        if row["top_share"] is not None:
            yield (f"hidden states, {_cell(row)}, layer {row['layer']}: lambda1/lambda2 {ratio}, top share "
                   f"{row['top_share']:.3f}, effective rank {row['effective_rank']:.1f}, participation "
                   f"{row['participation']:.1f} (of {row['dim']}; {row['n']} tokens)")  # fmt: skip


def theory(found: Mapping[str, Any]) -> str:
    """Return what `toolkit analyze --theory` found as lines."""
    return "\n".join([*_theorems(found), *_phase(found["phase"]), *_simulated(found["stop"]), *_lab(found["lab"])])


def _theorems(found: Mapping[str, Any]) -> Iterator[str]:
    at = found["theorem_2_3"]
    yield (f"Theorem 2.3, in fractions, {at['tables']} tables: gated = ungated in {at['equal']} with r = kappa(x), in "
           f"{at['off_support']} where r differs off the support; they differ in {at['unequal']} where on it")  # fmt: skip
    at = found["theorem_2_6"]
    yield (f"Theorem 2.6, {at['tables']} random tables, {at['prompts']} prompts: violated {at['violated']} times (at most "
           f"{at['tightest']:.3f} of the bound), its sharper form {at['sharper_violated']} times "
           f"({at['sharper_tightest']:.3f})")  # fmt: skip
    at = found["proposition_2_1"]
    low, high = at["saturates"]["ratios"], at["diverges"]["ratios"]
    yield (f"Proposition 2.1: lambda1/lambda2 from {low[0]:.2f} to {low[-1]:.2f} of at most {at['limit']:.2f} with a floor "
           f"of lambda2; without one from {high[0]:.2f} to {high[-1]:.3g}, {at['growth']:.2f} times a round")  # fmt: skip


def _phase(at: Mapping[str, Any]) -> Iterator[str]:
    yield (f"Where a self-gate confirms itself within sd {at['delta']:g}, and what share is right after {at['rounds']} "
           f"rounds ({100 * at['first']:.0f} % at first; a number: confirmed in that round, -: not):")  # fmt: skip
    yield "truth\\coupling " + "".join(f"{b:>9.1f}" for b in at["couplings"])
    for anchor, rounds, correct in zip(at["anchors"], at["confirmed_in"], at["correct"], strict=True):
        cells = (f"{'-' if n is None else n:>3} {100 * c:>4.0f}%" for n, c in zip(rounds, correct, strict=True))
        yield f"{anchor:>14.1f} " + "".join(cells)


def _simulated(rows: Any) -> Iterator[str]:
    for row in rows:
        low, high = 100 * row["low"], 100 * row["high"]
        when = "" if row["round"] is None else f", in round {row['round']:.1f} on average"
        yield (f"--stop-on rubber-stamp, {row['rounds']} rounds, {row['tasks']} tasks, {row['candidates']} candidates, "
               f"acceptance +{100 * row['rise']:.0f} points, pass@1 -{100 * row['fall']:.0f} %: stops "
               f"{100 * row['stopped']:.1f} % of {row['runs']} [{low:.1f}, {high:.1f}]{when}")  # fmt: skip


def _lab(lab: Mapping[str, Any]) -> Iterator[str]:
    if lab["says"]:
        yield lab["says"]
    for row in lab["rows"]:
        at = row["confirmation"]
        yield (f"toy, {row['regime']}, round {row['round']}: accepted {100 * row['acceptance']:.1f} %, right "
               f"{100 * row['correct']:.1f} %, AUC {_between(at['auc'])}, excess sd {_between(at['excess_sd'])}, "
               f"self-confirming: {at['verdict']}; unique trees {row['unique_trees'] or 0:.3f}")  # fmt: skip
