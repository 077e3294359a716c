"""Settings of rounds: what is wrong is said before anything is made."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from toolkit.cli import main as cli
from toolkit.errors import UsageError
from toolkit.rounds.plan import plan
from toolkit.rounds.settings import RoundsSettings, read


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
    ({"thresholds": "fraction=2", "regimes": "perplexity"}, "fraction of the gate 'perplexity' must be above 0 and at most 1, not 2"),
    ({"prompt": "1-shoot"}, "prompt: there is no '1-shoot'; .*; did you mean '1-shot'\\?"),
    ({"benchmarks": "humanevl"}, "benchmarks: no benchmark is called 'humanevl'; .*; did you mean 'humaneval'\\?"),
    ({"generator": "transformer"}, "generator: no generator is called 'transformer'; .*; did you mean 'transformers'\\?"),
    ({"device": "cuda:1"}, "device must be '', 'cpu' or 'cuda', not cuda:1"),
    ({"samples": "4"}, "samples wants an eval_temperature above 0"),
    ({"pool": "x.jsonl", "pool_columns": "text"}, "'text' is no pair such as prompt=text"),
    ({"pool": "x.jsonl", "pool_columns": "promt=text"}, "did you mean 'prompt'\\?"),
    ({"pool_columns": "prompt=text"}, "pool_columns has no effect with the pool stdlib"),
    ({"judge_model": "x"}, "judge_model has no effect without the gate judge"),
    ({"cot": ""}, "cot has no effect without the gate judge"),
    ({"human": "0.2"}, "human has no effect unless data is mixed"),
    ({"probe_samples": "9"}, "probe_samples has no effect without probe"),
    ({"freeze": "true"}, "freeze has no effect without a gate that keeps a fraction"),
    ({"calibrate": "9", "regimes": "self-score"}, "calibrate has no effect without freeze"),
    ({"batch_size": "8", "processes": "3"}, r"batch_size \(8\) cannot be divided among 3 processes"),
    ({"served": "x"}, "served has no effect without base_url"),
    ({"base_url": "http://x/v1", "full": ""}, "base_url: an endpoint is given adapters, and full trains whole models"),
    ({"base_url": "http://x/v1", "generator": "openai"}, "generator has no effect with base_url"),
    ({"release": "release_v1"}, "release has no effect without a benchmark that has releases"),
    ({"freeze": "true", "regimes": "self-score+perplexity"}, "freeze wants one gate that compares candidates"),
    ({"scored": "1,3"}, "scored names round 3, and there are 2"),
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
    shown = "".join(CliRunner().invoke(cli.app, ["rounds", "--help"]).stdout.split())  # lines end at hyphens too
    for name, field in RoundsSettings.model_fields.items():
        assert "".join(f"--{name.replace('_', '-')} {field.description}".split()) in shown


def test_settings_of_earlier_runs_are_read() -> None:
    folder = Path(__file__).parents[3] / "experiments" / "mbpp-cpu"
    found, before = read(folder / "config.toml", {}).plain(), json.loads((folder / "summary.json").read_text())["settings"]
    assert {key: found[key] for key in before} == before | {"output": found["output"]}


@pytest.mark.parametrize("preset", ["small", "paper"])
def test_presets_are_read_and_flags_go_before_them(preset: str) -> None:
    found = read(Path(preset), {"rounds": "7", "seeds": "1,2"})
    assert (found.rounds, found.seeds) == (7, (1, 2))


def test_plan_counts_and_grows_with_the_model() -> None:
    asked = RoundsSettings(regimes=("none", "compile"), rounds=5, seeds=(0, 1, 2), budget=100, accept=50)
    small, large = plan(asked, "h200", 5e8), plan(asked, "h200", 7e9)
    assert (small["cells"], small["rounds"], small["candidates_at_most"]) == (6, 30, 3000)
    assert large["hours_total"] > 10 * small["hours_total"]
    with pytest.raises(UsageError, match="h200"):
        plan(asked, "abacus", 1e9)
