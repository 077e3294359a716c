"""Samples within a page: numbers as columns, texts in packs that the page's script opens when they are asked for.

Whatever programs wrote is JSON in a block that no browser runs: `<` is escaped, or all of it is gzip in base64. The script
puts it on the page as text only.
"""

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.analysis.pairs import ERRORS, error_class
from toolkit.records import Result
from toolkit.report import words
from toolkit.report.text import visible

MAX_WHOLE = 20_000
"""Samples up to which all texts are on a page; of more, those of samples that did not pass."""
MAX_CHARS = 20_000
"""Most characters of one text."""
MAX_TEXT, MAX_PACKED = 160 << 20, 36 << 20
"""Characters of all texts together, and of the packs that they are in."""
PLAIN = 2 << 20
"""Up to so many characters all of it stands in the page as it is, so that any tool can read it."""
_COLUMNS = ("run", "task", "id", "verdict", "class", "detail", "s", "mb", "text")
_PACK, _MAX_DETAILS, _MAX_DETAIL, _MAX_FINDINGS = 100, 5000, 200, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A sample as a page shows it.

    Attributes:
        run: place of its run among those of the page.
        program, raw: what was judged, and the answer that it was taken from, if that was another text; None if not known.
        seconds, memory_mb: what it took; None if not known, or if the verdict was known without a run.
        findings: of gates: (gate, symbol, message, line or None) of each.
    """

    run: int = 0
    result: Result
    program: str | None = None
    raw: str | None = None
    seconds: float | None = None
    memory_mb: float | None = None
    findings: Sequence[tuple[str, str, str, int | None]] = ()


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a page holds of samples.

    Attributes:
        blocks: `(name, is packed, text)` of each data block; their names are `index`, `prompts` and `texts`.
        notes: what was left out, a sentence each.
        n: samples.
    """

    blocks: list[tuple[str, bool, str]]
    notes: list[str]
    n: int


@dataclass(slots=True)
class _Blocks:
    """Data blocks in both forms, of which one is used: as they are while they are small, and packed."""

    plain: list[str] = field(default_factory=list)
    packed: list[str] = field(default_factory=list)
    n_text: int = 0
    n_packed: int = 0

    def add(self, value: Any) -> None:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        self.n_text += len(text)
        if self.n_text <= PLAIN:
            self.plain.append(text.replace("<", "\\u003c"))
        else:
            self.plain.clear()
        self.packed.append(base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode())
        self.n_packed += len(self.packed[-1])

    def is_full(self, n_waiting: int) -> bool:
        """Return whether so many bytes more, of which base64 makes a third more at worst, could be too much."""
        return self.n_text + n_waiting >= MAX_TEXT or self.n_packed + 1.4 * n_waiting >= MAX_PACKED

    def blocks(self, name: str) -> list[tuple[str, bool, str]]:
        is_packed = self.n_text > PLAIN
        return [(name, is_packed, text) for text in (self.packed if is_packed else self.plain)]


def embed(
    samples: Iterable[Shown], n: int, names: Sequence[str] = ("",), prompts: Mapping[str, str] | None = None
) -> Embedded:
    """Return what a page holds of samples, in the order given; they are read once.

    Up to `MAX_WHOLE` samples all texts are kept, of more only those of samples that did not pass; from `MAX_TEXT` or
    `MAX_PACKED` on none. Verdicts are kept of all.

    Args:
        n: how many samples there are.
        names: of the runs.
        prompts: by task id; tasks need not be in it.
    """
    tasks: dict[str, int] = {}
    details: dict[str, int] = {}
    verdicts, classes = list(words.WORDS), ["", *ERRORS]
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    texts, waiting, n_waiting = _Blocks(), list[Any](), 0
    n_left_out, is_full = 0, False
    for shown in samples:
        result = shown.result
        verdict = result.verdict.value if result.verdict else "unscored"
        late = result.base == "passed" != verdict and result.verdict
        detail = visible(result.error or ("in the extra tests only: " if late else "") + result.detail)
        place = details.setdefault(detail[:_MAX_DETAIL], len(details)) if len(details) < _MAX_DETAILS else -1
        is_full = is_full or texts.is_full(n_waiting)
        kept = (n <= MAX_WHOLE or verdict != "passed") and not is_full
        n_left_out += not kept
        kind = error_class(verdict, result.detail) if result.verdict else None
        values = (
            shown.run, tasks.setdefault(result.task_id, len(tasks)), result.sample_id, verdicts.index(verdict),
            classes.index(kind or ""), place, None if shown.seconds is None else float(f"{shown.seconds:.4g}"),
            None if shown.memory_mb is None else round(shown.memory_mb, 2), int(kept),
        )  # fmt: skip
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
        if kept:
            waiting.append(_texts(shown, detail))
            n_waiting += len(str(waiting[-1]).encode())
        if len(waiting) == _PACK:
            texts.add(waiting)
            waiting, n_waiting = [], 0
    if waiting:
        texts.add(waiting)
    index, asked = _Blocks(), _Blocks()
    index.add({
        "runs": [visible(name) for name in names], "tasks": [visible(task) for task in tasks],
        "verdicts": [[name, words.WORDS[name]] for name in verdicts], "classes": classes, "details": list(details),
        "pack": _PACK, "columns": columns,
    })  # fmt: skip
    given = prompts or {}
    if any(task in given for task in tasks):
        asked.add([_cut(given[task]) if task in given else None for task in tasks])
    notes = []
    if n > MAX_WHOLE:
        notes.append(
            f"More than {MAX_WHOLE:,} samples: the page has all verdicts, but texts of samples that did not pass only."
        )
    if is_full:
        notes.append(f"Texts of {n_left_out:,} of {n:,} samples are left out, or the page would be too large to open.")
    blocks = [*index.blocks("index"), *asked.blocks("prompts"), *texts.blocks("texts")]
    return Embedded(blocks, notes, len(columns["id"]))


def _texts(shown: Shown, detail: str) -> list[Any]:
    """Return all of a sample that is text; the script reads it by place."""
    found = [[visible(str(part)) if part is not None else "" for part in each] for each in shown.findings[:_MAX_FINDINGS]]
    calls = [[name, visible(text)] for name, text in words.call(shown.result.failed)]
    return [_cut(shown.program), _cut(shown.raw), detail[:2000], calls, found]


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= MAX_CHARS:
        return None if text is None else visible(text)
    return visible(text[:MAX_CHARS]) + f"\n\n… {len(text) - MAX_CHARS:,} more characters"
