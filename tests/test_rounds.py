"""Rounds: stages that are done once, what their ledgers say, and who gets into the training data."""

import itertools
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sandbox import DockerEngine, Sandbox
from toolkit.analysis import ledger
from toolkit.cli import main as cli
from toolkit.errors import UsageError
from toolkit.records import Task
from toolkit.rounds import pool
from toolkit.rounds import run as rounds
from toolkit.rounds.machine import Machine, Weights
from toolkit.rounds.plan import plan
from toolkit.rounds.settings import RoundsSettings, read
from toolkit.store.files import SettingsChanged, read_rows, write_rows
from toolkit.store.stages import Waiting, stage

ITEMS = [
    {
        "id": f"own/{i}",
        "prompt": f'def f{i}(x):\n    """Return x plus {i}."""\n',
        "solution": f"    return x + {i}\n",
        "test": f"assert f{i}(1) == {i + 1}\nassert f{i}(-5) == {i - 5}",
        "entry_point": f"f{i}",
    }
    for i in range(30)
]
Policy = Callable[[Task, int, int], str]


class Planted(Machine):
    """Writes what a policy says, of (task, round, place), and learns nothing; boxes and gates are the real ones."""

    policy: Policy
    n_generated = n_trained = 0

    def generate(self, weights: Weights, tasks: list[Task], output: Path, **sampling: Any) -> dict[str, Any]:
        Planted.n_generated += 1
        number = int(weights.model or 0)
        rows = []
        for i, task in enumerate(task for task in tasks for _ in range(sampling.get("n", 1))):
            text = self.policy(task, number, i)
            rows.append({"task_id": task.task_id, "solution": text, "written": text, "prompt": task.prompt, "chat": False,
                         "n_tokens": 60, "finished": True, "mean_logprob": -1.0})  # fmt: skip
        return {"sha256": write_rows(output, rows), "tokens": 60 * len(rows), "seconds": 0.1}

    def train(self, weights: Weights, data: Path, output: Path, **more: Any) -> dict[str, Any]:
        Planted.n_trained += 1
        output.mkdir(parents=True, exist_ok=True)
        (output / "number").write_text(str(int(weights.model or 0) + 1))
        return {"loss": 1.0, "seconds": 0.1, "weights": str(output.relative_to(self.settings.output))}

    def trained(self, done: Mapping[str, Any], weights: Weights) -> Weights:
        return Weights(model=(self.settings.output / done["weights"] / "number").read_text())


def settings(folder: Path, **more: Any) -> RoundsSettings:
    file = folder / "pool.jsonl"
    if not file.exists():
        file.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    asked = {"output": folder / "run", "pool": str(file), "regimes": ("none",), "accept": 8, "budget": 16, "limit": 3}
    return RoundsSettings(**{**asked, **more})


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Policy], None]:
    def plant(policy: Policy) -> None:
        monkeypatch.setattr("toolkit.rounds.run.Machine", Planted)
        monkeypatch.setattr(Planted, "policy", staticmethod(policy), raising=False)
        monkeypatch.setattr(Planted, "n_generated", 0)
        monkeypatch.setattr(Planted, "n_trained", 0)

    return plant


def right(task: Task, _number: int, _i: int) -> str:
    known = {item["prompt"]: item["solution"] for item in ITEMS}
    return task.prompt + known.get(task.prompt, "    pass\n")


def test_a_stage_is_done_once_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    did = []

    def act() -> dict[str, Any]:
        did.append(1)
        return {"n": len(did)}

    for _ in range(2):
        assert stage(tmp_path, "gate-0", {"a": 1}, ("gate",), act) == {"n": 1}
    with pytest.raises(SettingsChanged, match=r"a: 1 -> 2"):
        stage(tmp_path, "gate-0", {"a": 2}, ("gate",), act)
    with pytest.raises(Waiting, match="train"):
        stage(tmp_path, "train", {}, ("gate",), act)
    (tmp_path / "gate-0.json").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        stage(tmp_path, "gate-0", {"a": 1}, ("gate",), act)


