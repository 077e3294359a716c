"""Choose what is learnt from what gates judged: the best samples of each prompt, and pairs of a right and a wrong one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gates import Solution
from gates.duplicate import Duplicate
from toolkit.samples.rows import Row
from toolkit.training.data import has_ended

Form = Literal["text", "chat"]
Pairs = Literal["dpo", "kto"]
EXECUTION = ("compile", "import", "tests")
"""Gates whose refusal says that a program fails: what else is refused is no example of a wrong answer."""
ADDED_HERE = ("reports", "test")
"""Fields that rows to train on lose: tests must not be learnt, and the reports of an accepted row say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How the model was asked a task: the user's message, and how the answer begins."""

    question: str
    prefill: str = ""


@dataclass(slots=True, kw_only=True)
class OfTask:
    """The samples of one task, as gates judged them, in the order of their numbers.

    Attributes:
        accepted, refused: rows of the gate's files.
        kept: of the accepted ones, those to be learnt.
        wrong: of the refused ones, those of which execution says that they fail, whole ones first.
    """

    task_id: str
    accepted: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    kept: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[dict[str, Any]] = field(default_factory=list)

    def choose(self, keep: int, *, similarity: float, shortest_first: bool) -> int:
        """Keep at most `keep` different programs, none of them cut off; return how many different ones there were.

        Programs that fail are told apart in the same way, so that none is in two pairs.

        Args:
            similarity: programs this similar count as the same (the gate `duplicate`); at 1, those that differ only in
                comments and white space.
            shortest_first: prefer answers of fewer tokens; else those that were drawn first.
        """
        whole = [row for row in self.accepted if has_ended(row)]
        if shortest_first:
            whole.sort(key=lambda row: (row["n_tokens"], len(Row.of(row).text)))
        different = _different(whole, similarity)
        self.kept = different[:keep]
        fails = [row for row in self.refused if _refusal(row)["gate"] in EXECUTION]
        self.wrong = _different(sorted(fails, key=lambda row: not has_ended(row)), similarity)
        return len(different)

    def reasons(self) -> list[str]:
        """Return why each refused row was: the gate and what it found, such as `tests: wrong-answer`."""
        return [f"{why['gate']}: {why['symbol']}" for why in map(_refusal, self.refused)]


def _different(rows: Sequence[dict[str, Any]], similarity: float) -> list[dict[str, Any]]:
    """Return the rows whose programs are unlike those of all rows before them."""
    programs = [Solution(code=Row.of(row).program) for row in rows]
    judged = Duplicate(similarity=similarity).check_many(programs, None)  # type: ignore[arg-type]
    return [row for row, report in zip(rows, judged, strict=True) if report.passed]


def by_task(rows: Iterable[tuple[bool, dict[str, Any]]]) -> Iterator[OfTask]:
    """Group (accepted?, row) by task; the rows of a task follow one another."""
    current: OfTask | None = None
    for is_accepted, row in rows:
        if current is None or current.task_id != row["task_id"]:
            if current is not None:
                yield current
            current = OfTask(task_id=row["task_id"])
        (current.accepted if is_accepted else current.refused).append(row)
    if current is not None:
        yield current


def rows_of(task: OfTask, form: Form, asked: Asked) -> list[dict[str, Any]]:
    """Return the rows to train on.

    As `text` they are the rows that the gate accepted, which `toolkit train` learns as it judged them. As `chat` they are
    conversations (`messages`).
    """
    if form == "text":
        return [{name: value for name, value in row.items() if name not in ADDED_HERE} for row in task.kept]
    return [
        {"task_id": row["task_id"], "sample_id": row["sample_id"], "messages": [*_asks(asked), *_says(_answer(row, asked))]}
        for row in task.kept
    ]


def pairs_of(task: OfTask, kind: Pairs, form: Form, asked: Asked) -> list[dict[str, Any]]:
    """Return pairs of a kept program and one that fails (`dpo`), or each of them by itself (`kto`), as TRL reads them.

    There are as many wrong ones as kept ones, or fewer: nothing is in two pairs.
    """
    couples = list(zip(task.kept, task.wrong, strict=False))
    if kind == "kto":
        return [
            _example(row, form, asked, completion=row) | {"label": label, "verdict": _refusal(row)}
            for couple in couples for row, label in zip(couple, (True, False), strict=True)
        ]  # fmt: skip
    return [
        _example(good, form, asked, chosen=good, rejected=bad)
        | {"chosen_verdict": _refusal(good), "rejected_verdict": _refusal(bad)}
        for good, bad in couples
    ]


def _example(row: Mapping[str, Any], form: Form, asked: Asked, **answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return a prompt and the answers to it, in the form that was asked for."""
    if form == "chat":
        sides: dict[str, Any] = {name: _says(_answer(each, asked)) for name, each in answers.items()}
        return {"task_id": row["task_id"], "prompt": _asks(asked), **sides}
    said = {name: Row.of(each) for name, each in answers.items()}
    return {
        "task_id": row["task_id"], "prompt": Row.of(row).prompt or "",
        **{name: each.text + _closing(answers[name], each.prompt) for name, each in said.items()},
    }  # fmt: skip


def _asks(asked: Asked) -> list[dict[str, str]]:
    return [{"role": "user", "content": asked.question}]


def _says(answer: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": answer}]


def _answer(row: Mapping[str, Any], asked: Asked) -> str:
    """Return a whole answer: the model's own, or its program in a fenced block."""
    if isinstance(row.get("raw_response"), str):
        return str(row["raw_response"])
    said = Row.of(row)
    if said.chat and asked.prefill:
        return asked.prefill + said.text + _closing(row, asked.prefill)
    return f"```python\n{said.program.strip()}\n```"


def _closing(row: Mapping[str, Any], before: str | None) -> str:
    """Return the end of a fenced block that the prompt begins, where the answer was not cut off, as training has it."""
    return "\n```" if (before or "").rstrip().endswith("```python") and has_ended(row) else ""


def _refusal(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return which gate refused a row, and why; of an accepted one, which gates passed it.

    What a failed test asked and expected is left out: it would be learnt.
    """
    reports: Sequence[Mapping[str, Any]] = row["reports"]
    refused = next((report for report in reports if not report["passed"]), None)
    if refused is None:
        return {"passed": [report["gate"] for report in reports]}
    found = next((one for one in refused["findings"] if one["decisive"]), {"symbol": "", "message": ""})
    said = {"gate": refused["gate"], "symbol": found["symbol"]}
    return said if refused["gate"] == "tests" else said | {"message": found["message"]}
