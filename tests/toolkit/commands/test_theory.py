"""`toolkit analyze --theory`: its toy under real gates, the same each time, on prompts that are not trained on."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from typer.main import get_command

from sandbox import DockerEngine, Sandbox
from toolkit.analysis.ngram import NGram, tokens
from toolkit.cli.main import app
from toolkit.commands import theory


def test_a_model_of_n_grams_is_a_law() -> None:
    model = NGram(tokens("ab cd")).learn([("p", " ab"), ("p", " ab"), ("p", " cd")])
    chances = model.chances(["p", " "])
    assert chances.sum() == pytest.approx(1)
    assert chances[model.vocabulary.index("ab")] > 1.5 * chances[model.vocabulary.index("cd")] > 0
    assert chances.min() > 0, "nothing is impossible"
    logs = model.logprobs(["p"], [" ab"], [False])[0]
    assert len(logs) == 2
    assert logs[1] == pytest.approx(np.log(chances[model.vocabulary.index("ab")]))
    again = model.learn([("p", " zz")], 0.5)
    assert again.chances(["p", " "])[again.vocabulary.index("zz")] > 0.2
    assert again.identity != model.identity == NGram(tokens("ab cd")).learn([("p", " ab"), ("p", " cd"), ("p", " ab")]).identity
    kept = model.learn([("p", " ab"), ("p", " ab"), ("p", " cd")], 0.3)
    assert kept.chances(["p", " "]) == pytest.approx(chances), "the gated law is the ungated one: training on it changes nothing"


def test_the_toy_tells_a_constant_gate_from_the_oracle(engine: DockerEngine) -> None:
    with Sandbox(engine, 2) as sandbox:
        rows = theory.toy(sandbox, regimes=("none", theory.LOT, "tests"), rounds=1, each=300, most=4)
        few = [theory.toy(sandbox, regimes=("tests",), rounds=1, each=10, most=4) for _ in range(2)]
    assert few[0] == few[1], "the same each time"
    verdicts = {row["regime"]: row["confirmation"]["verdict"] for row in rows if row["round"] == 0}
    assert verdicts == {"none": "yes", theory.LOT: "yes", "tests": "no"}
    correct = {row["regime"]: row["correct"] for row in rows if row["round"] == 1}
    assert correct["tests"] > correct["none"] + 0.02
    assert all(row["confirmation"]["bound"]["violated"] == 0 for row in rows)
    held_out = {p.text for p in theory.prompts(4) if theory.is_held_out(p)}
    assert 0 < len(held_out) < len(theory.prompts(4))


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    command = get_command(app)

    def said(*words: str) -> tuple[int, str]:
        found = CliRunner().invoke(command, ["analyze", *words])
        return found.exit_code, found.stderr.strip()

    assert said() == (2, "toolkit: name a run, or say --theory")
    assert said("--theory", str(tmp_path))[0] == 2
    assert said("--theory", "--split", "2024-01-01") == (2, "toolkit: --split has no effect without RUN")
    assert said(str(tmp_path), "--device", "cpu") == (2, "toolkit: --device has no effect without --spectra")
    assert said(str(tmp_path), "--quick") == (2, "toolkit: --quick has no effect without --theory")
    code, text = said(str(tmp_path / "none"))
    assert code == 2
    assert "is no run folder" in text
    assert text.count("\n") == 0
    (tmp_path / "summary.json").write_text("{")
    assert said(str(tmp_path))[0] == 2
    (tmp_path / "summary.json").write_text(json.dumps({"rows": [], "settings": {"rounds": 1}}))
    code, text = said(str(tmp_path), "--split", "soon")
    assert (code, "wants a day such as 2024-05-31" in text) == (2, True)
    assert said(str(tmp_path), "--split", "cutoff")[0] == 2
    assert said(str(tmp_path), "--dates", str(tmp_path / "summary.json"))[0] == 2
    assert said(str(tmp_path), "--spectra", "4")[0] == 2
    assert said(str(tmp_path), "--overlap")[0] == 2
    assert said(str(tmp_path))[0] == 0