def test_a_degenerate_policy_is_a_rubber_stamp(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None]
) -> None:
    """Each round answers more prompts with one program that compiles and is wrong, and fewer with text that may be right."""

    def policy(task: Task, number: int, i: int) -> str:
        if task.task_id.startswith("HumanEval"):
            from toolkit.benchmarks import BENCHMARKS, Options

            known = BENCHMARKS["humaneval"].load(Options()).tasks[task.task_id]
            return known.prompt + known.canonical_solution if i >= number else "def g():\n    return 0\n"
        return "def g():\n    return 0\n" if i % 4 < number + 1 else "def g(:\n"

    planted(policy)
    summary = rounds.run(settings(tmp_path, regimes=("compile", "tests"), rounds=3, accept=16))
    cell = {cell["regime"]: cell for cell in summary["cells"]}["compile"]
    rows = [row for row in summary["rows"] if row["regime"] == "compile" and row["round"]]
    assert [row["acceptance_mass"] for row in rows] == [0.25, 0.5, 0.75]
    assert [row["scores"]["humaneval"]["value"] for row in rows] == [pytest.approx(x) for x in (2 / 3, 1 / 3, 0)]
    assert (cell["rubber_stamp"], cell["acceptance_trend"], cell["score_trend"]) == (True, 1.0, -1.0)
    assert rows[-1]["accepted_runs"]["strict"] == 0.0, "no accepted program passes its tests"
    assert rows[-1]["texts"]["unique"] < 0.2
    stopped = next(row for row in summary["rows"] if row["regime"] == "tests" and row["round"] == 1)
    assert stopped["stopped"] == "nothing was accepted"
    assert (tmp_path / "run" / "report.html").read_text().count("<svg") >= 3, "too few words for distinct n-grams"


FORGERIES = [
    "import sys\nsys.exit(0)\n",
    "import os\nos._exit(0)\n",
    "class T:\n    def __eq__(self, other): return True\ndef {name}(x):\n    return T()\n",
    "print('1 passed')\ndef {name}(x):\n    return None\n",
    "import builtins\nbuiltins.AssertionError = Exception\ndef {name}(x):\n    raise SystemExit(0)\n",
    "def {name}(x):\n    import os\n    os.write(4, b'D\\0\\0\\0\\0')\n    return x\n",
]


def test_forged_programs_never_enter_training_through_tests(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None]
) -> None:
    def policy(task: Task, number: int, i: int) -> str:
        return right(task, number, i) if i % 8 == 7 else FORGERIES[i % 6].format(name=task.entry_point)

    planted(policy)
    rounds.run(settings(tmp_path, regimes=("tests",), rounds=1, accept=16))
    rows = read_rows(tmp_path / "run" / "seed0" / "tests" / "round1" / "train.jsonl")
    assert len(rows) == 2
    assert all("return x + " in row["completion"] for row in rows)


def test_a_run_goes_on_where_it_was_and_ends_the_same(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(right)
    asked = settings(tmp_path, regimes=("none", "compile"), rounds=2, seeds=(0, 1))
    first = rounds.run(asked)["rows"]
    n_generated, n_trained = Planted.n_generated, Planted.n_trained
    assert n_trained == 8
    again = rounds.run(asked)
    assert (Planted.n_generated, Planted.n_trained) == (n_generated, n_trained)
    assert again["rows"] == first
    for broken in ("seed1/compile/round2/train.json", "seed1/compile/round2/measure.json"):
        (tmp_path / "run" / broken).unlink()
    rounds.run(asked)
    assert Planted.n_trained == n_trained + 1
    with pytest.raises(SettingsChanged, match="steps"):
        rounds.run(settings(tmp_path, regimes=("none", "compile"), rounds=2, seeds=(0, 1), steps=51))


def test_stages_may_run_on_several_machines(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(right)
    boxes = Machine.sandbox

    def only_here(machine: Machine) -> Sandbox:
        assert "judge" in machine.settings.stages, "no boxes there"
        return boxes(machine)

    monkeypatch.setattr(Planted, "sandbox", only_here)
    here, there = ("pool", "gate", "judge", "measure"), ("generate", "train", "write")
    for stages in itertools.islice(itertools.cycle((here, there)), 24):
        summary = rounds.run(settings(tmp_path, stages=stages, rounds=2, anchors=0.2, probe=2))
        if not summary["waiting"]:
            break
    assert [row["round"] for row in summary["rows"]] == [0, 1, 2]


@pytest.mark.parametrize(("data", "more", "n"), [("replace", {}, 8), ("accumulate", {}, 16), ("mixed", {"human": 0.5}, 16),
                                                 ("replace", {"anchors": 0.2}, 10)])  # fmt: skip
def test_data_policies(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], data: str, more: dict[str, Any], n: int
) -> None:
    planted(right)
    rounds.run(settings(tmp_path, data=data, rounds=2, **more))
    folder = tmp_path / "run" / "seed0" / "none"
    last = read_rows(folder / "round2" / "train.jsonl")
    assert len(last) == n
    if "anchors" in more:
        before = read_rows(folder / "round1" / "train.jsonl")
        assert not {row["task_id"] for row in before[8:]} & {row["task_id"] for row in last[8:]}, "no anchor is used twice"


def test_anchors_are_verified_and_used_once(engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None]) -> None:
    planted(right)
    items = [item if i % 5 == 0 else item | {"solution": "    return -1\n"} for i, item in enumerate(ITEMS)]
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    rounds.run(settings(tmp_path, anchors=0.2, rounds=2, held_out=0.0))
    people = []
    for number in (1, 2):
        rows = read_rows(tmp_path / "run" / "seed0" / "none" / f"round{number}" / "train.jsonl")
        people += [row for row in rows if row["human"]]
    assert len({row["task_id"] for row in people}) == len(people) == 4
    assert all("return x + " in row["completion"] for row in people)
    with pytest.raises(UsageError, match="6 human programs that run are too few"):
        rounds.run(settings(tmp_path, anchors=0.2, rounds=4, held_out=0.0, output=tmp_path / "longer"))


