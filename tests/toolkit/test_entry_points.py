"""What installed distributions add through entry points: a small real one, in a folder on the path of a process of its own."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from toolkit.benchmarks import BENCHMARKS

pytestmark = pytest.mark.boxes
ROOT = Path(__file__).parents[2]
GOOD = {
    "benchmarks": {"twos": "extra.tasks:BENCHMARK"},
    "gates": {"brief": "extra.gate:Brief"},
    "generators": {"parrot": "extra.generator:Parrot"},
    "engines": {"other": "extra.engine:Other"},
}
TASKS = '''
from toolkit.benchmarks import Benchmark, Loaded, Options
from toolkit.records import Table, Task

def load(_):
    tasks = [Task(task_id=f"Twos/{n}", prompt="def two(x):\\n", entry_point="two", canonical_solution=f"    return x + {n}\\n",
                  tests=Table(base=([1], [2]))) for n in range(2)]
    return Loaded(tasks={task.task_id: task for task in tasks}, data_hash="twos 1")

BENCHMARK = Benchmark(name="twos", load=load, n_tasks=2, prefix="Twos")
'''
MODULES = {
    "tasks": TASKS,
    "gate": '''
from dataclasses import dataclass
from gates import Finding, Gate

@dataclass(frozen=True, kw_only=True)
class Brief(Gate):
    """Refuses long programs."""
    name = "brief"
    cost = 1
    most: float = 2

    def check_many(self, solutions, sandbox):
        for one in solutions:
            n = len(one.code.splitlines())
            yield self.report([Finding(symbol="too-long", message=f"{n} lines", decisive=True)] if n > self.most else ())
''',
    "generator": '''
from toolkit.models.generators import Generation

class Parrot:
    chat = prefills = False

    @classmethod
    def takes(cls, source):
        return True  # also of what is ours

    def __init__(self, source):
        self.about = {"model": source.model}

    def generate(self, prompts, sampling, *, done=(), tick=lambda *_: None):
        for i, prompt in enumerate(prompts):
            yield [Generation(index=i, sample_id=0, prompt=prompt.text, completion="    return x\\n", n_prompt_tokens=0, n_tokens=0,
                              finished=True, mean_logprob=None, field=prompt.field)]

    def close(self):
        pass
''',
    "engine": "from sandbox import DockerEngine\n\nclass Other(DockerEngine):\n    pass\n",
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), str(ROOT)]))


def installed(points: dict[str, dict[str, str]], modules: dict[str, str] = MODULES, name: str = "extra") -> None:
    """Put a distribution into `site`, as an installer does."""
    site = Path("site")
    (info := site / f"{name}-1.2.dist-info").mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    groups = [f"[toolkit.{group}]\n" + "".join(f"{key} = {it}\n" for key, it in of.items()) for group, of in points.items()]
    (info / "entry_points.txt").write_text("\n".join(groups))
    (site / name).mkdir()
    for module, source in {"__init__": "", **modules}.items():
        (site / name / f"{module}.py").write_text(source)


def ran(*arguments: object, code: int = 0) -> tuple[str, str]:
    command = [sys.executable, "-m", "toolkit.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def words(*arguments: object) -> str:
    return " ".join(ran(*arguments)[0].split())


def doctor() -> dict[str, Any]:
    return {check["name"]: check for check in json.loads(ran("doctor", "--json")[0])["checks"]}


def samples() -> Path:
    path = Path("twos.jsonl")
    path.write_text("".join(json.dumps({"task_id": f"Twos/{n}", "completion": "    return x\n"}) + "\n" for n in range(2)))
    return path


def test_every_kind_is_used_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(GOOD)
    found = json.loads(ran("eval", "twos", "--samples", samples(), "--json", "--output", "run")[0])
    assert found["pass_at_k"]["base"]["1"]["value"] == 0.5
    found = json.loads(ran("eval", "twos", "--generator", "parrot", "--json", "--output", "written")[0])
    assert found["pass_at_k"]["base"]["1"]["value"] == 0.5
    found = json.loads(ran("gate", "twos.jsonl", "--kind", "brief", "--threshold", "most=1", "--json", "--output", "gated")[0])
    assert (found["n"], found["n_accepted"]) == (2, 0)
    assert json.loads(ran("validate", "twos", "--json")[0])["canonical_passed"] == 2
    assert "mbpp-pro, mbpp-sanitized or twos" in words("eval", "--help")
    assert "openai, replay, transformers or parrot" in words("eval", "--help")
    assert "brief Refuses long programs. [most] [extra 1.2]" in words("gate", "--help")
    monkeypatch.setenv("TOOLKIT_ENGINE", "other")
    checks = doctor()
    assert checks["box"]["ok"]
    assert "of Other" in checks["engine"]["found"] or "API" in checks["engine"]["found"]
    for kind, name in (("benchmarks", "twos"), ("gates", "brief"), ("generators", "parrot"), ("engines", "other")):
        assert checks[kind]["ok"]
        assert checks[kind]["found"].endswith(f", {name} (of extra 1.2)")
    assert checks["data of twos"]["ok"]


def test_what_breaks_or_takes_a_name_is_one_line_and_replaces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"raises": "import nowhere", "exits": "import sys; print('loud'); sys.exit(3)", "wrong": "BENCHMARK = Brief = Parrot = Other = 7"}
    points = {
        "benchmarks": {"humaneval": "extra.tasks:BENCHMARK", "lost": "extra.raises:BENCHMARK", "named": "extra.tasks:BENCHMARK"},
        "gates": {"compile": "extra.gate:Brief", "seven": "extra.wrong:Brief", "left": "extra.exits:Brief", "brief": "extra.gate:Brief"},
        "generators": {"transformers": "extra.generator:Parrot", "gone": "extra.generator:NoSuch"},
        "engines": {"docker": "extra.engine:Other", "seven": "extra.wrong:Other"},
    }
    installed(points, MODULES | broken)
    installed({"gates": {"brief": "twin.gate:Brief"}}, name="twin")
    Path("bad.py").write_text("def f(:\n")
    said = ran("gate", "bad.py", "--kind", "compile", "--strict", "--json", code=1)
    assert json.loads(said[0])["reasons"][0]["symbol"] == "SyntaxError"
    taken = "toolkit: warning: the {} '{}' of extra 1.2 is not used: the name is taken by exogate itself"
    assert taken.format("gate", "compile") in said[1]
    assert "the gate 'brief' of twin 1.2 is not used: the name is taken by extra 1.2" in said[1]
    assert "nowhere" not in said[1], "nothing is imported that is not asked for"
    for kind, why in (
        ("left", "the gate 'left' of extra 1.2 is not used: extra.exits:Brief: SystemExit: 3"),
        ("seven", "the gate 'seven' of extra 1.2 is not used: extra.wrong:Brief: a gate is a subclass of gates.Gate, not 7"),
    ):
        assert f"toolkit: {why}\n" in ran("gate", "bad.py", "--kind", f"{kind}+compile", code=2)[1]
    lines = ran("eval", "lost", "--samples", samples(), code=2)[1].splitlines()
    assert lines == [
        taken.format("benchmark", "humaneval"),
        "toolkit: the benchmark 'lost' of extra 1.2 is not used: extra.raises:BENCHMARK: ModuleNotFoundError: No module named 'nowhere'",
    ]
    assert "extra.tasks:BENCHMARK: it calls itself 'twos'" in ran("eval", "named", "--samples", "twos.jsonl", code=2)[1]
    assert "has no attribute 'NoSuch'" in ran("eval", "humaneval", "--generator", "gone", "--output", "no", code=2)[1]
    monkeypatch.setenv("TOOLKIT_ENGINE", "seven")
    assert "an engine is a class, not int" in ran("run", "bad.py", code=3)[1]
    monkeypatch.delenv("TOOLKIT_ENGINE")
    assert "humaneval, humaneval+ or mbpp+ [required]" not in words("eval", "--help"), "names of what waits are listed unimported"
    checks = doctor()
    assert checks["benchmarks"]["found"] == ", ".join(BENCHMARKS)
    assert checks["gates"]["found"].endswith("judge, brief (of extra 1.2)")
    for name in ("benchmark humaneval", "benchmark lost", "benchmark named", "gate compile", "gate left", "gate seven", "gate brief",
                 "generator transformers", "generator gone", "engine docker", "engine seven"):  # fmt: skip
        assert (checks[name]["ok"], checks[name]["remedy"]) == (None, "update or uninstall that distribution")
        assert "1.2 is not used: " in checks[name]["found"]
        assert "\n" not in checks[name]["found"]
    said = ran("gate", "--help")
    assert "seven" not in said[0]
    assert "loud" not in said[0]


def test_a_damaged_distribution_costs_a_line() -> None:
    installed({"gates": {"brief": "extra.gate:Brief"}})
    installed({"gates": {"broken": "..."}}, name="damaged")
    Path("site/damaged-1.2.dist-info/entry_points.txt").write_text("[toolkit.gates]\nbroken\n")
    Path("ok.py").write_text("x = 1\n")
    said = ran("gate", "ok.py", "--kind", "brief", "--json")[1]
    assert said.count("\n") == 1
    assert "warning: the entry points of " in said
    assert "damaged-1.2.dist-info cannot be read: " in said


def test_ours_are_asked_first() -> None:
    """The parrot says that it takes everything."""
    installed(GOOD)
    code = """
        from toolkit.models.generators import Source, kind_of
        for model, url in (("smollm2", None), ("a.jsonl", None), ("owner/name", None), ("x", "http://y"), ("parrot:x", None)):
            print(kind_of(Source(model=model, base_url=url)), end=" ")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["transformers", "replay", "transformers", "openai", "parrot"]


