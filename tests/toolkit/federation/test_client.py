"""What a client does: the training of `toolkit train`, from the server's weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.tiny import tiny
from tests.toolkit.training.learnt import PROGRAMS, rows
from toolkit.federation import client as clients
from toolkit.federation.loop import average, federate
from toolkit.models.load import load
from toolkit.models.source import Source
from toolkit.training import data
from toolkit.training.loop import train
from toolkit.training.settings import TrainSettings

torch = pytest.importorskip("torch")
STEPS = 3


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny(tmp_path_factory.mktemp("model"), context=256)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rows(tmp_path_factory.mktemp("data") / "data.jsonl", [{"content": text} for text in PROGRAMS])


def settings(model: str, file: Path, output: Path, **more: Any) -> TrainSettings:
    told = {"steps": STEPS, "batch": 2, "sequence": 32, "lora_rank": 4, "lora_alpha": 8, "seed": 5, "checkpoint_every": 0, "device": "cpu", **more}
    return TrainSettings(data=(file,), output=output, model=model, **told)


def trainer(model: str, told: TrainSettings, shared: Any = "plain", **more: Any) -> clients.Trainer:
    torch.manual_seed(told.seed)
    loaded = clients.with_adapter(load(Source(model=model, device="cpu")), shared, rank=4, alpha=8, seed=told.seed)
    return clients.Trainer(loaded=loaded, settings=told, **more)


def written(model: str, folder: Path) -> dict[str, Any]:
    loaded = load(Source(model=model, adapter=str(folder), device="cpu"))
    return {name: weight.numpy() for name, weight in loaded.model.state_dict().items()}


def test_one_client_for_one_round_is_toolkit_train_to_the_bit(model: str, file: Path, tmp_path: Path) -> None:
    told = settings(model, file, tmp_path / "run")
    outcome = train(told)
    mine = trainer(model, told)
    texts, _ = data.read([file])
    after, _ = federate(mine.arrays(), [lambda given, number: mine.train(given, number, 0, texts)], 1)
    mine.put(after)
    from safetensors.numpy import load_file

    theirs = load_file(outcome.weights / "adapter_model.safetensors")
    assert len(theirs) == len(after) > 0
    for name, array in after.items():
        assert (theirs[name.replace(".default", "")] == array).all(), name


@pytest.mark.parametrize("carry", [True, False])
def test_rounds_are_one_training_only_where_moments_and_clock_are_carried(carry: bool, model: str, file: Path, tmp_path: Path) -> None:
    texts, _ = data.read([file])
    whole = trainer(model, settings(model, file, tmp_path, steps=2 * STEPS))
    at_once = whole.train(whole.arrays(), 0, 0, texts).arrays
    parts = trainer(model, settings(model, file, tmp_path), carry=carry, rounds=2)
    after, _ = federate(parts.arrays(), [lambda given, number: parts.train(given, number, 0, texts)], 2)
    assert all((at_once[name] == array).all() for name, array in after.items()) is carry


def test_without_mu_it_is_fedavg_and_with_it_weights_stay_nearer(model: str, file: Path, tmp_path: Path) -> None:
    texts, _ = data.read([file])

    def moved(mu: float) -> Any:
        mine = trainer(model, settings(model, file, tmp_path, lr=0.01, clip=0), mu=mu)
        start = mine.arrays()
        after = mine.train(start, 0, 0, texts).arrays
        return after, np.sqrt(sum(((after[name] - start[name]) ** 2).sum() for name in start))

    (none, far), (zero, _), (_, near) = moved(0.0), moved(0.0), moved(100.0)
    assert all((none[name] == zero[name]).all() for name in none)
    assert near < 0.9 * far


def test_the_proximal_term_is_squared() -> None:
    weight, anchor = torch.tensor([3.0, 5.0], requires_grad=True), torch.tensor([1.0, 1.0])
    term = clients.proximal({"w": weight}, {"w": anchor}, 0.5)
    assert term.item() == 0.25 * (4 + 16)
    term.backward()
    assert weight.grad.tolist() == [0.5 * 2, 0.5 * 4]  # mu (w - w_g): of an unsquared norm it would not grow with the distance


def test_frozen_a_makes_the_mean_of_adapters_the_mean_of_what_they_do(model: str, file: Path, tmp_path: Path) -> None:
    texts, _ = data.read([file])
    distance = {}
    for shared in ("plain", "ffa"):
        mine = trainer(model, settings(model, file, tmp_path, lr=0.01), shared)
        start = mine.arrays()
        every = {name: weight.detach().clone() for name, weight in mine.loaded.model.named_parameters() if "lora_" in name}

        def product(arrays: Any, every: Any = every) -> Any:
            whole = {name: torch.from_numpy(arrays[name]) if name in arrays else weight for name, weight in every.items()}
            return [whole[name.replace("lora_A", "lora_B")].double() @ whole[name].double() for name in whole if "lora_A" in name]

        updates = [mine.train(start, 0, at, texts[at::2]) for at in range(2)]
        mean = [(one + other) / 2 for one, other in zip(*(product(each.arrays) for each in updates), strict=True)]
        merged = product(average([type(each)(arrays=each.arrays, weight=1) for each in updates]))
        size = sum(each.norm() ** 2 for each in mean) ** 0.5
        distance[shared] = float(sum((a - b).norm() ** 2 for a, b in zip(mean, merged, strict=True)) ** 0.5 / size)
    assert distance["ffa"] < 1e-6
    assert distance["plain"] > 1e-3


def test_frozen_a_is_not_sent(model: str, file: Path, tmp_path: Path) -> None:
    told = settings(model, file, tmp_path)
    assert {name.split(".")[-3] for name in trainer(model, told, "ffa").arrays()} == {"lora_B"}
    assert {name.split(".")[-3] for name in trainer(model, told, "plain").arrays()} == {"lora_A", "lora_B"}


def test_other_weights_than_those_that_are_trained_are_refused(model: str, file: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="not those that this client trains"):
        trainer(model, settings(model, file, tmp_path)).put({"w": np.zeros(1)})