def test_held_out_prompts_show_whether_a_gate_tells_answers_apart(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None]
) -> None:
    """To `compile` all answers of this policy are the same, `tests` lets half of them pass."""

    def policy(task: Task, number: int, i: int) -> str:
        return right(task, number, i) if i % 2 else f"def {task.entry_point}(x):\n    return -1\n"

    planted(policy)
    asked = settings(tmp_path, regimes=("compile", "tests"), rounds=1, held_out=0.5, probe=5, probe_samples=4)
    found = {row["regime"]: row["held_out"] for row in rounds.run(asked)["rows"] if row["round"]}
    assert [found["compile"][name] for name in ("prompts", "answers", "tv", "same_decision", "ran")] == [5, 20, 0.0, 1.0, 0.5]
    assert [found["tests"][name] for name in ("accepted", "tv", "entropy_bits", "auc")] == [0.5, 0.5, 1.0, 1.0]
    folder = tmp_path / "run" / "seed0" / "tests" / "round1"
    learnt = {row["task_id"] for row in read_rows(folder / "train.jsonl")}
    assert learnt
    assert not learnt & {row["task_id"] for row in read_rows(folder / "held-out.jsonl")}


def test_what_the_pool_lacks_is_said_before_anything_is_generated(tmp_path: Path, planted: Callable[[Policy], None]) -> None:
    planted(right)
    with pytest.raises(UsageError, match="probe wants 99 held-out prompts, and the pool has"):
        rounds.run(settings(tmp_path, held_out=0.5, probe=99))
    (tmp_path / "prose.jsonl").write_text('{"prompt": "Say x."}\n')
    with pytest.raises(UsageError, match="needs human programs"):
        rounds.run(settings(tmp_path, pool=str(tmp_path / "prose.jsonl"), data="mixed", held_out=0.0, output=tmp_path / "more"))
    assert not list(tmp_path.glob("*/seed*"))


def test_total_variation_is_that_of_the_theorem() -> None:
    """By hand: q = r p / Z over the answers drawn, for every pattern of decisions on up to four answers."""
    for n in range(1, 5):
        for accepted in itertools.product((False, True), repeat=n):
            rows = [{"task_id": "x", "accepted": each, "score": None} for each in accepted]
            found = ledger.held_out(rows, [True] * n)
            assert found
            if not any(accepted):
                assert (found["tv"], found["none_accepted"]) == (None, 1)
                continue
            q = [each / sum(accepted) for each in accepted]
            assert found["tv"] == pytest.approx(sum(abs(each - 1 / n) for each in q) / 2, abs=1e-4)


class Scorer:
    """Finds right programs likelier than others, and long ones good."""

    identity = "known"

    def logprobs(self, _prompts: list[str], completions: list[str], _chats: list[bool]) -> list[list[float]]:
        return [[-1.0 if "return x + " in text else -2.0] for text in completions]

    def next_logits(self, texts: list[str], *_: Any, **__: Any) -> list[tuple[float, float]]:
        return [(float(len(text)), 0.0) for text in texts]


