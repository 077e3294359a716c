"""Rounds of a real, tiny model on a machine without an engine; what it leaves for one with; what is kept; what a kill costs."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine, SandboxError
from tests.processes import started
from tests.tiny import tiny
from toolkit.errors import InfrastructureError, UsageError
from toolkit.rounds import run as rounds
from toolkit.rounds.settings import RoundsSettings
from toolkit.store.files import SettingsChanged, read_rows

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

ITEMS = [{"id": f"own/{i}", "prompt": f"def f{i}(x):\n", "solution": f"    return x + {i}\n"} for i in range(20)]
WITHOUT = ("pool", "generate", "gate", "train", "write")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny(tmp_path_factory.mktemp("model"))


def settings(folder: Path, model: str, **more: Any) -> RoundsSettings:
    (folder / "pool.jsonl").write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    asked = {"output": folder / "run", "model": model, "pool": str(folder / "pool.jsonl"), "regimes": ("none",), "held_out": 0.0,
             "accept": 4, "budget": 8, "max_new_tokens": 6, "steps": 2, "batch_size": 2, "sequence": 32, "limit": 2, "eval_tokens": 4,
             "unfinished": "closed", "device": "cpu"}  # fmt: skip
    return RoundsSettings(**{**asked, **more})


def test_a_machine_without_an_engine_goes_on_and_one_with_it_completes(
    engine: DockerEngine, tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise SandboxError("no engine here")

    asked = {"regimes": ("none", "self-score"), "rounds": 2}
    with monkeypatch.context() as patched:
        patched.setattr("toolkit.rounds.machine.open_engine", none)
        with pytest.raises(InfrastructureError, match=r"no engine here\n.*--stages pool,generate,gate,train,write; .* later"):
            rounds.run(settings(tmp_path, model, **asked))
        summary = rounds.run(settings(tmp_path, model, stages=WITHOUT, **asked))
    assert summary["rows"] == []
    left = {line.partition("waits for the stage ")[2].partition(",")[0] for line in summary["waiting"]}
    assert left == {"judge-humaneval"}
    assert len(summary["waiting"]) == len(set(summary["waiting"])) == 1 + 2 * 2, "the base, and each round of each regime"
    monkeypatch.setattr("toolkit.models.load.read", none)
    summary = rounds.run(settings(tmp_path, model, stages=("judge", "measure"), **asked))
    assert summary["waiting"] == []
    assert [(row["regime"], row["round"]) for row in summary["rows"]] == [*itertools.product(asked["regimes"], range(3))]


def test_all_that_a_model_does_is_in_the_arithmetic_that_is_asked_for(tmp_path: Path, model: str) -> None:
    asked = settings(tmp_path, model, dtype="bfloat16", regimes=("self-score",), stages=WITHOUT)
    rounds.run(asked)
    assert {json.loads(it.read_text())["dtype"] for it in asked.output.glob("**/training.json")} == {"bfloat16"}
    with pytest.raises(SettingsChanged, match="dtype"):
        rounds.run(asked.model_copy(update={"dtype": ""}))


def test_two_processes_train_what_one_does(tmp_path: Path, model: str) -> None:
    losses = []
    for n in (1, 2):
        (tmp_path / str(n)).mkdir()
        rounds.run(settings(tmp_path / str(n), model, rounds=1, processes=n, stages=("pool", "generate", "gate", "train")))
        stage = json.loads((tmp_path / str(n) / "run" / "seed0" / "none" / "round1" / "train.json").read_text())
        losses.append(stage["outputs"]["loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
    assert stage["inputs"]["processes"] == 2


def test_the_ledger_says_what_was_cut_off(engine: DockerEngine, tmp_path: Path, model: str) -> None:
    """This model never stops by itself: nothing is taught by default, and the ledger says so."""
    (base, row) = rounds.run(settings(tmp_path, model, unfinished="leave-out", rounds=1))["rows"]
    assert base["round"] == 0
    assert row["stopped"] == "all 8 accepted candidates were cut off at the token limit"
    assert (row["candidates"], row["accepted"], row["retained"]) == (8, 8, 0)
    assert (row["finished"], row["accepted_finished"], row["trained_finished"]) == (0.0, 0.0, None)
    (_, row) = rounds.run(settings(tmp_path, model, rounds=1, unfinished="open", output=tmp_path / "open"))["rows"]
    assert (row["stopped"], row["trained_on"], row["trained_finished"]) == (None, 4, 0.0)
    folder = tmp_path / "open" / "seed0" / "none" / "round1"
    assert not any(row["finished"] for row in read_rows(folder / "train.jsonl"))
    assert json.loads((folder / "weights" / "training.json").read_text())["finished"] == 0.0


@pytest.mark.parametrize(("keep", "full", "kept"), [
    ("auto", False, [1, 2, 3]), ("auto", True, [3]), ("last", False, [3]), ("none", True, []), ("all", True, [1, 2, 3]),
])  # fmt: skip
def test_weights_are_kept_as_asked(tmp_path: Path, model: str, keep: str, full: bool, kept: list[int]) -> None:
    asked = settings(tmp_path, model, rounds=3, keep_weights=keep, full=full, stages=WITHOUT, checkpoint_every=0)
    for _ in range(2):  # the second time, all is done, and nothing that is gone is needed
        rounds.run(asked)
        cell = tmp_path / "run" / "seed0" / "none"
        found = [n for n in (1, 2, 3) if list((cell / f"round{n}" / "weights").glob("*/*.safetensors"))]
        assert found == kept
    if keep == "last":
        (cell / "round1" / "write-humaneval.json").unlink()
        with pytest.raises(UsageError, match="these weights were not kept"):
            rounds.run(asked)


def test_what_sampling_depends_on_is_in_every_fingerprint(tmp_path: Path, model: str) -> None:
    asked = {"rounds": 1, "stages": WITHOUT, "eval_temperature": 0.5, "probe": 2, "held_out": 0.4}
    rounds.run(settings(tmp_path, model, **asked))
    for changed in ({"top_p": 0.5}, {"strip": False}, {"stops": "none"}, {"temperature": 0.7}, {"eval_temperature": 0.6}):
        with pytest.raises(SettingsChanged, match=next(iter(changed)).removeprefix("eval_")):
            rounds.run(settings(tmp_path, model, **{**asked, **changed}))
    folder = tmp_path / "run" / "seed0"
    for file in (folder / "base/round0/write-humaneval.json", folder / "none/round1/generate-0.json",
                 folder / "none/round1/generate-held-out.json"):  # fmt: skip
        inputs = json.loads(file.read_text())["inputs"]
        assert {"temperature", "top_p", "tokens", "prompt", "seed"} <= inputs.keys()


def test_noise_hits_others_for_each_seed(tmp_path: Path, model: str) -> None:
    asked = settings(tmp_path, model, regimes=("none~0.5",), seeds=(0, 1), rounds=1, stages=("pool", "generate", "gate"),
                     temperature=0.0, prompts="same", accept=16, budget=16, benchmarks=())  # fmt: skip
    rounds.run(asked)
    hit = []
    for seed in (0, 1):
        folder = tmp_path / "run" / f"seed{seed}" / "none_0.5" / "round1"
        folder = folder if folder.exists() else next((tmp_path / "run" / f"seed{seed}").glob("none*/round1"))
        pairs = zip(read_rows(folder / "candidates-0.jsonl"), read_rows(folder / "reports-0.jsonl"), strict=True)
        hit.append({row["task_id"] for row, said in pairs if not said["accepted"]})
    assert hit[0] != hit[1]


def test_prompts_are_the_same_or_shuffled_anew(tmp_path: Path, model: str) -> None:
    orders = {}
    for how in ("same", "shuffled"):
        rounds.run(settings(tmp_path, model, prompts=how, rounds=2, stages=WITHOUT, benchmarks=(), output=tmp_path / how))
        cell = tmp_path / how / "seed0" / "none"
        orders[how] = [[row["task_id"] for row in read_rows(cell / f"round{n}" / "candidates-0.jsonl")] for n in (1, 2)]
    assert orders["same"][0] == orders["same"][1]
    assert orders["shuffled"][0] != orders["shuffled"][1]


def test_a_kill_while_candidates_are_written_loses_no_batch_that_was_done(tmp_path: Path, model: str) -> None:
    """Killed once some of 200 candidates are journalled: the next call keeps them, and ends as one that was not killed."""
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    flags = {"model": model, "pool": tmp_path / "pool.jsonl", "regimes": "none", "rounds": 1, "accept": 200, "budget": 200,
             "max-new-tokens": 60, "stages": "pool,generate", "benchmarks": "", "device": "cpu", "held-out": 0}  # fmt: skip
    command = [sys.executable, "-m", "toolkit.cli", "rounds", *(str(w) for n, v in flags.items() for w in (f"--{n}", v))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    folder = Path("seed0") / "none" / "round1"
    part = tmp_path / "killed" / folder / "candidates-0.jsonl.part"
    with started([*command, "--output", str(tmp_path / "killed")], env=environment, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 240
        while not (part.exists() and part.stat().st_size):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    before = part.read_bytes()
    n_done = before.count(b"\n")
    assert 0 < n_done < 200
    for name in ("killed", "whole"):
        done = subprocess.run([*command, "--output", str(tmp_path / name)], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    files = [(tmp_path / name / folder / "candidates-0.jsonl").read_bytes() for name in ("killed", "whole")]
    assert files[0] == files[1]
    kept = [json.dumps(json.loads(line)["row"]) for line in before.splitlines()[:n_done]]
    assert set(kept) <= set(files[0].decode().splitlines())
