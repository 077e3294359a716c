"""Settings of a training: what is wrong is said before anything is made."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.tiny import FIM, tiny
from tests.toolkit.training.learnt import small
from toolkit.cli import main as cli
from toolkit.errors import InfrastructureError, UsageError
from toolkit.models.save import BASE
from toolkit.models.tokens import FAMILIES
from toolkit.training.loop import TrainSettings, train


def test_an_adapter_of_another_model(model: str, data: Path, tmp_path: Path) -> None:
    outcome = train(small(model, data, tmp_path / "out", steps=1))
    wider = tiny(tmp_path / "wider", hidden=64)
    twin = tiny(tmp_path / "twin", seed=1)
    for other, said in ((wider, "no adapter of"), (twin, "trained on other weights")):
        if other == wider:
            (outcome.weights / BASE).rename(tmp_path / "base")
        with pytest.raises(UsageError, match=said):
            train(small(other, data, tmp_path / "no", adapter=str(outcome.weights)))
        if other == wider:
            (tmp_path / "base").rename(outcome.weights / BASE)
    with pytest.raises(UsageError, match="no adapter of"):
        train(small(model, data, tmp_path / "no", adapter=model))


def test_wrong_settings_are_said(torch: Any, model: str, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="reads at most 256 tokens"):
        train(small(model, data, out, sequence=257))
    with pytest.raises(UsageError, match="no tokens for filling in the middle"):
        train(small(tiny(tmp_path / "plain", fim=False), data, out, fim_rate=0.5))
    with pytest.raises((UsageError, InfrastructureError), match="/nowhere/model"):
        train(small("/nowhere/model", data, out))
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no GPU"):
            train(small(model, data, out, device="cuda"))
    with pytest.raises(UsageError, match=r"the loss is .* in step \d+: lower --lr"):
        train(small(model, data, out, lr=1e30, clip=0, full=True))
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="not a folder"):
        train(small(model, data, tmp_path / "file"))


WRONG = [
    ({"batch": 0}, "--batch must be at least 1, not 0"),
    ({"sequence": 1}, "--sequence must be at least 2, not 1"),
    ({"lr": float("nan")}, "--lr must be at least 0, not nan"),
    ({"spm_rate": 1.1}, "--spm-rate must be at least 0 and at most 1, not 1.1"),
    ({"dtype": "bfloat61"}, "--dtype must be 'float32' or 'bfloat16', not bfloat61; did you mean 'bfloat16'?"),
    ({"device": "cuda:1"}, "--device must be 'cpu' or 'cuda', not cuda:1; did you mean 'cuda'?"),
    ({"seed": -1}, "--seed must be at least 0, not -1"),
    ({"resume": True, "overwrite": True}, "--resume and --overwrite exclude each other"),
    ({"full": True, "lora_rank": 8}, "--lora-rank has no effect with --full"),
    ({"adapter": "x", "lora_alpha": 8}, "--lora-alpha has no effect with --adapter, which keeps its own"),
    ({"steps": 3, "epochs": 2}, "--epochs has no effect where --steps says how many there are"),
    ({"spm_rate": 0.2}, "--spm-rate has no effect without --fim-rate"),
]


@pytest.mark.parametrize(("given", "said"), WRONG, ids=lambda given: "-".join(given) if isinstance(given, dict) else "")
def test_a_wrong_setting_is_said_before_anything_is_made(tmp_path: Path, given: dict[str, Any], said: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match=re.escape(said)):
        TrainSettings(data=(tmp_path / "no.jsonl",), output=out, **given)
    flags = [word for name, value in given.items()
             for word in (f"--{name.replace('_', '-')}", str(value))[: 1 if value is True else 2]]  # fmt: skip
    done = CliRunner().invoke(cli.app, ["train", str(tmp_path / "no.jsonl"), "-o", str(out), *flags])
    assert (done.exit_code, done.stderr) == (2, f"toolkit: {said}\n")
    assert not list(tmp_path.iterdir())


def test_all_wrong_settings_are_said_a_line_each() -> None:
    with pytest.raises(UsageError) as error:
        TrainSettings(data=(), output=Path("x"), batch=0, lr=-1, sequense=3)  # type: ignore[call-arg]
    first, second, third = str(error.value).splitlines()
    assert first == "--batch must be at least 1, not 0"
    assert second == "--lr must be at least 0, not -1"
    assert third.startswith("no setting is called 'sequense'; there are data, output")
    assert third.endswith("did you mean 'sequence'?")


def test_help_describes_every_setting() -> None:
    shown = " ".join(CliRunner().invoke(cli.app, ["train", "--help"]).stdout.split())
    for name, field in TrainSettings.model_fields.items():
        assert str(field.description) in shown
        assert name == "data" or f"--{name.replace('_', '-')} " in shown


def test_fim_names_are_those_of_the_tiny_model() -> None:
    assert FIM in FAMILIES