def test_a_threshold_that_is_frozen_lets_acceptance_change(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The score is the program's length, and programs grow: a fraction cannot show it, the threshold of round 1 does."""

    monkeypatch.setattr(Planted, "given", lambda *_: {"model": Scorer()})
    planted(lambda _task, number, i: f"x = {'1' * (10 * number + i % 16 + 1)}\n")
    mass = {}
    for freeze in (False, True):
        asked = settings(tmp_path, regimes=("self-score",), rounds=2, freeze=freeze, accept=4, output=tmp_path / f"{freeze}")
        mass[freeze] = [row["acceptance_mass"] for row in rounds.run(asked)["rows"] if row["round"]]
    assert mass == {False: [0.25, 0.25], True: [0.25, 0.875]}
    asked = settings(tmp_path, regimes=("self-score",), rounds=2, freeze=True, accept=4, chunk=8, output=tmp_path / "chunks")
    second = next(row for row in rounds.run(asked)["rows"] if row["round"] == 2)
    assert second["thresholds"]["threshold"] == len("x = 1111111\n"), "the worst that was kept in round 1: 7 digits, of its first chunk"
    with pytest.raises(UsageError, match="freeze wants one gate"):
        rounds.run(settings(tmp_path, regimes=("self-score+perplexity",), freeze=True, output=tmp_path / "two"))


def test_auc_is_of_what_the_gate_prefers(
    engine: DockerEngine, tmp_path: Path, planted: Callable[[Policy], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scorer finds right programs likelier: the best of gates where low perplexity is wanted, the worst the other way."""

    monkeypatch.setattr(Planted, "given", lambda *_: {"model": Scorer()})
    planted(lambda task, number, i: right(task, number, i) if i % 2 else f"def {task.entry_point}(x):\n    return -1\n")
    asked = settings(tmp_path, regimes=("perplexity", "inverse-perplexity"), rounds=1, accept=4, held_out=0.5, probe=4)
    found = {row["regime"]: (row["auc"], row["held_out"]["auc"]) for row in rounds.run(asked)["rows"] if row["round"]}
    assert found == {"perplexity": (1.0, 1.0), "inverse-perplexity": (0.0, 0.0)}


def test_the_model_of_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLKIT_MODEL", "some/model")
    assert read(None, {}).model == "some/model"
    assert read(None, {"model": "other"}).model == "other"


WRONG = [
    ({"rounds": "x"}, "rounds must be a whole number and at least 1, not x"),
    ({"rounds": "0"}, "rounds must be at least 1, not 0"),
    ({"temperature": "nan"}, "temperature must be at least 0 and below 100, not nan"),
    ({"seeds": "0,-1"}, "seeds must be greater than or equal to 0, not -1"),
    ({"seeds": ""}, "seeds: at least one must be named"),
    ({"full": "maybe"}, "full must be a valid boolean"),
    ({"acept": "9"}, "no setting is called 'acept'; there are output, model, .*; did you mean 'accept'\\?"),
    ({"accept": "9", "budget": "3"}, r"accept \(9\) must be at most budget \(3\)"),
    ({"probe": "3", "held_out": "0"}, "held_out must be above 0"),
    ({"probe": "3", "probe_samples": "1"}, "probe_samples must be at least 2, not 1"),
    ({"probe": "3", "temperature": "0"}, "a temperature above 0"),
    ({"data": "replac"}, "data must be 'replace', 'accumulate' or 'mixed', not replac; did you mean 'replace'\\?"),
    ({"stages": "pool,trian"}, "stages must be 'pool', .*, not trian; did you mean 'train'\\?"),
    ({"regimes": "none,none"}, "regimes: 'none' is named twice"),
    ({"regimes": "compil+quality"}, "'compil\\+quality': no gate is called 'compil'; .*; did you mean 'compile'\\?"),
    ({"regimes": "inverse-perplexty"}, "did you mean 'inverse-perplexity'\\?"),
    ({"regimes": "compile~2"}, "a probability, such as compile~0.1"),
    ({"thresholds": "pylnt=8"}, "has a threshold 'pylnt'; there are cc, mi, pylint, timeout; did you mean 'pylint'\\?"),
    ({"thresholds": "pylint"}, "'pylint' is not NAME=NUMBER"),
    ({"thresholds": "pylint=inf"}, "'pylint=inf' is not NAME=NUMBER"),
    ({"thresholds": "fraction=2", "regimes": "perplexity"}, "keeps a fraction above 0 and at most 1, not 2"),
    ({"prompt": "1-shoot"}, "prompt: there is no '1-shoot'; .*; did you mean '1-shot'\\?"),
    ({"benchmarks": "humanevl"}, "benchmarks: there is no 'humanevl'; .*; did you mean 'humaneval'\\?"),
    ({"device": "cuda:1"}, "device must be '', 'cpu' or 'cuda', not cuda:1"),
    ({"samples": "4"}, "samples wants an eval_temperature above 0"),
    ({"pool": "x.jsonl", "pool_columns": "text"}, "'text' is no pair such as prompt=text"),
    ({"pool": "x.jsonl", "pool_columns": "promt=text"}, "did you mean 'prompt'\\?"),
    ({"pool_columns": "prompt=text"}, "pool_columns has no effect with the pool stdlib"),
    ({"judge_model": "x"}, "judge_model has no effect without the gate judge"),
    ({"human": "0.2"}, "human has no effect unless data is mixed"),
    ({"probe_samples": "9"}, "probe_samples has no effect without probe"),
    ({"freeze": "true"}, "freeze has no effect without a gate that keeps a fraction"),
    ({"freeze": "true", "regimes": "self-score+perplexity"}, "freeze wants one gate that compares candidates"),
    ({"top_p": "0.5", "temperature": "0"}, "top_p has no effect where all is greedy"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "said"), WRONG, ids=lambda given: "-".join(given) if isinstance(given, dict) else "")
@pytest.mark.parametrize("where", ["file", "flags"])
def test_a_wrong_setting_is_said_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, given: dict[str, str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value)]
    if where == "file":
        (tmp_path / "x.toml").write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in given.items()))
        words = ["x.toml"]
    done = CliRunner().invoke(cli.app, ["rounds", *words])
    assert done.exit_code == 2
    assert re.search(said, done.stderr)
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == (["x.toml"] if where == "file" else [])


def test_values_of_a_file_have_their_types() -> None:
    for given, said in (({"rounds": 2.5}, "rounds must be a whole number"), ({"model": 7}, "model must be a valid string")):
        with pytest.raises(UsageError, match=said):
            read(None, given)
    assert read(None, {"freeze": "", "regimes": ["judge"], "seeds": "3, 4", "thresholds": "fraction=0.5"}).freeze


def test_all_wrong_settings_are_said_a_line_each(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        read(None, {"rounds": "0", "prompt": "x", "nope": "1"})
    assert [line.split()[0] for line in str(error.value).splitlines()] == ["rounds", "prompt:", "no"]
    with pytest.raises(UsageError, match=r"smal: No such file or directory; presets are paper, small; did you mean 'small'\?"):
        read(Path("smal"), {})
    (tmp_path / "x.toml").write_text("rounds = = 2\n")
    with pytest.raises(UsageError, match=r"x\.toml: "):
        read(tmp_path / "x.toml", {})


def test_thresholds_go_to_the_gates_that_have_them() -> None:
    asked = read(None, {"regimes": "compile,quality,repetition+quality", "thresholds": "pylint=8,tokens=30"})
    found = {regime: asked.thresholds_of(regime) for regime in asked.regimes}
    assert found == {"compile": {}, "quality": {"pylint": 8.0}, "repetition+quality": {"pylint": 8.0, "tokens": 30.0}}


def test_help_describes_every_setting() -> None:
    shown = " ".join(CliRunner().invoke(cli.app, ["rounds", "--help"]).stdout.split())
    for name, field in RoundsSettings.model_fields.items():
        assert f"--{name.replace('_', '-')} {field.description}" in shown


@pytest.mark.parametrize("name", ["small-cpu", "mbpp-cpu"])
def test_settings_of_earlier_runs_are_read(name: str) -> None:
    folder = Path(__file__).parents[1] / "experiments" / name
    found, before = read(folder / "config.toml", {}).plain(), json.loads((folder / "summary.json").read_text())["settings"]
    assert {key: found[key] for key in before} == before | {"output": found["output"]}


@pytest.mark.parametrize("preset", ["small", "paper"])
def test_presets_are_read_and_flags_go_before_them(preset: str) -> None:
    found = read(Path(preset), {"rounds": "7", "seeds": "1,2"})
    assert (found.rounds, found.seeds) == (7, (1, 2))


def test_pool_of_the_standard_library(engine: DockerEngine) -> None:
    items = pool.load(pool.STDLIB, engine)
    assert len(items) > 500
    assert 0.05 < sum(item.held_out for item in items) / len(items) < 0.15
    assert any(item.test for item in items)
    for item in random.Random(0).sample(items, 50):
        compile(item.human, item.task.task_id, "exec")


def test_pools_of_other_forms(tmp_path: Path) -> None:
    """A folder that `datasets` reads, as it reads the hub's; columns with other names; lists of lines."""
    pytest.importorskip("datasets")
    rows = [{"task_id": i, "text": f"Write f{i}.", "code": f"def f{i}(): pass", "test_list": [f"f{i}()", "assert True"]} for i in (1, 2)]
    (tmp_path / "set").mkdir()
    for file in (tmp_path / "set" / "train.jsonl", tmp_path / "pool.jsonl"):
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = {"prompt": "text", "solution": "code", "test": "test_list", "id": "task_id"}
    for source in (str(tmp_path / "set"), f"{tmp_path / 'set'}:train", str(tmp_path / "pool.jsonl")):
        first, second = pool.load(source, columns=columns)
        assert (first.task.task_id, first.task.prompt, first.test) == ("1", "Write f1.", "f1()\nassert True")
        assert second.human == "def f2(): pass", "the prompt is prose"
    with pytest.raises(pool.PoolError, match="row 1: wants `prompt`"):
        pool.load(str(tmp_path / "set"))
    for wrong in ({"prompt": "txt"}, {"tests": "test_list"}):
        with pytest.raises(pool.PoolError, match="each named after one that is there"):
            pool.load(str(tmp_path / "set"), columns=wrong)
    (tmp_path / "nulls.jsonl").write_text('{"prompt": "x = 1\\n", "solution": null, "test": null, "id": null}\n')
    (item,) = pool.load(str(tmp_path / "nulls.jsonl"))
    assert (item.test, item.task.canonical_solution) == ("", "")
    with pytest.raises(pool.PoolError, match="no data set that can be read"):
        pool.load(f"{tmp_path / 'set'}:nothing", columns=columns)


def test_bad_pools(tmp_path: Path) -> None:
    file = tmp_path / "pool.jsonl"
    file.write_text('{"prompt": "x"}\n{"promt": "y"}\n{"prompt": "z", "test": 3}\n')
    with pytest.raises(pool.PoolError, match=r":2: wants `prompt`(.|\n)*:3: wants"):
        pool.load(str(file))
    with pytest.raises(pool.PoolError, match="No such file"):
        pool.load(str(tmp_path / "none.jsonl"))


def test_plan_counts_and_grows_with_the_model() -> None:
    asked = RoundsSettings(regimes=("none", "compile"), rounds=5, seeds=(0, 1, 2), budget=100, accept=50)
    small, large = plan(asked, "h200", 5e8), plan(asked, "h200", 7e9)
    assert (small["cells"], small["rounds"], small["candidates_at_most"]) == (6, 30, 3000)
    assert large["hours_total"] > 10 * small["hours_total"]
    with pytest.raises(UsageError, match="h200"):
        plan(asked, "abacus", 1e9)


def test_the_preset_small_in_a_smaller_form(tmp_path: Path) -> None:
    """The default model writes, is trained on what the gates accepted, and is judged: every stage is the real one."""
    flags = {
        "regimes": "none,compile", "rounds": 1, "accept": 2, "budget": 8, "max-new-tokens": 48, "steps": 1, "batch-size": 2,
        "sequence": 128, "limit": 2, "eval-tokens": 32, "measured": 4, "unfinished": "open", "output": tmp_path / "run",
    }  # fmt: skip
    command = [sys.executable, "-m", "toolkit.cli", "rounds", "small"]
    command += [str(word) for name, value in flags.items() for word in (f"--{name}", value)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for regime in ("none", "compile"):
        folder = tmp_path / "run" / "seed0" / regime / "round1"
        found = json.loads((folder / "measure.json").read_text())
        assert found, folder
        assert list(folder.glob("run-humaneval/results.jsonl"))
    assert "seed 0 none round 1: accepted 2 of" in done.stdout
    assert re.search(r"stages took \d+ s, those in boxes \d+ s = ", done.stdout)
    assert (tmp_path / "run" / "report.html").stat().st_size > 1000
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.stdout == done.stdout
