"""A training that was killed ends as one that was not, and two processes learn what one does."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("accelerate")

from tests.processes import started  # noqa: E402
from tests.toolkit.training.learnt import changed, files, small  # noqa: E402
from toolkit.errors import InfrastructureError, UsageError  # noqa: E402
from toolkit.models.load import load  # noqa: E402
from toolkit.models.source import Source  # noqa: E402
from toolkit.training import launch  # noqa: E402
from toolkit.training.loop import train  # noqa: E402


@pytest.mark.parametrize("full", [False, True])
def test_going_on_is_the_same_to_the_bit(model: str, data: Path, tmp_path: Path, full: bool) -> None:
    told = small(model, data, tmp_path / "whole", full=full, lora_dropout=0.0 if full else 0.2, fim_rate=0.5, steps=14, batch=6)
    train(told)

    def stop(_: str, done: int, total: int) -> None:
        if done == 8:
            raise KeyboardInterrupt

    halves = changed(told, output=tmp_path / "halves")
    with pytest.raises(KeyboardInterrupt):
        train(halves, stop)
    assert (halves.output / "checkpoint.pt").exists()
    assert not (halves.output / "training.json").exists()
    with pytest.raises(UsageError, match=r"has a training already \(checkpoint.pt\)"):
        train(halves)
    with pytest.raises(UsageError, match=r"lr: 0.005 -> 0.01"):
        train(changed(halves, lr=0.01, resume=True))
    seen: list[int] = []
    outcome = train(changed(halves, resume=True), lambda _, done, total: seen.append(done))
    assert seen[0] == 6
    assert files(tmp_path / "whole") == files(tmp_path / "halves")
    assert replace(train(changed(halves, resume=True)), seconds=outcome.seconds) == outcome
    with pytest.raises(UsageError, match="has a training already"):
        train(halves)
    with pytest.raises(UsageError, match="made with other settings"):
        train(changed(halves, resume=True, seed=1))
    (halves.output / "checkpoint.pt").write_bytes(b"torn")
    (halves.output / "training.json").unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        train(changed(halves, resume=True))
    train(changed(halves, overwrite=True, steps=2))
    assert not (halves.output / "checkpoint.pt").exists()


def test_killed_anywhere_and_gone_on(model: str, data: Path, tmp_path: Path) -> None:
    told = small(model, data, tmp_path / "whole", steps=150, checkpoint_every=1, lora_dropout=0.1)
    train(told)
    killed = changed(told, output=tmp_path / "killed")
    command = [sys.executable, "-m", "toolkit.cli", "train", str(data), "-o", str(killed.output), "--model", model, "--steps", "150"]
    command += ["--sequence", "32", "--batch", "4", "--lr", "5e-3", "--checkpoint-every", "1", "--device", "cpu"]
    command += ["--lora-dropout", "0.1"]
    with started(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 120
        while not (killed.output / "checkpoint.pt").exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        time.sleep(np.random.default_rng().uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
    assert not (killed.output / "training.json").exists()
    train(changed(killed, resume=True))
    assert files(tmp_path / "whole") == files(tmp_path / "killed")


def test_two_processes_learn_what_one_does(model: str, data: Path, tmp_path: Path) -> None:
    told = small(model, data, tmp_path / "one", steps=5)
    one = train(told)
    # What `accelerate launch` starts on several GPUs; on CPUs it wants MPI.
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "toolkit.cli"]
    command += ["train", str(data), "--device", "cpu", "-o", str(tmp_path / "two"), "--model", model, "--sequence", "32", "--batch", "4", "--steps", "5", "--lr", "5e-3"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    two = json.loads(done.stdout)
    assert two["settings"]["processes"] == 2
    assert two["losses"] == pytest.approx(one.losses, abs=1e-4)
    assert two["tokens"] == one.tokens
    weights = [
        load(Source(model=model, adapter=str(tmp_path / name / "adapter"), device="cpu")).model.state_dict()
        for name in ("one", "two")
    ]
    for name, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][name], atol=1e-4), name


def test_a_training_that_is_launched_in_two_processes(model: str, data: Path, tmp_path: Path) -> None:
    one = train(small(model, data, tmp_path / "one", steps=5))
    two = launch.train(small(model, data, tmp_path / "two", steps=5), 2)
    assert two.losses == pytest.approx(one.losses, abs=1e-4)
    assert (two.tokens, two.weights.name) == (one.tokens, "adapter")
    before = files(tmp_path / "two")
    again = launch.train(small(model, data, tmp_path / "two", steps=5, resume=True), 2)
    assert (again.losses, files(tmp_path / "two")) == (two.losses, before), "a training that is over is left as it is"
    with pytest.raises(UsageError, match="has a training already"):
        launch.train(small(model, data, tmp_path / "two", steps=5), 2)
    with pytest.raises(UsageError, match=r"--batch 3 cannot be divided among 2 processes"):
        launch.train(small(model, data, tmp_path / "three", batch=3), 2)
    with pytest.raises(UsageError, match=r"processes: 2 -> 1"):
        train(small(model, data, tmp_path / "two", steps=5, resume=True))


def test_a_launched_training_that_loses_a_process_ends(model: str, data: Path, tmp_path: Path) -> None:
    """The other one waits for it for ever: it is ended, and the training goes on from its checkpoint."""
    told = small(model, data, tmp_path / "out", steps=3000, checkpoint_every=5)
    found: list[BaseException] = []

    def act() -> None:
        try:
            launch.train(told, 2)
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=act)
    thread.start()
    until = time.monotonic() + 120
    while not (told.output / "checkpoint.pt").exists():
        assert thread.is_alive()
        assert time.monotonic() < until
        time.sleep(0.05)
    children = [int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    mine = [pid for pid in children if b"\0RANK=" in Path(f"/proc/{pid}/environ").read_bytes()]
    (second,) = [pid for pid in mine if b"\0RANK=1\0" in Path(f"/proc/{pid}/environ").read_bytes()]
    os.kill(second, signal.SIGKILL)
    thread.join(60)
    assert not thread.is_alive()
    assert [type(error) for error in found] == [InfrastructureError]
    assert not any(Path(f"/proc/{pid}").exists() for pid in mine)


def test_an_adapter_is_gone_on_from(model: str, data: Path, tmp_path: Path) -> None:
    first = train(small(model, data, tmp_path / "1", steps=40, lr=3e-2))
    second = train(small(model, data, tmp_path / "2", steps=2, adapter=str(first.weights)))
    assert second.losses[0] < 0.98 * first.losses[0]
    full = train(small(model, data, tmp_path / "3", steps=2, adapter=str(first.weights), full=True))
    assert full.losses[0] == pytest.approx(second.losses[0], abs=1e-4)
    assert len(full.losses) == 2
    assert full.weights.name == "model"
    assert (full.weights / "config.json").exists()
