"""Runs of a base benchmark beside runs of its Pro benchmark: what is reported, and what is refused in one line."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from toolkit.benchmarks import BENCHMARKS, Options, pro
from toolkit.benchmarks.base import file_hash
from toolkit.cli.main import app
from toolkit.commands.pairs import PairsSettings, pairs
from toolkit.errors import UsageError

BASE = "def double(x):\n    return 2 * x\n"
GOOD = BASE + "def doubles(xs):\n    return [double(x) for x in xs]\n"
ALONE = BASE + "def doubles(xs):\n    return [2 * x for x in xs]\n"
PASSED = ("passed", "")
WRONG = ("wrong_answer", "after call 0: the test raised AssertionError")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    row = {
        "raw_problem": "# Double it.\ndef double(x):\n", "raw_solution": "    return 2 * x\n",
        "new_problem": "# Double each.\ndef doubles(xs):\n", "new_solution": "    return [double(x) for x in xs]\n",
        "test_code": "assert doubles([1, 2]) == [2, 4]\n",
    }  # fmt: skip
    path = tmp_path / "pro.json"
    path.write_text(json.dumps([{"id": n, **row} for n in range(6)]))
    return path


def run(folder: Path, benchmark: str, rows: dict[str, tuple[str, str]], data_hash: str = "", programs: dict[str, str] | None = None, **more: Any) -> Path:
    """Write a run folder as `eval` does: a verdict and a detail of each sample, by task id (`/n` behind it: the n-th sample)."""
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps({"settings": {"benchmark": benchmark}, "data": {benchmark: data_hash}}))
    results = [
        {"task_id": task_id, "sample_id": 0, "verdict": verdict, "base": more.get("base", verdict), "plus": more.get("plus"), "error": None, "detail": detail}
        for task_id, (verdict, detail) in rows.items()
    ]  # fmt: skip
    samples = [{"task_id": task_id, "sample_id": 0, "solution": text} for task_id, text in (programs or {}).items()]
    for name, lines in (("results.jsonl", results), ("samples.jsonl", samples)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_the_numbers_of_mbpp_pro_are_places_among_the_tasks_of_mbpp_plus() -> None:
    numbers = [pro.base_number("mbpp-pro", n) for n in range(378)]
    assert numbers[:6] == [2, 3, 4, 6, 7, 8]
    assert numbers[-1] == 809
    assert len(set(numbers)) == 378
    assert (pro.base_number("mbpp-pro", 378), pro.base_number("humaneval-pro", 12)) == (None, 12)


def test_the_base_function_is_the_one_that_no_other_uses(tmp_path: Path, data: Path) -> None:
    rows = json.loads(data.read_text())
    rows[0] |= {"raw_problem": "def double(x):\n    return twice(x)\n\ndef twice(x):\n", "raw_solution": "    return 2 * x\n"}
    data.write_text(json.dumps(rows))
    tasks = BENCHMARKS["humaneval-pro"].load(Options(data=data)).tasks
    assert [tasks[f"HumanEvalPro/{n}"].invokes for n in (0, 1)] == ["double", "double"]


def test_runs_side_by_side(tmp_path: Path) -> None:
    base = run(tmp_path / "base", "mbpp", {f"Mbpp/{n}": PASSED if n < 7 else WRONG for n in (1, 2, 3, 4, 6, 7, 8)})
    plain = run(tmp_path / "plain", "mbpp-pro", {f"MbppPro/{n}": PASSED if n in (0, 4) else WRONG for n in range(6)})
    cot = run(tmp_path / "cot", "mbpp-pro", {f"MbppPro/{n}": PASSED if n < 4 else ("time_limit", "in call 0") for n in range(6)})
    found = pairs(PairsSettings(runs=[base, plain, cot], verdicts_only=True))
    first, second = found["pairs"]
    # solved: 2, 3, 4 and 6 of the base tasks 2, 3, 4, 6, 7, 8; of the others on top, the first and fifth, or the first four
    assert first["matrix"] == {"both": 1, "base_only": 3, "pro_only": 1, "neither": 1}
    assert second["matrix"] == {"both": 4, "base_only": 0, "pro_only": 0, "neither": 2}
    assert (first["n_tasks"], first["n_tasks_base"], first["ratio"]["value"], second["ratio"]["value"]) == (6, 7, 0.5, 1)
    assert [(row["run"], row["AssertionError"], row["Other"], row["n_failed"]) for row in found["errors"]] == [("plain", 4, 0, 4), ("cot", 0, 2, 2)]
    (delta,) = found["deltas"]
    assert (delta["run"], delta["against"], delta["tests"], delta["difference"]["value"]) == ("cot", "plain", "mbpp-pro", pytest.approx(2 / 6))
    assert (found["ladder"], found["invocation"], found["complexity"]) == (None, [], [])


def test_models_on_the_ladder(tmp_path: Path) -> None:
    folders = []
    for at, model in enumerate(("small", "large")):
        (tmp_path / model).mkdir()
        rows = {f"HumanEval/{n}": PASSED if n <= at else WRONG for n in range(3)}
        folders += [
            run(tmp_path / model / "plus", "humaneval+", rows, base="passed", plus="passed"),
            run(tmp_path / model / "pro", "humaneval-pro", {f"HumanEvalPro/{n}": PASSED if n < at else WRONG for n in range(3)}),
        ]
    found = pairs(PairsSettings(runs=folders, verdicts_only=True))
    assert [row["tests"] for row in found["pairs"]] == ["humaneval", "humaneval+"] * 2
    assert found["runs"][0]["run"] == str(folders[0])
    values = [[level["value"] for level in row["levels"].values()] for row in found["ladder"]["rows"]]
    assert values == [[1, 1 / 3, 0], [1, 2 / 3, 1 / 3]]
    agreed = {row["levels"]: row["kendall"] for row in found["ladder"]["agreement"]}
    assert agreed == {"humaneval and humaneval+": None, "humaneval and humaneval-pro": None, "humaneval+ and humaneval-pro": pytest.approx(1)}


def test_what_is_no_pair_is_refused_in_one_line(tmp_path: Path, data: Path) -> None:
    base = run(tmp_path / "base", "humaneval", {"HumanEval/0": PASSED})
    other = run(tmp_path / "pro", "humaneval-pro", {"HumanEvalPro/0": PASSED})
    apart = run(tmp_path / "apart", "humaneval-pro", {"HumanEvalPro/1": PASSED})
    odd = run(tmp_path / "odd", "humaneval-pro", {"HumanEvalPro/0": PASSED}, "other data")
    mbpp = run(tmp_path / "mbpp", "mbpp-pro", {"MbppPro/0": PASSED})
    contest = run(tmp_path / "contest", "livecodebench", {"abc": PASSED})
    strange = run(tmp_path / "strange", "mbpp-pro", {"MbppPro/378": PASSED})
    empty = run(tmp_path / "empty", "humaneval", {})
    torn = run(tmp_path / "torn", "humaneval", {"HumanEval/0": PASSED})
    (torn / "run.json").write_text("{")
    for folders, said in [
        ([base], "no run of a Pro benchmark follows"),
        ([other, base], "name the run of its base benchmark before it"),
        ([base, apart], "share no task"),
        ([base, mbpp], "no run of mbpp or mbpp+ or mbpp-sanitized"),
        ([contest, other], "is a run of livecodebench; pairs are runs of humaneval or humaneval+ with humaneval-pro and"),
        ([base, strange], "mbpp-pro has no task 'MbppPro/378'"),
        ([base, other, odd], "was judged on other data of humaneval-pro than"),
        ([empty, other], "no sample has been scored there"),
        ([torn, other], "run.json cannot be read"),
        ([tmp_path / "nothing", other], "is no run folder"),
    ]:
        with pytest.raises(UsageError) as refused:
            pairs(PairsSettings(runs=folders, verdicts_only=True))
        assert said in str(refused.value), refused.value
        assert "\n" not in str(refused.value)
    with pytest.raises(UsageError, match="was judged on other data of humaneval-pro than this: name it with --data"):
        pairs(PairsSettings(runs=[base, other], data=data))
    same = run(tmp_path / "same", "humaneval-pro", {"HumanEvalPro/0": PASSED}, file_hash(data))
    with pytest.raises(UsageError, match=r"no programs in samples.jsonl: say --verdicts-only"):
        pairs(PairsSettings(runs=[base, same], data=data))


@pytest.mark.boxes
def test_the_command_looks_at_programs_and_writes_all_it_found(tmp_path: Path, data: Path) -> None:
    base = run(tmp_path / "base", "humaneval", {f"HumanEval/{n}": PASSED for n in range(4)}, programs={f"HumanEval/{n}": BASE for n in range(4)})
    texts = (GOOD, ALONE, "def doubles(xs):\n    return 1\n", "def doubles(:")
    verdicts = (PASSED, PASSED, WRONG, ("compile_error", "SyntaxError: invalid syntax"))
    names = [f"HumanEvalPro/{n}" for n in range(4)]
    other = run(tmp_path / "pro", "humaneval-pro", dict(zip(names, verdicts, strict=True)), file_hash(data), dict(zip(names, texts, strict=True)))
    with (base / "samples.jsonl").open("a") as file:
        file.write('{"task_id": ["HumanEval/0"], "sample_id": [0], "solution": 1}\n{"task_id": "HumanEval/9", "sample_id": 0, "solution": ""}\n')
    made = tmp_path / "made"
    said = CliRunner().invoke(app, ["pairs", *map(str, (base, other, base, other)), "--data", str(data), "-o", str(made), "-p", "2"])
    assert said.exit_code == 0, said.output
    assert "pro humaneval 2 2 0 0" in " ".join(said.stdout.split())
    found = json.loads((made / "pairs.json").read_text())
    called, again = found["invocation"]
    assert called == again
    assert called["all"]["static"] == {"direct": 1, "indirect": 0, "no": 1, "undefined": 1, "unparsed": 1}
    assert called["all"]["traced"] == {"yes": 1, "no": 1, "unknown": 2}
    assert called["passed"]["traced"] == {"yes": 1, "no": 1, "unknown": 0}
    assert next((row["measure"], row["n"], row["base"], row["pro"]) for row in found["complexity"]) == ("lines", 3, 2, (4 + 4 + 2) / 3)
    with (made / "samples.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["task_id"], row["invokes"], row["traced"], row["shared_tokens"][:4]) for row in rows][:2] == [
        (names[0], "direct", "True", "1.0"), (names[1], "no", "False", "1.0")
    ]  # fmt: skip
    assert "| pro | humaneval | 2 | 2 | 0 | 0 |" in (made / "pairs.md").read_text()
    assert ">pro over humaneval<" in (made / "pairs.svg").read_text()
