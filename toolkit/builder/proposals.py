"""What is proposed for a base task, and what became of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from toolkit.builder.bases import Base
from toolkit.builder.values import Refused, from_json, to_json
from toolkit.store.files import texts_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A self-invoking problem.

    Attributes:
        problem, solution: they make a program, one after the other, behind that of the base task.
        inputs: the arguments of each test.
        how: what proposed it: a template's name and number of repairs, `model`, or `hand`.
        unordered: whether a list that it answers may be in any order.
        equivalent: of mutants that a person says are right as well, the line that was changed, word for word.
        drop: why a person leaves the task out; empty if it stays in.
    """

    problem: str
    solution: str
    inputs: tuple[list[Any], ...]
    how: str = "hand"
    unordered: bool = False
    equivalent: tuple[str, ...] = ()
    drop: str = ""

    def row(self) -> dict[str, Any]:
        """Return it for JSON. Raises `Refused`."""
        return {
            "new_problem": self.problem, "new_solution": self.solution, "inputs": [to_json(each) for each in self.inputs],
            "unordered": self.unordered, "equivalent": list(self.equivalent), "drop": self.drop,
        }  # fmt: skip

    @property
    def digest(self) -> str:
        """Stands for all that a person may edit."""
        return texts_hash([json.dumps(self.row())])


def parsed(row: Mapping[str, Any], how: str) -> Proposal:
    """Return the proposal of a row. Raises `Refused`, which says what is wrong with it."""
    kinds = {"new_problem": str, "new_solution": str, "inputs": list, "unordered": bool, "equivalent": list, "drop": str}
    for name, kind in kinds.items():
        if name in row and type(row[name]) is not kind:
            raise Refused(f"{name} is no {kind.__name__}")
    if lacks := [name for name in ("new_problem", "new_solution", "inputs") if name not in row]:
        raise Refused(f"no {' and no '.join(lacks)}")
    if not all(isinstance(each, list) for each in row["inputs"]):
        raise Refused("inputs is no list of lists of arguments")
    if not all(isinstance(each, str) for each in row.get("equivalent", [])):
        raise Refused("equivalent is no list of texts")
    inputs = tuple(from_json(each) for each in row["inputs"])
    problem = row["new_problem"].rstrip() + "\n"
    return Proposal(
        problem=problem, solution=row["new_solution"].rstrip() + "\n", inputs=inputs, how=how,
        unordered=row.get("unordered", False), equivalent=tuple(row.get("equivalent", ())), drop=row.get("drop", ""),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the checks found.

    Attributes:
        reason: why the proposal was refused; empty if it passed.
        repair: what would help: `inputs` (without the `bad` ones), `tests` (more of them), `order` (may be any) or "".
        bad: which inputs have no usable answer.
        tests: the asserts.
        calls: how often the solution called the base function, for each test.
        mutants, survivors: how many there were, and those that no test noticed.
    """

    reason: str = ""
    repair: str = ""
    bad: tuple[int, ...] = ()
    tests: str = ""
    calls: tuple[int, ...] = ()
    mutants: int = 0
    survivors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A proposal with its proof; `proposal` is None where there was none, and the proof's reason says why.

    `base` stands for the base task as it was then.
    """

    number: int
    base: str
    round: int
    proposal: Proposal | None
    proof: Proof = field(repr=False)

    def line(self) -> bytes:
        """Return it for the journal."""
        made = self.proposal and self.proposal.row() | {"how": self.proposal.how}
        row = {"number": self.number, "base": self.base, "round": self.round, "proposal": made, "proof": asdict(self.proof)}
        return (json.dumps(row) + "\n").encode()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Attempt":
        """Return the attempt of a line. Raises LookupError, TypeError or ValueError."""
        told: dict[str, Any] = {name: tuple(it) if isinstance(it, list) else it for name, it in row["proof"].items()}
        proof = Proof(**told)
        made = row["proposal"] and parsed(row["proposal"], row["proposal"]["how"])
        return cls(number=row["number"], base=row["base"], round=row["round"], proposal=made, proof=proof)


class Proposer(Protocol):
    """Proposes, and repairs."""

    @property
    def about(self) -> Mapping[str, Any]:
        """Plain data that identifies it."""
        ...

    def propose(self, waiting: Sequence[tuple[Base, Sequence[Attempt]]], number: int) -> list[Proposal | str | None]:
        """Return a proposal for each base after its earlier attempts; a text says why there is none, None that none is left.

        Raises:
            UsageError, InfrastructureError: as generators do.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds."""
