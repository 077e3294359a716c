"""An adapter's update survives 16 bits: it is smaller than the distance between two bfloat16 weights, and stays beside them."""

import warnings
from dataclasses import replace
from typing import Any

import pytest

from tests.tiny import tiny

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

from toolkit.models.load import Loaded, load  # noqa: E402
from toolkit.models.scorer import ModelScorer  # noqa: E402
from toolkit.models.source import Source  # noqa: E402
from toolkit.training.loop import TrainSettings, train  # noqa: E402

TEXTS = [f"def f{i}(x):\n    return x * {i} + {i % 7}\n" for i in range(40)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A model whose weights are bfloat16's, and an adapter whose update is small beside them, as after a round."""
    folder = tmp_path_factory.mktemp("model")
    model = tiny(folder / "model", hidden=64)
    loaded = load(Source(model=model, device="cpu"))
    torch.manual_seed(0)
    for weight in loaded.model.parameters():
        weight.data += 0.1 * torch.randn_like(weight)
    loaded.model.to(torch.bfloat16).save_pretrained(model)
    (folder / "data.jsonl").write_text("".join(f'{{"content": {text!r}}}\n'.replace("'", '"') for text in TEXTS))
    told = TrainSettings(data=(folder / "data.jsonl",), output=folder / "out", model=model, steps=8, batch=4, sequence=64, lr=2e-5,
                         device="cpu")  # fmt: skip
    return model, str(train(told).weights)


def share(found: Any, wanted: Any) -> float:
    """How much of the wanted change is in the one found: the slope of one on the other."""
    found, wanted = found.detach(), wanted.detach()
    return float((found * wanted).sum() / (wanted * wanted).sum())


def logprobs(model: Any, loaded: Loaded) -> Any:
    rows = ModelScorer(loaded=replace(loaded, model=model)).logprobs([""] * len(TEXTS), TEXTS)
    return torch.cat([torch.as_tensor(row) for row in rows])


def test_an_update_survives_16_bits(trained: tuple[str, str]) -> None:
    model, adapter = trained
    plain32, with32 = (load(Source(model=model, adapter=each, device="cpu", dtype="float32")) for each in (None, adapter))
    with16 = load(Source(model=model, adapter=adapter, device="cpu", dtype="bfloat16"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        into = load(Source(model=model, device="cpu", dtype="bfloat16")).model
        merged = peft.PeftModel.from_pretrained(into, adapter).merge_and_unload()
    before, after, lossy = (dict(each.named_parameters()) for each in (plain32.model, with32.model, merged))
    names = [name for name in before if "_proj" in name]
    wanted = torch.cat([(after[name] - before[name]).flatten() for name in names])
    rounded = torch.cat([(lossy[name].float() - before[name]).flatten() for name in names])
    beside = dict(with16.model.named_modules())
    kept = torch.cat([beside[name.removesuffix(".weight")].get_delta_weight("default").float().flatten() for name in names])
    assert share(rounded, wanted) < 0.7, "merged into 16 bits, the rest is lost"
    assert share(kept, wanted) == pytest.approx(1, abs=1e-3)
    change = logprobs(with32.model, with32) - logprobs(plain32.model, plain32)
    for_good = share(logprobs(merged.float(), plain32) - logprobs(plain32.model, plain32), change)
    assert for_good < 0.95
    for each, dtype in ((with16, torch.bfloat16), (with32, torch.float32)):
        assert each.model.dtype == dtype
    assert not any("lora" in name for name in after), "in float32 it is merged"
    held = logprobs(with16.model.float(), plain32)  # what the weights and the adapter hold, whatever the arithmetic
    assert share(held - logprobs(plain32.model, plain32), change) == pytest.approx(1, abs=1e-3)
