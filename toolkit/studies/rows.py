"""Rows with labels that studies train and calibrate on, without texts of benchmarks; and arrays in files."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import UsageError
from toolkit.federation.loop import Arrays
from toolkit.store.files import read_rows, write_rows
from toolkit.studies.lab import Lab

if TYPE_CHECKING:
    from toolkit.models.load import Loaded

TOPICS = "topics"
"""The data that needs no download: functions of the standard library, labelled by topic."""
_MOST = 256
"""Tokens of a text that channels are scored on."""


def shared_rows(
    lab: Lab[Any], data: str, label: str, limit: int, n_calibration: int
) -> tuple[list[dict[str, str]], list[str]]:
    """Return labelled rows, and texts that are kept aside for calibration. Made once, in the folder `pool`.

    Args:
        data: `TOPICS`, or a JSONL file.
        label: the column in which clients differ.
        limit: most rows; as many of each label as there are.

    Raises:
        UsageError: the data cannot be read, has no labels, or too few rows.
    """
    file = lab.settings.output / "pool" / "pool.jsonl"
    inputs = {"data": data, "label": label, "limit": limit, "calibration": n_calibration}

    def act() -> dict[str, Any]:
        every = _topics() if data == TOPICS else _labelled(Path(data), label)
        rows, like, unknown = _clean(_balanced(every, limit + n_calibration))
        return {"sha256": write_rows(file, rows), "rows": len(rows), "like_a_benchmark": like, "not_compared_with": unknown}

    lab.stage("pool", "prepare", inputs, act)
    rows = read_rows(file)
    if len(rows) <= n_calibration:
        raise UsageError(f"data: {len(rows)} rows are too few, of which the server keeps {n_calibration}")
    mine = {int(at * len(rows) / n_calibration) for at in range(n_calibration)}
    return [row for at, row in enumerate(rows) if at not in mine], [rows[at]["text"] for at in sorted(mine)]


def _topics() -> list[dict[str, str]]:
    from toolkit.federation.topics import functions

    return [{"id": row["id"], "text": row["text"], "label": row["label"]} for row in functions()]


def _labelled(file: Path, label: str) -> list[dict[str, str]]:
    from toolkit.samples.lines import Problems, lines
    from toolkit.samples.rows import Row

    problems, rows = Problems(), []
    for place, _, row in lines(file, problems):
        try:
            if not isinstance(row.get(label), str | int):
                raise ValueError(f"no label: {label} is to be a text or a whole number")
            said = Row.of(row)
            rows.append({"id": str(place), "text": (said.prompt or "") + said.text, "label": str(row[label])})
        except ValueError as error:
            problems.add(place, error)
    if problems or not rows:
        raise UsageError("\n".join([f"data: {file} cannot be used", *problems.listed()]))
    return rows


def _balanced(rows: Iterable[dict[str, str]], limit: int) -> list[dict[str, str]]:
    """Return at most `limit` rows in random order: as many of each label as of the others, as far as they go."""
    import random

    by_label: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_label.setdefault(row["label"], []).append(row)
    chance = random.Random(0)
    for each in by_label.values():
        chance.shuffle(each)
    found: list[dict[str, str]] = []
    for at in range(max(map(len, by_label.values()))):
        found += [each[at] for _, each in sorted(by_label.items()) if at < len(each)]
        if len(found) >= limit:
            break
    return found[:limit]


def _clean(rows: Sequence[dict[str, str]]) -> tuple[list[dict[str, str]], int, list[str]]:
    """Return the rows that no benchmark's text is in, how many are left out, and which benchmarks are not known here."""
    from toolkit.benchmarks.corpus import known_benchmarks

    corpus = known_benchmarks()
    kept = [row for row in rows if not corpus.has_tokens_of(row["text"])]
    return kept, len(rows) - len(kept), [line.partition(":")[0] for line in corpus.left_out]


# -- small things ------------------------------------------------------------------------------------------------------


def token_ids(loaded: "Loaded", texts: Iterable[str]) -> list[list[int]]:
    """Return the token ids of texts, of each at most 256."""
    return [list(loaded.tokenizer(text, verbose=False).input_ids[:_MOST]) for text in texts]


def hash_of(value: Any) -> str:
    """Return 16 hexadecimal digits that stand for plain data."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def arrays_hash(arrays: Arrays) -> str:
    """Return 16 hexadecimal digits that stand for arrays, by name."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape} ".encode() + arrays[name].tobytes())
    return digest.hexdigest()[:16]


def write_arrays(file: Path, arrays: Arrays) -> None:
    """Write arrays so that others see all of them or none."""
    import io

    import numpy as np

    from toolkit.store.files import write_atomically

    whole = io.BytesIO()
    np.savez(whole, **arrays)  # type: ignore[arg-type]
    write_atomically(file, whole.getvalue())


def read_arrays(file: Path) -> dict[str, Any]:
    """Return arrays of a file. Raises `UsageError` if it is gone: the stage before has to be done again."""
    import numpy as np

    try:
        with np.load(file) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError) as error:
        remedy = f"remove {file.parent} to train again"
        raise UsageError(f"{file}: these weights cannot be read ({error}); {remedy}") from None


def jaccard(kept: Sequence[Sequence[Sequence[int]]]) -> float:
    """Return the mean overlap of pairs of voters, over layers: shared channels over channels of either; 1 for one voter."""
    found = []
    for at, one in enumerate(kept):
        for other in kept[at + 1 :]:
            found += [len(set(a) & set(b)) / len(set(a) | set(b)) for a, b in zip(one, other, strict=True)]
    return round(sum(found) / len(found), 6) if found else 1.0
