"""The gate `quality` says what plain pylint and radon say, to the digit: on canonical solutions and on real samples."""

import gzip
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine, Limits, Sandbox
from sandbox.wire.environment import variable
from tests.plain_linters import different, plain

pytestmark = pytest.mark.timeout(3600)
DATA = Path(__file__).parents[3] / "shared" / "data"
SHARE = 1 if variable("ALL_SAMPLES") else 5
"""Of models' samples every fifth is compared, as pylint takes a second for each; with the variable set, all are."""


def rows(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / name, "rt") as file:
        return [json.loads(line) for line in file]


def programs() -> dict[str, list[str]]:
    """Distinct programs without pylint's pragmas, by where they come from."""
    found = {
        name: [row["prompt"] + row["canonical_solution"] for row in rows(f"{name}.jsonl.gz")]
        for name in ("HumanEvalPlus", "MbppPlus")
    }
    for path in sorted((DATA / "samples").glob("*.jsonl.gz")):
        if ".raw." not in path.name:
            texts = [row.get("solution", row.get("code")) for row in rows(f"samples/{path.name}")]
            found[path.name.removesuffix(".jsonl.gz")] = [text for text in texts if text][::SHARE]
    seen: set[str] = set()
    for name, codes in found.items():
        found[name] = [code for code in dict.fromkeys(codes) if code not in seen and not re.search("#.*pylint:", code)]
        seen |= set(found[name])
    return found


PROGRAMS = programs() if DATA.is_dir() else {}


@pytest.mark.parametrize("name", PROGRAMS or ["NOT CHECKED: no reference data"])
def test_messages_score_complexity_and_index_are_equal(engine: DockerEngine, shared: Path, name: str) -> None:
    codes = PROGRAMS[name]
    half = len(codes) // 2
    with ThreadPoolExecutor(2) as threads:
        expected = [
            one for part in threads.map(lambda c: plain(engine, c, "fork")["said"], [codes[:half], codes[half:]]) for one in part
        ]
    with Sandbox(engine, os.cpu_count() or 1) as sandbox:
        said = list(sandbox.map(lambda box, code: box.examine("lint", [code], limits=Limits(charged_s=60, cpu_s=60))[0], codes, "lint"))
    wrong = [(code, a, b) for code, a, b in zip(codes, said, expected, strict=True) if different(a, b)]
    print(f"{name}: {len(codes)} programs, {len(wrong)} different")
    assert not wrong, wrong[0]
