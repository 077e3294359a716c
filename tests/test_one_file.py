"""One file and one line: what `tests/one_file` adds is known to every command."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox import ENGINES
from tests.one_file import greetings
from tests.tiny import tiny

HERE = Path(__file__).parent / "one_file"
WORDS = {"English": "Hello ", "Latin": "Salve ", "German": "Guten Tag "}
OWN = {
    "powers": [("Powers/2", "    return x * x\n"), ("Powers/3", "    return 1\n"), ("Powers/4", "    return x ** 4\n")],
    "greetings": [(f"greet_{n}", f"def greet(name):\n    return {word!r} + name\n") for n, word in enumerate(("Hello ", "?", "Guten Tag "))],
}
"""Of each benchmark's three samples, only the one in the middle is wrong."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.delenv(greetings.OVERRIDE, raising=False)
    Path("greetings.json").write_text(json.dumps(WORDS))


def toolkit(*arguments: object, code: int = 0) -> str:
    command = [sys.executable, "-m", "tests.one_file", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == code, done.stderr
    return done.stdout if not code else done.stderr


def answers(name: str) -> Path:
    """The benchmark's samples in a file."""
    path = Path(f"{name}.jsonl")
    path.write_text("".join(json.dumps({"task_id": task_id, "completion": text}) + "\n" for task_id, text in OWN[name]))
    return path


def scores(*arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(toolkit("eval", *arguments, "--allow-uniform", "--json"))
    return {part: ks["1"]["value"] for part, ks in found["pass_at_k"].items()} | {"n": found["n_samples"]}


def test_each_is_one_short_file() -> None:
    for path in HERE.glob("[!_]*.py"):
        assert len(path.read_text().splitlines()) < 40, path
    line = {path.stem: (HERE / "__main__.py").read_text().count(f"= {path.stem}.") for path in HERE.glob("[!_]*.py")}
    assert set(line.values()) == {1}, line


@pytest.mark.parametrize("name", OWN)
@pytest.mark.boxes
def test_a_benchmark_is_judged_written_and_validated(name: str) -> None:
    parts = ("base", "plus") if name == "powers" else ("base",)
    third = dict.fromkeys(parts, pytest.approx(2 / 3))
    assert scores(name, "--samples", answers(name), "--output", "all") == third | {"n": 3}
    rows = [json.loads(line) for line in Path("all/results.jsonl").read_text().splitlines()]
    assert [(row["verdict"], row["plus"]) for row in rows] == [
        (verdict, verdict if name == "powers" else None) for verdict in ("passed", "wrong_answer", "passed")
    ]
    chosen = "3-3" if name == "powers" else "1-1"
    assert scores(name, "--samples", answers(name), "--id-range", chosen, "--output", "one") == dict.fromkeys(parts, 0) | {"n": 1}
    assert "3 samples" in toolkit("samples", name, "-o", "canonical.jsonl")
    assert scores(name, "--samples", "canonical.jsonl", "--output", "canonical") == dict.fromkeys(parts, 1) | {"n": 3}
    found = json.loads(toolkit("validate", name, "--json"))
    assert (found["n_tasks"], found["canonical_passed"], found["empty_failed"], found["surprises"]) == (3, 3, 3, [])


@pytest.mark.boxes
def test_a_benchmark_is_known_to_help_and_to_doctor() -> None:
    for command in ("eval", "generate", "samples", "validate"):
        said = " ".join(toolkit(command, "--help").split())
        assert "mbpp-sanitized, powers or greetings" in said
    assert "Without extreme inputs (humaneval+, mbpp+ or greetings)" in " ".join(toolkit("eval", "--help").split())

    def data(name: str) -> tuple[bool | None, str]:
        checks = {check["name"]: check for check in json.loads(toolkit("doctor", "--json"))["checks"]}
        return checks[f"data of {name}"]["ok"], checks[f"data of {name}"]["found"]

    assert data("powers") == (True, "no file is needed")
    assert data("greetings") == (True, "greetings.json")
    Path("greetings.json").unlink()
    assert data("greetings") == (None, "not at greetings.json; ask the receptionist")


@pytest.mark.boxes
def test_a_benchmarks_data_and_variants_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    file = answers("greetings")
    Path("greetings.json").rename("own.json")
    assert "name another file with --data or GREETINGS_PATH" in toolkit("eval", "greetings", "--samples", file, code=3)
    assert scores("greetings", "--samples", file, "--data", "own.json", "--output", "data")["n"] == 3
    monkeypatch.setenv(greetings.OVERRIDE, "own.json")
    assert "GREETINGS_PATH names another one" in toolkit("eval", "greetings", "--samples", file, "--noextreme", code=2)
    assert "--mini is for humaneval+, not for greetings" in toolkit("eval", "greetings", "--samples", file, "--mini", code=2)


@pytest.mark.boxes
def test_a_benchmarks_tasks_are_known_to_gates_and_to_the_samples_of_others() -> None:
    said = json.loads(toolkit("gate", answers("powers"), "--kind", "tests", "--output", "gated", "--json"))
    assert (said["n"], said["n_accepted"]) == (3, 2)
    accepted = [json.loads(line)["task_id"] for line in Path("gated/accepted.jsonl").read_text().splitlines()]
    assert accepted == ["Powers/2", "Powers/4"]
    said = json.loads(toolkit("gate", answers("greetings"), "--kind", "decontaminate", "--output", "clean", "--json"))
    assert said["n_accepted"] < 3
    error = toolkit("eval", "humaneval", "--samples", answers("powers"), code=2)
    assert "unknown task_id 'Powers/2' (a task of powers; this benchmark's ids begin with HumanEval/)" in error


@pytest.mark.boxes
def test_a_gate_is_known() -> None:
    Path("long.py").write_text("x = 1\n" * 5)
    assert ", short" in toolkit("gate", "long.py", "--kind", "long", code=2)
    command = ("gate", "long.py", "--kind", "short+compile", "--json", "--output")
    assert json.loads(toolkit(*command, "a"))["n_accepted"] == 0
    assert json.loads(toolkit(*command, "b", "--threshold", "lines=9"))["n_accepted"] == 1


@pytest.mark.boxes
def test_a_gate_that_needs_reference_data_is_given_it() -> None:
    Path("copied.py").write_text('"""\n# Greet in Latin.\n"""\n')
    Path("own.py").write_text("x = 1\n")
    found = json.loads(toolkit("gate", "copied.py", "own.py", "--kind", "copied", "--json"))
    assert (found["n"], found["n_accepted"], found["reasons"][0]["symbol"]) == (2, 1, "copied")


@pytest.mark.boxes
@pytest.mark.models
def test_a_gate_that_needs_a_model_is_given_it(tmp_path: Path) -> None:
    model = tiny(tmp_path / "model")
    for n in range(4):
        Path(f"{n}.py").write_text(f"x = {n}\n")
    command = ("gate", *(f"{n}.py" for n in range(4)), "--kind", "likely", "--model", model, "--json", "--output")
    assert json.loads(toolkit(*command, "some", "--threshold", "fraction=0.5"))["n_accepted"] == 2
    assert json.loads(toolkit(*command, "none", "--threshold", "threshold=0"))["n_accepted"] == 0


@pytest.mark.boxes
def test_an_engine_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOXES_LOG", "boxes.log")
    monkeypatch.setenv("TOOLKIT_ENGINE", "logged")
    log, file = Path("boxes.log"), answers("powers")
    Path("hello.py").write_text("print('hello')\n")
    for words, kind in (
        (("run", "hello.py"), "run"), (("gate", "hello.py", "--kind", "quality", "--no-cache"), "lint"),
        (("eval", "powers", "--samples", file, "--no-cache"), "run"), (("validate", "powers", "-p", 1), "run"),
    ):  # fmt: skip
        log.write_text("")
        toolkit(*words)
        assert set(log.read_text().split()) == {kind}, words
    checks = {check["name"]: check["ok"] for check in json.loads(toolkit("doctor", "--json"))["checks"]}
    assert checks["engine"]
    assert checks["box"]
    monkeypatch.setenv("TOOLKIT_ENGINE", "other")
    assert f"no engine is called 'other'; known: {', '.join([*ENGINES, 'logged'])}" in toolkit("run", "hello.py", code=3)


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is asked for the power N answers so, and logs which model and adapter it was given."""
    Path("write.py").write_text(
        "import re, sys\nopen('log', 'a').write(' '.join(sys.argv[1:]).strip() + '\\n')\n"
        "found = re.search(r'power (\\d+)', sys.stdin.read())\nprint('\\n    return x **', found[1] if found else 0)\n"
    )
    monkeypatch.setenv("PIPED", f"{sys.executable} {Path('write.py').resolve()}")
    return Path("log")


@pytest.mark.boxes
@pytest.mark.models
def test_a_generator_is_known(writer: Path) -> None:
    assert "3 samples, 3 of them new" in toolkit("generate", "powers", "-o", "own.jsonl", "--model", "piped:one")
    assert set(writer.read_text().split()) == {"one"}
    assert scores("powers", "--samples", "own.jsonl", "--output", "own") == {"base": 1, "plus": 1, "n": 3}
    named = ("powers", "--generator", "piped", "--model", "two", "--adapter", "three")
    assert scores(*named, "--output", "named") == {"base": 1, "plus": 1, "n": 3}
    assert writer.read_text().splitlines()[-1] == "two three"
    assert "3 samples, 3 of them new" in toolkit("generate", "greetings", "-o", "again.jsonl", "--model", answers("greetings"))
    for command in ("eval", "generate"):
        assert "openai, replay, transformers or piped" in " ".join(toolkit(command, "--help").split())
    assert "did you mean 'piped'?" in toolkit("eval", "powers", "--generator", "pipd", "--output", "no", code=2)
    assert "--generator" in toolkit("eval", "powers", "--samples", "own.jsonl", "--generator", "piped", code=2)


@pytest.mark.boxes
@pytest.mark.models
def test_all_are_known_to_rounds(writer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOXES_LOG", "boxes.log")
    monkeypatch.setenv("TOOLKIT_ENGINE", "logged")
    model, regime = tiny(tmp_path / "model"), "short+copied+likely"
    rows = [{"prompt": f'def power{n}(x):\n    """Raise x to the power {n}."""\n'} for n in range(12)]
    Path("pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = (
        "rounds", "--model", model, "--generator", "piped", "--pool", "pool.jsonl", "--regimes", regime, "--rounds", 2,
        "--benchmarks", "powers,greetings", "--accept", 2, "--budget", 4, "--steps", 1, "--batch-size", 1, "--sequence", 32, "--json",
        "--device", "cpu", "--output", "rounds",
    )  # fmt: skip
    summary = json.loads(toolkit(*command))
    assert summary["waiting"] == []
    scored = [[row["scores"][name]["value"] for name in ("powers", "greetings")] for row in summary["rows"]]
    assert scored == [[1, 0]] * 3
    assert set(summary["rows"][1]["gates"]) == {"short", "copied", "likely"}
    assert Path("boxes.log").read_text()
    adapters = [f"{model} rounds/seed0/{regime}/round{n}/weights/adapter" for n in (1, 2)]
    assert list(dict.fromkeys(writer.read_text().splitlines())) == [model, *adapters]
    n_asked = len(writer.read_text().splitlines())
    assert json.loads(toolkit(*command))["rows"] == summary["rows"]
    assert len(writer.read_text().splitlines()) == n_asked, "what is done is not done again"
    assert 'generator: "piped" -> "transformers"' in toolkit(*command, "--generator", "transformers", code=2)
    error = toolkit(*command, "--benchmarks", "power", code=2)
    assert "no benchmark is called 'power'; known: humaneval, humaneval+, " in error
    assert "powers, greetings; did you mean 'powers'?" in error
    said = " ".join(toolkit("rounds", "--help").split())
    assert "transformers or piped" in said
    assert "powers, greetings" in said


@pytest.mark.boxes
def test_what_was_added_is_named() -> None:
    assert "did you mean 'short'?" in toolkit("distill", "tasks.jsonl", "-o", "data", "--gate", "shrt", code=2)
    assert "did you mean 'powers'?" in toolkit("serve", "--benchmarks", "powrs", code=2)
    said = " ".join(toolkit("gate", "--help").split())
    assert "short Refuses long programs. [lines]" in said
    assert "likely Keeps the programs whose least likely token is the likeliest. [fraction, threshold]" in said
    checks = {check["name"]: check["found"] for check in json.loads(toolkit("doctor", "--json"))["checks"]}
    for kind, last in (("benchmarks", "powers, greetings"), ("gates", "short, copied, likely"), ("generators", "piped"), ("engines", "logged")):
        assert checks[kind].endswith(f", {last}")
