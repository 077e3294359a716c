"""Numeric claims in a text or a table, held against the published numbers.

A claim is a model, a benchmark and a percentage in one paragraph, or in a row of a table. Where a table's header names
benchmarks, they are those of its columns; else each row is a paragraph, as in a table of claims. In prose a number belongs
to the benchmark that follows it, at once or after `on`, `for`, `in` or a bracket, else to the one before it; numbers joined
(`88.4 to 65.9`, `54.9 and 61.4`) belong to as many benchmarks that follow; by a slash, else to the last ones that were
named, in their order. The model is the one before, else the one behind. A size without a family (`7B-instruct`) is of the
family that was named last.
"""

import bisect
import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from toolkit.published import SIZE, VARIANTS, Number, models, numbers, of, parts_of

Status = Literal["agrees", "conflict", "misattributed", "differs", "unknown"]
TOLERANCE = 0.05 + 1e-9
"""Percentage points by which a claim may be off: half of the last printed digit."""
MAX_BYTES = 16 << 20
"""Of a text that is read."""
_BENCHMARKS = (
    (r"(?:bigcodebench|bcb)[-\s]?lite[-\s]?pro", "bigcodebench-lite-pro"),
    (r"(?:bigcodebench|bcb)[-\s]?lite", "bigcodebench-lite"),
    (r"(?:humaneval|he)[-\s]?pro\b", "humaneval-pro"),
    (r"mbpp[-\s]?pro\b", "mbpp-pro"),
    (r"humaneval(?:\+|[-\s]plus\b)", "humaneval+"),
    (r"mbpp(?:\+|[-\s]plus\b)", "mbpp+"),
    (r"humaneval", "humaneval"),
    (r"mbpp", "mbpp"),
)
_PERCENT = re.compile(r"(?<![\w.@-])(?:\d{1,3}\.\d{1,9}|\d{1,3}(?=\s?%))(?![\w.]{0,20}[A-Za-z])")
_LINK = re.compile(r"[\s%]*(?:pass@1\s*)?(?:accuracy\s*)?(?:(?:on|for|in)\s+(?:the\s+)?|\()", re.IGNORECASE)
_DIRECT = re.compile(r"[\s%]*(?:pass@1\s*)?", re.IGNORECASE)
_APART = re.compile(r"[,;.(]|\band\b", re.IGNORECASE)
_SLASH = re.compile(r"\s*%?\s*/\s*")
_JOINT = re.compile(r"\s*%?\s*(?:/|→|->|,|(?:,\s*)?and|to|vs\.?)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim, and what the published numbers say of it.

    Attributes:
        line: from 1.
        model: as it was written, completed by the family that was named last.
        status: `agrees`; `conflict`: sources differ; `misattributed`: the number is the model's, on another benchmark;
            `differs`: another number is published; `unknown`: none is.
        said: for a person.
    """

    line: int
    model: str
    benchmark: str
    percent: float
    status: Status
    said: str


@dataclass(frozen=True, slots=True)
class _Model:
    family: str
    size: str | None
    variant: str | None

    @property
    def name(self) -> str:
        return "-".join(part for part in (self.family, self.size, self.variant) if part)


@dataclass(frozen=True, slots=True)
class _Token:
    start: int
    end: int
    value: _Model | str | float


def check(text: str) -> list[Claim]:
    """Return the claims of a text, in order: prose with Markdown tables, or CSV whose first line names benchmarks."""
    found: list[Claim] = []
    header: list[list[str]] | None = None
    paragraph: list[tuple[int, str]] = []
    rows = _csv(text)
    for number, line in enumerate(text.splitlines(), 1):
        cells = rows[number - 1] if rows else _cells(line)
        if cells is None:
            header = None
            if line.strip():
                paragraph.append((number, line))
                continue
        found += _prose(paragraph)
        paragraph = []
        if cells is None or all(re.fullmatch(r":?-+:?|", cell.strip()) for cell in cells):
            continue
        if header is None or len(header) != len(cells):
            header = [_header(cell) for cell in cells]
        elif any(header):
            found += _row(number, header, cells)
        else:
            found += _prose([(number, " ; ".join(cells))])
    return list(dict.fromkeys(found + _prose(paragraph)))


# -- reading -----------------------------------------------------------------------------------------------------------


def _csv(text: str) -> list[list[str] | None] | None:
    """Return the rows of a text that is CSV, a row a line, by commas, semicolons or tabs; else None."""
    lines = text.splitlines()
    by = next((each for each in ",;\t" if lines and each in lines[0]), None)
    if by is None or _PERCENT.search(lines[0]) or not any(_header(cell) for cell in lines[0].split(by)):
        return None  # a header has no percentages
    rows: list[list[str] | None] = [next(csv.reader(io.StringIO(line), delimiter=by), None) for line in lines]
    n = len(rows[0] or [])
    return rows if n > 1 and all(row is None or len(row) == n for row in rows) else None


def _cells(line: str) -> list[str] | None:
    """Return the cells of a row of a Markdown table; None for any other line."""
    line = line.strip()
    return line[1:-1].split("|") if len(line) > 2 and line[0] == line[-1] == "|" else None


def _header(cell: str) -> list[str]:
    """Return the benchmarks that a column has numbers of: `HumanEval (+)` has two."""
    named = [str(token.value) for token in _tokens(cell, "benchmark")]
    if named and len(named) == 1 and re.search(r"\(\s*(?:\w*\+|plus)\s*\)", cell):
        named.append(f"{named[0].removesuffix('+')}+")
    return named


def _row(number: int, header: Sequence[Sequence[str]], cells: Sequence[str]) -> Iterator[Claim]:
    """Yield the claims of a table's row, whose first cell with a model's name says whose they are."""
    model = next((token.value for cell in cells for token in _tokens(cell, "model")), None)
    if not isinstance(model, _Model):
        return
    for named, cell in zip(header, cells, strict=True):
        if not named or _tokens(cell, "model"):
            continue
        percents = [float(each) for each in re.findall(r"(?<![\w.])\d{1,3}(?:\.\d+)?(?![\w.])", cell)]
        for i, percent in enumerate(percents):
            if percent <= 100:
                yield _held(number, model, named[min(i, len(named) - 1)], percent)


def _prose(paragraph: Sequence[tuple[int, str]]) -> list[Claim]:
    """Return the claims of a paragraph, which is lines with their numbers."""
    text = "\n".join(line for _, line in paragraph)
    starts = list(itertools.accumulate((len(line) + 1 for _, line in paragraph), initial=0))
    tokens = _tokens(text)
    model = next((token.value for token in tokens if isinstance(token.value, _Model)), None)
    named: dict[str, None] = {}  # in the order of their last mention
    found: list[Claim] = []
    i = 0
    while i < len(tokens) and model is not None:
        start, value = i, tokens[i].value
        i += 1
        if isinstance(value, _Model):
            model = value
        elif isinstance(value, str):
            named.pop(value, None)
            named[value] = None
        else:
            i = _joined(text, tokens, start)
            for token, benchmark in zip(tokens[start:i], _benchmarks(text, tokens, start, i, list(named)), strict=False):
                line = paragraph[bisect.bisect_right(starts, token.start) - 1][0]
                found.append(_held(line, model, benchmark, float(token.value)))  # type: ignore[arg-type]
    return found


def _joined(text: str, tokens: Sequence[_Token], start: int) -> int:
    """Return the end of the numbers from `start` on that belong together."""
    for joint in (_JOINT, _SLASH):
        end = start + 1
        while end < len(tokens) and isinstance(tokens[end].value, float) and _between(joint, text, tokens, end):
            end += 1
        if joint is _SLASH or (end > start + 1 and _behind(text, tokens, start, end)):
            return end
    return start + 1


def _between(joint: re.Pattern[str], text: str, tokens: Sequence[_Token], at: int) -> bool:
    """Return whether all that stands before a token, from the one before on, is a joint."""
    return joint.fullmatch(text[tokens[at - 1].end : tokens[at].start]) is not None


def _behind(text: str, tokens: Sequence[_Token], start: int, end: int) -> Sequence[str]:
    """Return the benchmarks that follow the numbers from `start` to `end`, one for each; else none."""
    n = end - start
    are_named = itertools.takewhile(lambda each: isinstance(each.value, str), tokens[end : end + n])
    named = [str(each.value) for each in are_named]
    if len(named) < n or _between(_LINK, text, tokens, end):
        return named if len(named) == n else ()
    before = tokens[start - 1] if start else None  # of `HumanEval 96.2 MBPP 93.9` the first has its benchmark before it
    is_free = before is None or not isinstance(before.value, str) or _APART.search(text[before.end : tokens[start].start])
    return named if is_free and _between(_DIRECT, text, tokens, end) else ()


def _benchmarks(text: str, tokens: Sequence[_Token], start: int, end: int, named: Sequence[str]) -> Sequence[str]:
    """Return the benchmarks of the numbers from `start` to `end`, which are joined; fewer if they cannot be told."""
    return _behind(text, tokens, start, end) or (named[-(end - start) :] if len(named) >= end - start else ())


def _tokens(text: str, kind: Literal["model", "benchmark", "all"] = "all") -> list[_Token]:
    """Return models, benchmarks and percentages in a text, in order. Nothing is in two of them."""
    found: list[_Token] = []
    left = text
    if kind in ("model", "all"):
        family: str | None = None
        for match in _models().finditer(text):
            family = _families().get(_plain(match["family"] or "")) or family
            if family is None:
                continue
            size = match["size"] or match["alone"]
            variant = VARIANTS.get((match["variant"] or match["variant2"] or "").lower())
            found.append(_Token(*match.span(), _Model(family, size.upper() if size else None, variant)))
        left = _models().sub(_blank, text)
    if kind in ("benchmark", "all"):
        for pattern, name in _BENCHMARKS:
            found += [_Token(*match.span(), name) for match in re.finditer(rf"(?<!\w){pattern}", left, re.IGNORECASE)]
            left = re.sub(rf"(?<!\w){pattern}", _blank, left, flags=re.IGNORECASE)
    if kind == "all":
        found += [_Token(*it.span(), float(it[0])) for it in _PERCENT.finditer(left) if float(it[0]) <= 100]
    return sorted(found, key=lambda token: token.start)


def _blank(found: re.Match[str]) -> str:
    return "\0" * len(found[0])


def _plain(text: str) -> str:
    return re.sub(r"[-_\s]", "", text).lower()


@cache
def _families() -> dict[str, str]:
    """Return the families by their names without separators, in small letters."""
    return {_plain(family): family for family in (parts_of(number.model)[0] for number in numbers())}


@cache
def _models() -> re.Pattern[str]:
    """Return what finds a model: a family with a size and a variant or without, or a size and a variant alone."""
    names = sorted(set(_families().values()), key=len, reverse=True)
    loose = "|".join(r"[-_\s]*".join(re.escape(part) for part in re.split(r"[-_\s]", name)) for name in names)
    variant = "|".join(VARIANTS)
    gap = r"[-_\s(]*"
    return re.compile(
        rf"(?<![\w.])(?:(?P<family>{loose})(?:{gap}(?P<size>{SIZE})(?!\w))?(?:{gap}(?P<variant>{variant})(?!\w))?"
        rf"|(?P<alone>{SIZE}){gap}(?P<variant2>{variant})(?!\w))",
        re.IGNORECASE,
    )


# -- judging -----------------------------------------------------------------------------------------------------------


def _held(line: int, model: _Model, benchmark: str, percent: float) -> Claim:
    """Hold a claim against what is published."""
    status, said = _verdict(model, benchmark, percent)
    return Claim(line=line, model=model.name, benchmark=benchmark, percent=percent, status=status, said=said)


@lru_cache(maxsize=4096)
def _verdict(model: _Model, benchmark: str, percent: float) -> tuple[Status, str]:
    names = models(model.family, model.size, model.variant)
    here = of(names, benchmark)
    equal = [each for each in here if abs(each.percent - percent) <= TOLERANCE]
    others = [each for each in of(names) if each.benchmark != benchmark and abs(each.percent - percent) <= TOLERANCE]
    rivals = [each for each in here for one in equal if _differ(each, one)]
    status: Status
    if rivals:
        status, said = "conflict", f"sources differ: {_listed([*equal, *rivals])}"
    elif equal:
        status, said = "agrees", _listed(equal)
    elif others:
        status = "misattributed"
        said = f"that number is {_listed(others)}" + (f"; on {benchmark} there is {_listed(here)}" if here else "")
    elif here:
        status, said = "differs", f"published is {_listed(here)}"
    else:
        status, said = "unknown", "nothing is published here of that model on that benchmark"
    return status, said


def _differ(one: Number, other: Number) -> bool:
    """Say whether two numbers are of the same thing and differ, so that their sources cannot both be right."""
    same = (one.model, one.setting, one.benchmark) == (other.model, other.setting, other.benchmark)
    return same and one.source != other.source and abs(one.percent - other.percent) > TOLERANCE


def _listed(found: Sequence[Number]) -> str:
    """Return numbers with their sources, each once, at most five."""
    each = list(dict.fromkeys(
        f"{it.percent:g} ({it.model} on {it.benchmark}{', ' * bool(it.setting)}{it.setting}; {it.source})" for it in found
    ))  # fmt: skip
    return ", ".join(each[:5]) + (f" and {len(each) - 5} more" if len(each) > 5 else "")
