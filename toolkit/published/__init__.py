"""Published pass@1 numbers, as data with their sources, and claims held against them.

`numbers.csv` has one number a row: model, benchmark (as in `toolkit eval`), setting, percent, and where it was printed. The
tables of papers get mixed up in print; a number here is what its own source says, also where two sources differ.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SIZE = r"\d+(?:\.\d+)?B"
VARIANTS = {"base": "Base", "instruct": "Instruct", "inst": "Instruct", "chat": "Chat", "preview": "Preview"}
_PARTS = re.compile(rf"(?P<family>.+?)(?:-(?P<size>{SIZE}))?(?:-(?P<variant>Base|Instruct|Chat|Preview))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A published number.

    Attributes:
        setting: `0-shot`, `1-shot`, `cot`, `pass@5 of 20`...; empty for the usual one.
        percent: pass@1 unless the setting says otherwise.
    """

    model: str
    benchmark: str
    setting: str
    percent: float
    source: str


@cache
def numbers() -> tuple[Number, ...]:
    """Return all published numbers, in the order of the file."""
    with (Path(__file__).parent / "numbers.csv").open(encoding="utf-8", newline="") as file:
        return tuple(Number(**{**row, "percent": float(row["percent"])}) for row in csv.DictReader(file))  # type: ignore[arg-type]


def parts_of(model: str) -> tuple[str, str | None, str | None]:
    """Return a model's family, size and variant: `Qwen2.5-Coder`, `7B`, `Base`."""
    found = _PARTS.fullmatch(model)
    assert found, model
    return found["family"], found["size"], found["variant"]


def models(family: str, size: str | None, variant: str | None) -> list[str]:
    """Return the models with published numbers that a name may mean; what it leaves out may be anything."""
    asked = (family, size, variant)
    names = dict.fromkeys(number.model for number in numbers())
    return [name for name in names if all(b is None or a == b for a, b in zip(parts_of(name), asked, strict=True))]


def of(names: Sequence[str], benchmark: str | None = None) -> list[Number]:
    """Return the numbers of models, on one benchmark or on all."""
    return [each for each in numbers() if each.model in names and benchmark in (None, each.benchmark)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoff:
    """What is published of the day after which a family of models has seen nothing.

    Attributes:
        model: the family, which a model's name contains.
        day: the first day that counts as after, as `2024-02-01`.
        says: what was said, in its source.
    """

    model: str
    day: str
    says: str
    source: str


@cache
def cutoffs() -> tuple[Cutoff, ...]:
    """Return all stated cut-offs, in the order of the file."""
    with (Path(__file__).parent / "cutoffs.csv").open(encoding="utf-8", newline="") as file:
        return tuple(Cutoff(**row) for row in csv.DictReader(file))


def cutoff(model: str) -> Cutoff | None:
    """Return the cut-off of the family that a model's name contains, whatever its case and dashes; None if none is known."""
    name = re.sub(r"[-_ ]", "", model).lower()
    found = [each for each in cutoffs() if re.sub(r"[-_ ]", "", each.model).lower() in name]
    return max(found, key=lambda each: len(each.model), default=None)