WEAK = {
    "no tests": ("BENCHMARK", 'tests=Table(base=(), plus=([1],))', "Weak/0: it has no tests"),
    "no check": ("BENCHMARK", 'tests=Check(source=" ")', "Weak/0: it has no tests"),
    "a kind of its own": ("BENCHMARK", 'tests=Mine(base=([1],))', "Weak/0: its tests are Mine; a task has a Table, a Check, a Stdin or UnitTests"),
    "none at all": ("BENCHMARK", 'tests=TaskTests()', "Weak/0: its tests are TaskTests; a task has a Table, a Check, a Stdin or UnitTests"),
    "a class of its own": ("Own", 'tests=Table(base=([1],))', "a benchmark is a toolkit.benchmarks.Benchmark, not "),
}


@pytest.mark.parametrize("case", WEAK)
def test_no_benchmark_weakens_what_passed_means(case: str) -> None:
    name, tests, words = WEAK[case]
    installed({"benchmarks": {"weak": f"extra.weak:{name}"}}, {"weak": f'''
from toolkit.benchmarks import Benchmark, Loaded
from toolkit.records import Check, Table, Task, TaskTests

class Mine(Table):
    calls = ()

class Benchmark2(Benchmark):
    pass

def load(_):
    task = Task(task_id="Weak/0", prompt="def f(x):\\n", entry_point="f", canonical_solution="    return x\\n", {tests})
    return Loaded(tasks={{"Weak/0": task}}, data_hash="weak")

BENCHMARK = Benchmark(name="weak", load=load, has_plus=True)
Own = Benchmark2(name="weak", load=load)
'''})  # fmt: skip
    Path("weak.jsonl").write_text(json.dumps({"task_id": "Weak/0", "completion": "    return x\n"}) + "\n")
    said = ran("eval", "weak", "--samples", "weak.jsonl", "--output", "run", code=2 if name == "Own" else 3)[1]
    assert words in said
    assert "of extra 1.2" in said


