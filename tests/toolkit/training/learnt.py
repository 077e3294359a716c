"""What the tests of training share."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toolkit.training.loop import TrainSettings

PROGRAMS = [f"def f{i}(x):\n    return x + {i}\n" for i in range(40)]


def rows(path: Path, items: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    return path


def small(model: str, data: Path, output: Path, **more: Any) -> TrainSettings:
    told = {"sequence": 32, "batch": 4, "steps": 12, "lr": 5e-3, "checkpoint_every": 3, "device": "cpu", **more}
    return TrainSettings(data=(data,), output=output, model=model, **told)


def changed(told: TrainSettings, **more: Any) -> TrainSettings:
    return TrainSettings(**{**{name: getattr(told, name) for name in told.model_fields_set}, **more})


def files(folder: Path) -> dict[str, str]:
    """Hashes of all that a training left, but for when and how long."""
    found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file() and p.name != "README.md"}
    row = json.loads((folder / "training.json").read_text())
    del row["seconds"]
    return found | {"training.json": json.dumps(row)}
