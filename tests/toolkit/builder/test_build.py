"""Self-invoking benchmarks are built, killed and resumed, edited, and built on; what does not hold is left out, and says why."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.benchmarks.base import complaints
from toolkit.cli import main as cli
from toolkit.commands import build_pro
from toolkit.commands.build_pro import Settings, build
from toolkit.commands.validate import validate
from toolkit.models.generators import Source

FILES = ("built.jsonl", "review.jsonl", "review.html", "build.json")
BASE = {
    "prompt": 'def double(x):\n    """Return x twice."""\n', "entry_point": "double", "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(7) == 14\n    assert candidate('a') == 'aa'\n",
}  # fmt: skip
INPUTS: list[Any] = [[[]], [[1]], [[1, 2, 2]], [[5, -3, 2]]]
SUM = "    total = 0\n    for item in items:\n        total += double(item)\n    return total\n"


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def write(file: Path, made: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in made))
    return file


def answer(solution: str, inputs: list[Any] = INPUTS, problem: str = 'def more(items):\n    """Sum <script>alert(1)</script>."""', **more: Any) -> str:
    return json.dumps({"new_problem": problem, "new_solution": solution, "inputs": inputs, **more})


CASES = {
    "sum": (answer(SUM), ""),
    "fenced": (f"```json\n{answer(SUM)}\n```", ""),
    "set": (answer("    return {double(item) for item in items}\n"), ""),
    "nan": (answer("    return [double(item) / 4 for item in items] + [float('nan'), float('inf')]\n"), ""),
    "tuples": (answer("    return [double(item) for item in items[0]]\n", [[[{"$": "(1, 'b')"}]], [[{"$": "(2,)"}]], [[{"$": "()"}]]]), ""),
    "helper": (answer("    return [twice(item) for item in items]\n", problem="def twice(item):\n    return double(double(item))\n\ndef more(items):\n"), ""),
    "prose": (f"Here it is: {answer(SUM)}", "the answer is no JSON"),
    "other key": (answer(SUM, why="x"), "the answer is no JSON object with exactly"),
    "no literal": (answer(SUM, [[{"$": "open('x')"}], [[1]], [[2]]]), "is no literal"),
    "syntax": (answer("    return (\n"), "it does not parse"),
    "no call": (answer("    return 2 * sum(items)\n"), "more does not use double"),
    "no real call": (answer("    double\n    return 2 * sum(items)\n"), "its tests call double [0, 0, 0, 0] times"),
    "own base": (answer(SUM, problem="def double(x):\n    return x + x\n\ndef more(items):\n"), "it defines double again"),
    "raises": (answer("    return double(items[0]) + double(1)\n"), "on input 1: IndexError"),
    "object": (answer("    return [double, double(1)]\n"), "whose text does not read back"),
    "order": (answer("    return list({str(double(item)) for item in [*items, 8, 9, 10, 11, 12]})\n"), "it answers otherwise in another process"),
    "random": (answer("    import os\n    return [double(item) for item in [*items, 1]] + [os.urandom(4)]\n"), "its own tests refuse it"),
    "weak": (answer("    return double(sum(items)) > 100 or double(2) < 1\n"), "its tests pass"),
    "few": (answer(SUM, [[[1]], [[1]], [[2]]]), "it has fewer than 3 different inputs"),
    "exits": (answer("    import os\n    double(1)\n    os._exit(0)\n"), "it ends without an answer"),
    "loops": (answer("    while True:\n        double(1)\n"), "it ends without an answer"),
    "deep": (answer("    return double(" + "-" * 4000 + "1)\n"), "nested too deep"),
}  # fmt: skip


def planted(folder: Path, cases: dict[str, list[str]]) -> Settings:
    base = write(folder / "base.jsonl", [BASE | {"task_id": f"{name}/{at}"} for at, name in enumerate(cases)])
    said = [
        {"task_id": f"{name}/{at}" + (f" round {number}" if number > 1 else ""), "raw_response": text}
        for at, (name, texts) in enumerate(cases.items()) for number, text in enumerate(texts, 1)
    ]  # fmt: skip
    model = write(folder / "model.jsonl", said)
    return Settings(base=str(base), output=folder / "out", source=Source(model=str(model)), rounds=1, timeout_s=1)


@pytest.mark.boxes
def test_what_a_model_proposes_holds_or_is_refused_for_its_reason(tmp_path: Path) -> None:
    settings = planted(tmp_path, {name: [text] for name, (text, _) in CASES.items()})
    (log,) = build(settings)
    queue = rows(settings.output / "review.jsonl")
    for row, (name, (_, reason)) in zip(queue, CASES.items(), strict=True):
        assert (row["state"], bool(row["reason"])) == (("open", True) if reason else ("passed", False)), (name, row["reason"])
        assert reason in row["reason"], (name, row["reason"])
    assert log["kept"] == sum(not reason for _, reason in CASES.values()) == len(rows(settings.output / "built.jsonl"))
    assert {row["number"]: row["survivors"] for row in queue if row["survivors"]} == {17: queue[17]["survivors"]}
    tests = {row["task_id"].split("/")[0]: row["tests"] for row in queue}
    assert tests["set"].splitlines()[2] == "assert more([1, 2, 2]) == {2, 4}"
    assert "assert _close(more([1]), [0.5, float('nan'), float('inf')])" in tests["nan"]
    page = (settings.output / "review.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


@pytest.mark.boxes
def test_a_model_is_told_why_and_mends_it(tmp_path: Path) -> None:
    settings = planted(tmp_path, {"a": ["nonsense", answer("    return 1\n"), answer(SUM)], "b": [answer(SUM)]})
    (log,) = build(Settings(**{name: getattr(settings, name) for name in ("base", "output", "source")}, rounds=3))
    assert [(it["tried"], it["passed"], it["percent"]) for it in log["rounds"]] == [(2, 1, 50.0), (1, 1, 50.0), (1, 2, 100.0)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(base="humaneval", output=tmp_path_factory.mktemp("built"), limit=6, overwrite=True)
    (log,) = build(settings)
    assert log["kept"] == 6
    return settings


def again(settings: Settings, output: Path, **more: Any) -> Settings:
    return Settings(base=settings.base, limit=settings.limit, output=output, **more)


@pytest.mark.boxes
def test_what_is_built_is_the_official_form_and_judges(built: Settings) -> None:
    file = built.output / "built.jsonl"
    assert set(rows(file)[0]) == {"id", "raw_problem", "raw_solution", "new_problem", "new_solution", "test_code"}
    loaded = BENCHMARKS["humaneval-pro"].load(Options(data=file))
    assert list(loaded.tasks) == [f"HumanEvalPro/{n}" for n in range(6)]
    assert not complaints(loaded)
    found = validate("humaneval-pro", 5, 2, lambda *_: None, data=file)
    assert (found["canonical_passed"], found["empty_failed"], found["surprises"]) == (6, 6, [])


@pytest.mark.boxes
def test_a_killed_build_goes_on_and_ends_with_the_same_bytes(built: Settings, tmp_path: Path) -> None:
    before = (built.output / "journal.jsonl").read_bytes()
    settings = json.loads((built.output / "build.json").read_text())["settings"]
    (tmp_path / "build.json").write_text(json.dumps({"settings": settings}))
    (tmp_path / "journal.jsonl").write_bytes(before[: len(before) // 2])  # in the middle of a line
    build(again(built, tmp_path, resume=True))
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (built.output / name).read_bytes(), name
    done = CliRunner().invoke(cli.app, ["build-pro", "humaneval", "--limit", "6", "-o", str(tmp_path), "--resume", "--seed", "1"])
    assert done.exit_code == 2
    assert "seed: 0 -> 1" in done.output


@pytest.mark.boxes
def test_a_person_edits_the_queue(built: Settings, tmp_path: Path) -> None:
    for name in (*FILES, "journal.jsonl"):
        (tmp_path / name).write_bytes((built.output / name).read_bytes())
    queue = rows(tmp_path / "review.jsonl")
    good = queue[0]["new_solution"]
    queue[0]["new_solution"], queue[1]["drop"] = "    return 1\n", "too easy"
    write(tmp_path / "review.jsonl", queue)
    (log,) = build(again(built, tmp_path, resume=True))
    assert log["rounds"][-1] == {"name": "by hand", "tried": 2, "passed": 4, "of": 6, "percent": 66.7}
    assert [it["reason"].partition(" does")[2] or it["reason"] for it in log["dropped"]] == [" not use has_close_elements", "dropped: too easy"]
    assert [row["id"] for row in rows(tmp_path / "built.jsonl")] == [2, 3, 4, 5]
    queue = rows(tmp_path / "review.jsonl")
    assert [row["state"] for row in queue[:3]] == ["open", "dropped", "passed"]
    queue[0]["new_solution"], queue[1]["drop"] = good, ""
    write(tmp_path / "review.jsonl", queue)
    build(again(built, tmp_path, resume=True))
    assert (tmp_path / "built.jsonl").read_bytes() == (built.output / "built.jsonl").read_bytes()
    write(tmp_path / "review.jsonl", [*queue[:2], queue[2] | {"inputs": "x"}])
    done = CliRunner().invoke(cli.app, ["build-pro", "humaneval", "--limit", "6", "-o", str(tmp_path), "--resume"])
    assert (done.exit_code, done.output) == (2, f"toolkit: {tmp_path / 'review.jsonl'}, line 3: inputs is no list\n")


@pytest.mark.boxes
def test_it_is_built_on_what_was_built(built: Settings, tmp_path: Path) -> None:
    base = write(tmp_path / "two.jsonl", rows(built.output / "built.jsonl")[:2])
    (log,) = build(Settings(base=str(base), output=tmp_path / "a"))
    both = build(Settings(base="humaneval", limit=2, depth=2, output=tmp_path / "b"))
    assert [each["kept"] for each in (log, *both)] == [2, 2, 2]
    assert (tmp_path / "b/depth2/built.jsonl").read_bytes() == (tmp_path / "a/built.jsonl").read_bytes()
    row = rows(tmp_path / "a/built.jsonl")[0]
    inner = rows(base)[0]
    assert row["raw_problem"] == f"{inner['raw_problem']}{inner['raw_solution']}\n{inner['new_problem']}"
    assert validate("humaneval-pro", 5, 2, lambda *_: None, data=tmp_path / "a/built.jsonl")["canonical_passed"] == 2
    queue = rows(tmp_path / "b/review.jsonl")
    queue[0]["new_problem"], queue[1]["drop"] = queue[0]["new_problem"].replace("Return", "Give back"), "too easy"
    write(tmp_path / "b/review.jsonl", queue)
    assert [(each["tasks"], each["kept"]) for each in build(Settings(base="humaneval", limit=2, depth=2, output=tmp_path / "b", resume=True))] == [(2, 1), (1, 1)]
    (row,) = rows(tmp_path / "b/depth2/built.jsonl")
    assert "Give back" in row["raw_problem"]
    assert len({it["base"] for it in rows(tmp_path / "b/depth2/journal.jsonl")}) == 3  # what stood on the earlier text was proven anew


BAD = {
    "no such benchmark": (["humanevil"], "humanevil"),
    "no such file": (["there-is-none.jsonl"], "cannot be read"),
    "an empty file": (["empty.jsonl"], "has no records"),
    "no JSON": (["text.jsonl"], "cannot be read"),
    "records of another kind": (["other.jsonl"], "cannot be read"),
    "a file and --data": (["other.jsonl", "--data", "other.jsonl"], "--data goes with"),
    "no solutions": (["livecodebench", "--data", "lcb.jsonl"], "no tasks with a solution"),
    "two wishes": (["humaneval", "--resume", "--overwrite"], "exclude each other"),
    "no time": (["humaneval", "--timeout", "0"], "--timeout"),
    "no such model": (["humaneval", "--model", "there-is-none.jsonl"], "there-is-none"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_nothing_is_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build_pro, "open_engine", lambda _: pytest.fail("an engine was opened"))
    for file, text in {"empty": "", "text": "hello\n", "other": '{"a": 1}\n', "lcb": '{"question_id": "1", "public_test_cases": "[{\\"input\\": \\"1\\", \\"output\\": \\"1\\", \\"testtype\\": \\"stdin\\"}]", "starter_code": ""}\n'}.items():
        Path(f"{file}.jsonl").write_text(text)
    words, said = BAD[name]
    done = CliRunner().invoke(cli.app, ["build-pro", *words, "-o", "out"])
    assert done.exit_code == (3 if name == "records of another kind" else 2), done.output
    assert said in done.output
    assert done.output.count("\n") == 1
    assert not Path("out/journal.jsonl").exists()