def test_a_rule_that_takes_everything_takes_no_answer_that_did_not_come() -> None:
    """Its own rule says which values are right; that all calls were answered, and how, is not for a benchmark to say."""
    kind = TASKS.replace('prefix="Twos")', 'prefix="Twos", special=lambda *_: True)')
    installed({"benchmarks": {"twos": "extra.tasks:BENCHMARK"}}, {"tasks": kind})
    bodies = ["raise ValueError", "while True: pass", "import os; os._exit(0)", "f(", "return 'anything'"]
    rows = [{"task_id": f"Twos/{n}", "solution": f"def two(x):\n    {body}\n"} for n in range(2) for body in bodies]
    Path("all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ran("eval", "twos", "--samples", "all.jsonl", "--timeout", 1, "--output", "run")
    verdicts = [json.loads(line)["verdict"] for line in Path("run/results.jsonl").read_text().splitlines()]
    assert verdicts == ["runtime_error", "time_limit", "runtime_error", "compile_error", "passed"] * 2


def test_another_version_of_a_benchmark_is_judged_anew() -> None:
    """The same name, the same hash of the data, and another rule."""
    installed({"benchmarks": {"twos": "extra.tasks:BENCHMARK"}})
    command = ("eval", "twos", "--samples", samples(), "--json", "--output")
    assert json.loads(ran(*command, "one")[0])["pass_at_k"]["base"]["1"]["value"] == 0.5
    module, meta = Path("site/extra/tasks.py"), Path("site/extra-1.2.dist-info/METADATA")
    module.write_text(module.read_text().replace('prefix="Twos")', 'prefix="Twos", special=lambda *_: True)'))
    meta.write_text(meta.read_text().replace("1.2", "1.3"))
    assert json.loads(ran(*command, "two")[0])["pass_at_k"]["base"]["1"]["value"] == 1


def test_no_benchmark_answers_for_another() -> None:
    """Ids, number of calls and the hash of the data are another's; what is expected of its tasks is not."""
    installed({"benchmarks": {"twos": "good.tasks:BENCHMARK"}}, {"tasks": TASKS}, name="good")
    evil = TASKS.replace('"twos"', '"evil"').replace("return x + {n}", "return 666")
    installed({"benchmarks": {"evil": "evil.tasks:BENCHMARK"}}, {"tasks": evil}, name="evil")
    ran("eval", "evil", "--samples", samples(), "--output", "evil", "--allow-uniform")
    found = json.loads(ran("eval", "twos", "--samples", samples(), "--json", "--output", "run")[0])
    assert found["pass_at_k"]["base"]["1"]["value"] == 0.5


def test_a_load_that_fails_is_one_line_and_leaves_the_others_alone() -> None:
    installed({"benchmarks": {"twos": "extra.tasks:BENCHMARK"}}, {"tasks": TASKS.replace("def load(_):", "def load(_):\n    1 / 0").replace("prefix=", "data_file=lambda: 1 / 0, prefix=")})
    why = "the benchmark 'twos' of extra 1.2 cannot be used: ZeroDivisionError: division by zero"
    assert f"toolkit: {why}\n" in ran("eval", "twos", "--samples", samples(), code=3)[1]
    found = json.loads(ran("gate", "twos.jsonl", "--kind", "decontaminate", "--json", "--output", "gated")[0])
    assert f"twos: {why}" in found["left_out"]
    assert doctor()["data of twos"]["found"] == why
    row = {"task_id": "HumanEval/53", "completion": "    return x + y\n"}
    Path("one.jsonl").write_text(json.dumps(row) + "\n")
    assert json.loads(ran("gate", "one.jsonl", "--kind", "tests", "--json", "--output", "tested")[0])["n_accepted"] == 1


def test_nothing_is_looked_for_before_it_is_needed() -> None:
    installed({group: dict.fromkeys(of, "extra.raises:X") for group, of in GOOD.items()}, {"raises": "import nowhere"})
    code = "import sys, toolkit.cli.main, gates, sandbox, toolkit.benchmarks, toolkit.models.generators\nprint(sandbox.registry._entry_points.cache_info().misses)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")
    assert ran("--help")[1] == ""
