"""Gates: each accepts or refuses one program, from outside the model. Knows no benchmark.

    from gates import parse
    from sandbox import DockerEngine, Sandbox

    with Sandbox(DockerEngine()) as sandbox:
        for reports in parse("compile+quality").check_many(["print(1)"], sandbox):
            print(all(report.passed for report in reports), reports)

A new gate is one file, and one line in `GATES`.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from gates.base import Finding, Gate, Report, Solution
from gates.chain import All, Memo
from gates.compile import Compile
from gates.decontaminate import Corpus, Decontaminate
from gates.duplicate import Duplicate
from gates.import_ import Import
from gates.judge import Judge
from gates.noisy import Noisy
from gates.none import Nothing
from gates.perplexity import InversePerplexity, Perplexity
from gates.quality import Quality
from gates.ranked import Scorer
from gates.repetition import Repetition
from gates.self_score import SelfScore
from gates.tests import Tests
from sandbox import BadValue
from sandbox.registry import Registry, nearest

_OWN: tuple[type[Gate], ...] = (
    Nothing, Repetition, Compile, Duplicate, Decontaminate, Import, Quality, Tests,
    Perplexity, InversePerplexity, SelfScore, Judge,
)  # fmt: skip


def _gate(name: str, thing: Any, _origin: str) -> type[Gate]:
    if not (isinstance(thing, type) and issubclass(thing, Gate)):
        raise TypeError(f"a gate is a subclass of gates.Gate, not {thing!r}")
    if getattr(thing, "name", None) != name:
        raise TypeError(f"it calls itself {getattr(thing, 'name', None)!r}")
    return thing


GATES: Registry[type[Gate]] = Registry("gate", [(gate.name, gate) for gate in _OWN], _gate)
"""Every gate by its name; `toolkit.testing.check_gate` checks that one keeps what all gates promise."""

__all__ = [
    "GATES",
    "All",
    "Corpus",
    "Finding",
    "Gate",
    "Memo",
    "Report",
    "Scorer",
    "Solution",
    "fields_of",
    "parse",
    "prefers_low",
    "thresholds_of",
]

_NUMBERS = (float, float | None, "float", "float | None")


def _classes(kind: str) -> list[type[Gate]]:
    """Return the gates that `kind` names; names of no gate are left out."""
    found = (GATES.get(part.strip().partition("~")[0]) for part in kind.split("+"))
    return [gate for gate in found if gate is not None]


def fields_of(kind: str) -> set[str]:
    """Return the field names of the gates that `kind` names: their thresholds, and what `parse` must be given for them."""
    return {field.name for gate in _classes(kind) for field in fields(gate)}


def thresholds_of(kind: str) -> set[str]:
    """Return the names of the thresholds that the gates named by `kind` have."""
    return {field.name for gate in _classes(kind) for field in fields(gate) if field.type in _NUMBERS}


def prefers_low(name: str) -> bool:
    """Return whether lower scores are better for the gate `name`, with or without noise."""
    return GATES[name.partition("~")[0]].lowest


def parse(
    kind: str,
    thresholds: Mapping[str, float] | None = None,
    *,
    all_findings: bool = False,
    memo: Memo | None = None,
    given: Mapping[str, object] | None = None,
) -> All:
    """Return the gates that `kind` names, such as `compile+quality`: all must pass, cheapest first.

    Args:
        kind: names of gates, joined by `+`. `compile~0.1` is the gate `compile` with one decision in ten flipped.
        thresholds: by name, such as `{"pylint": 8}`; each gate's class says which it has.
        all_findings: ask every gate instead of stopping at the first refusal.
        memo: keeps reports between runs.
        given: what else gates need, by field name, such as `{"corpus": Corpus(...)}`; `seed` chooses which decisions
            are flipped.

    Raises:
        BadValue: no such gate; a gate named twice; a threshold that none of them has, or that is not a number; a gate
            needs something that is not given; noise that is not a probability.
    """
    parts = [part.strip().partition("~") for part in kind.split("+")]
    names = [name for name, _, _ in parts]
    try:
        classes = {name: GATES[name] for name in names}
    except KeyError as error:
        raise BadValue(str(error)) from None
    if len(set(names)) < len(names):
        raise BadValue(f"a gate is named twice in {kind!r}")
    known = {name: [field.name for field in fields(gate) if field.type in _NUMBERS] for name, gate in classes.items()}
    asked, given = dict(thresholds or {}), given or {}
    for name in asked:
        if not any(name in each for each in known.values()):
            there = ", ".join(f"{n} ({gate})" for gate, each in known.items() for n in each) or "none at all"
            near = nearest(name, {n for each in known.values() for n in each})
            raise BadValue(f"no gate of {kind!r} has a threshold {name!r}; there are {there}{near}")
    chosen: list[Gate] = []
    for name, is_noisy, p in parts:
        values: dict[str, Any] = {n: value for n, value in asked.items() if n in known[name]}
        for field in fields(classes[name]):
            if field.name in known[name]:
                continue
            if field.name in given:
                values[field.name] = given[field.name]
            elif field.default is MISSING and field.default_factory is MISSING:
                of_type = getattr(field.type, "__name__", field.type)
                raise BadValue(f"the gate {name!r} needs a {of_type}: parse(..., given={{{field.name!r}: ...}})")
        try:
            gate = classes[name](**values)
        except ValueError as error:
            raise BadValue(str(error)) from None
        chosen.append(_noisy(gate, p, given.get("seed", 0)) if is_noisy else gate)
    return All(gates=sorted(chosen, key=lambda gate: gate.cost), all_findings=all_findings, memo=memo)


def _noisy(gate: Gate, p: str, seed: Any) -> Noisy:
    try:
        return Noisy(gate=gate, p=float(p), seed=seed)
    except ValueError:
        raise BadValue(f"{gate.name}~{p}: ~ is followed by a probability, such as {gate.name}~0.1") from None
