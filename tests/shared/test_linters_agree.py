"""The gate `quality` says what plain pylint and radon say, to the digit: on canonical solutions and on real samples."""

import gzip
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine, Limits, Sandbox, images

DATA = Path(__file__).parents[3] / "shared" / "data"


def rows(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / name, "rt") as file:
        return [json.loads(line) for line in file]


def programs() -> dict[str, list[str]]:
    """All distinct programs without pylint's pragmas, by where they come from."""
    found = {
        name: [row["prompt"] + row["canonical_solution"] for row in rows(f"{name}.jsonl.gz")]
        for name in ("HumanEvalPlus", "MbppPlus")
    }
    for path in sorted((DATA / "samples").glob("*.jsonl.gz")):
        if ".raw." not in path.name:
            texts = [row.get("solution", row.get("code")) for row in rows(f"samples/{path.name}")]
            found[path.name.removesuffix(".jsonl.gz")] = [text for text in texts if text]
    seen: set[str] = set()
    for name, codes in found.items():
        found[name] = [code for code in dict.fromkeys(codes) if code not in seen and not re.search("#.*pylint:", code)]
        seen |= set(found[name])
    return found


def plain(engine: DockerEngine, codes: list[str], way: str) -> dict[str, Any]:
    script = Path(__file__).parent.parent / "plain_linters.py"
    command = ["docker", "run", "--rm", "-i", "--network=none", "--entrypoint", "python3", images.find(engine.client, "lint")]
    done = subprocess.run(
        [*command, "-c", script.read_text(), way], input=json.dumps(codes), capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
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
        said = list(sandbox.map(lambda box, code: box.examine("lint", [code], limits=Limits(wall_s=60, cpu_s=60))[0], codes, "lint"))
    fields = ("symbol", "line", "column", "end_line", "end_column", "id", "obj", "message")
    different = []
    for code, ours, theirs in zip(codes, said, expected, strict=True):
        messages = [[m[name] for name in fields] for m in ours["messages"]]
        got = {"score": ours["score"], "messages": messages, "cc": ours["blocks"], "mi": ours["mi"]}
        if ours["error"]:  # pylint says 0 where it could read nothing
            got["score"] = ours["score"] or 0
        if got != theirs:
            different.append((got, theirs, code))
    print(f"{name}: {len(codes)} programs, {len(different)} different")
    assert not different, different[0]
