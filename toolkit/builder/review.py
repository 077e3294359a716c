"""The review queue: a row of JSON for each base task, which a person may edit, and a page to read it by."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toolkit.builder.bases import Base
from toolkit.builder.proposals import Attempt, Proposal, parsed
from toolkit.builder.values import Refused
from toolkit.errors import UsageError

QUEUE, PAGE = "review.jsonl", "review.html"


def state(attempt: Attempt | None) -> str:
    """Return `passed`, `dropped` (by a person) or `open`."""
    if attempt is None or attempt.proof.reason:
        return "dropped" if attempt and attempt.proposal and attempt.proposal.drop else "open"
    return "passed"


def row(base: Base, attempt: Attempt | None) -> dict[str, Any]:
    """Return the row of a task after its last attempt."""
    made = attempt.proposal if attempt else None
    found = {
        "number": base.number, "task_id": base.task_id, "state": state(attempt),
        "reason": attempt.proof.reason if attempt else "nothing was proposed", "how": made.how if made else "",
    }  # fmt: skip
    found |= (made or Proposal(problem="", solution="", inputs=())).row()
    found |= {"tests": attempt.proof.tests, "calls": list(attempt.proof.calls), "mutants": attempt.proof.mutants,
              "survivors": list(attempt.proof.survivors)} if attempt else {}  # fmt: skip
    return found | {"digest": made.digest if made else ""}


def edited(file: Path, bases: Mapping[int, Base]) -> dict[int, Proposal]:
    """Return what a person changed in the queue, by the number of its task; nothing if there is no file.

    Raises:
        UsageError: a row cannot be read; the message says which and why.
    """
    found: dict[int, Proposal] = {}
    try:
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None
    for at, line in enumerate(lines, 1):
        try:
            row = json.loads(line) if line.strip() else None
            if row is None:
                continue
            number, before = row["number"], row["digest"]
            proposal = parsed(row, "hand")
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            what = error if isinstance(error, Refused) else f"no row of a review queue ({type(error).__name__}: {error})"
            raise UsageError(f"{file}, line {at}: {what}") from None
        if proposal.digest != before and (proposal.problem.strip() or proposal.drop):
            if number not in bases:
                raise UsageError(f"{file}, line {at}: no base task has the number {number}")
            found[number] = proposal
    return found


def page(title: str, rows: Sequence[Mapping[str, Any]], rounds: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the page: what is open first. Texts of programs stay text."""
    from toolkit.report.templates import fill

    told = [{**each, "shown": [json.dumps(one) for one in each["inputs"]]} for each in rows]
    told.sort(key=lambda each: ("open", "dropped", "passed").index(each["state"]))
    return fill("review.html", title=title, rows=told, rounds=rounds, queue=QUEUE).encode()
