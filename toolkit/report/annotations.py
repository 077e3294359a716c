"""A gate's findings where people read code: GitHub's workflow annotations and SARIF 2.1.0."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Self
from urllib.parse import quote

from gates import Finding
from toolkit.report.text import visible

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A finding, and where in the reader's files it is.

    Attributes:
        file: as it was named on the command line.
        row: line of a JSONL file, from 1; None if the file is the program itself.
    """

    file: str
    row: int | None
    gate: str
    finding: Finding

    @property
    def level(self) -> str:
        """`error` if this finding alone rejects the program, else `warning` or `note`."""
        return "error" if self.finding.decisive else "note" if self.finding.severity == "note" else "warning"

    @property
    def position(self) -> tuple[int, int]:
        """Line and column in the file, both from 1."""
        if self.row is not None:
            return self.row, 1
        return self.finding.line or 1, 1 + (self.finding.column or 0)

    @property
    def message(self) -> str:
        """The message; for a row of a JSONL file it begins with the line in the program."""
        line, column = self.finding.line, self.finding.column
        where = f"line {line}" + ("" if column is None else f", column {column + 1}") + " of the program: "
        return (where if self.row is not None and line else "") + visible(self.finding.message)


class Kept:
    """Findings kept in a temporary file, so that any number fits; iterate as often as you like."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115

    def add(self, one: Located) -> None:
        """Append a finding. Raises OSError."""
        self._file.write(json.dumps(asdict(one)) + "\n")

    def __iter__(self) -> Iterator[Located]:
        self._file.seek(0)
        for line in self._file:
            row = json.loads(line)
            yield Located(**{**row, "finding": Finding(**row["finding"])})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._file.close()


def github(findings: Iterable[Located]) -> Iterator[str]:
    """Yield one workflow command per finding.

    Source: docs.github.com, "Workflow commands for GitHub Actions"; escapes as in actions/toolkit, `command.ts`.
    """

    def data(text: object) -> str:
        return str(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    def value(text: object) -> str:
        return data(text).replace(":", "%3A").replace(",", "%2C")

    for one in findings:
        line, column = one.position
        title = f"{one.gate}: {visible(one.finding.symbol)}"
        command = one.level.replace("note", "notice")
        yield f"::{command} file={value(_path(one.file))},line={line},col={column},title={value(title)}::{data(one.message)}"


def sarif(findings: Iterable[Located]) -> Iterator[str]:
    """Yield one SARIF document in parts; iterates over `findings` twice.

    Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.
    """
    names = list(dict.fromkeys((one.gate, visible(one.finding.symbol)) for one in findings))
    rules = [{"id": f"{gate}/{symbol}", "shortDescription": {"text": f"{symbol} ({gate})"}} for gate, symbol in names]
    driver = {"name": "exogate", "version": metadata.version("exogate"), "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints"}
    head = {"$schema": SCHEMA, "version": "2.1.0"}
    yield f'{json.dumps(head)[:-1]}, "runs": [{json.dumps(run)[:-1]}, "results": ['
    index = {name: at for at, name in enumerate(names)}
    for n, one in enumerate(findings):
        at = index[one.gate, visible(one.finding.symbol)]
        line, column = one.position
        place = {
            "artifactLocation": {"uri": _uri(one.file)},
            "region": {"startLine": line, "startColumn": column},
        }
        result = {
            "ruleId": rules[at]["id"],
            "ruleIndex": at,
            "level": one.level,
            "message": {"text": one.message},
            "locations": [{"physicalLocation": place}],
        }
        yield ("," if n else "") + "\n" + json.dumps(result)
    yield "\n]}]}"


def _path(file: str) -> str:
    """Return the path relative to the working directory if it lies below it, else unchanged."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _uri(file: str) -> str:
    path = Path(_path(file))
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
