"""The programs that try to cheat or break the oracle, through `/judge`: nothing forged, nothing unscored."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine
from tests.shared.test_adversarial import CASES, DATA, ROOT, WORDS
from tests.toolkit.service.live import Server, server
from toolkit.records import Verdict

JUDGED = [case for case in CASES if case["benchmark"] != "exec"]
STEP = 1 if os.environ.get("TOOLKIT_ALL_SAMPLES") else 4
OVERRIDE = {"humaneval+": "HUMANEVAL_OVERRIDE_PATH", "mbpp+": "MBPP_OVERRIDE_PATH"}


@pytest.fixture(scope="module")
def judge(engine: DockerEngine, shared: Path) -> Iterator[Server]:
    data = {OVERRIDE[name]: str(ROOT / "data" / file) for name, file in DATA.items() if file}
    with server("--boxes", "2", "--no-cache", **data) as one:
        yield one


def test_nothing_is_forged_and_nothing_unscored(judge: Server) -> None:
    def asked(case: dict[str, Any]) -> str:
        row = {name: case[name] for name in ("benchmark", "task_id", "solution")}
        said = judge.post("/judge?wait=600", {**row, "detail": True}, timeout=600)
        while said.status_code == 504 and "busy" in said.text:  # others have the machine as well
            said = judge.post("/judge?wait=600", {**row, "detail": True}, timeout=600)
        if said.status_code != 200:
            return f"{case['id']}: {said.status_code} {said.text[:200]}"
        verdict = said.json()["status"]
        return "" if WORDS[Verdict(verdict)] & set(case["expected"]) else f"{case['id']}: {verdict}, not {case['expected']}"

    if not JUDGED:
        pytest.skip("NOT CHECKED: there are no adversarial programs")
    with ThreadPoolExecutor(2) as threads:
        wrong = [line for line in threads.map(asked, JUDGED[::STEP]) if line]
    assert wrong == []
    right = {"benchmark": "humaneval", "task_id": 53, "completion": "    return x + y\n"}
    assert judge.post("/judge?wait=600", right, timeout=600).json()["passed"], "the server goes on"
    assert judge.metric('exogate_unscored_total{reason="box"}') == 0
