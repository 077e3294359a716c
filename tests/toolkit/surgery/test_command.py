"""`toolkit upcycle`, from the command line."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

from click.testing import CliRunner
from typer.main import get_command

from tests.toolkit.test_formats import documented, keys
from toolkit.cli.main import app


def test_a_mixture_in_a_folder(dense: str, tmp_path: Path) -> None:
    out = tmp_path / "mixture"
    words = ["upcycle", dense, "-o", str(out), "--experts", "4", "--layers", "1", "--init", "virtual"]
    done = CliRunner().invoke(get_command(app), words)
    assert done.exit_code == 0, done.stderr
    assert "Logits differ from its own by at most" in done.stdout
    row = json.loads((out / "upcycling.json").read_text())
    assert (row["experts"], row["layers"], row["init"]) == (4, 1, "virtual")
    assert row["difference"] < 1e-4
    assert row["active_parameters"] == row["parent_parameters"] + 4 * 32
    assert json.loads((out / "config.json").read_text())["model_type"] == "glm4_moe"
    assert not set(keys(row)) - documented()
    again = CliRunner().invoke(get_command(app), words)
    assert (again.exit_code, again.stderr) == (2, f"toolkit: --output {out} is there already; choose another folder\n")


@pytest.mark.parametrize(("flags", "said"), [
    (["--active", "1"], "--active 1: a token's only expert always has the weight 1, so that no router learns; take 2"),
    (["--init", "no"], "--init is one of copy, noise, drop, partition, virtual, random, skewed, dead, not 'no'"),
    (["--experts", "5", "--init", "partition"], "--init partition: 64 inner dimensions are not 5 equal slices"),
])  # fmt: skip
def test_what_cannot_be_made_is_one_line(dense: str, tmp_path: Path, flags: list[str], said: str) -> None:
    done = CliRunner().invoke(get_command(app), ["upcycle", dense, "-o", str(tmp_path / "no"), *flags])
    assert (done.exit_code, done.stderr) == (2, f"toolkit: {said}\n")
    assert not list(tmp_path.iterdir())
