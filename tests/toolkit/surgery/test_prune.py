"""Pruning by hand-made cases: what is left computes what it computed, and what goes is what should."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny
from toolkit.commands.prune import prune as command
from toolkit.errors import UsageError
from toolkit.federation.client import merged, with_adapter
from toolkit.models.load import load
from toolkit.models.save import weights_hash
from toolkit.models.source import Source
from toolkit.surgery import prune

torch = pytest.importorskip("torch")
pytest.importorskip("torch_pruning")
TEXTS = [[5, 9, 40, 7, 80, 12], [33, 2, 60]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny(tmp_path_factory.mktemp("model"))


@pytest.fixture
def model(folder: str) -> Any:
    return load(Source(model=folder, device="cpu")).model.double()


def logits(model: Any) -> Any:
    with torch.no_grad():
        return model(input_ids=torch.tensor([[5, 9, 40, 7, 80]])).logits


@pytest.mark.parametrize("how", prune.SCORES)
def test_a_pruned_model_is_the_masked_one(model: Any, how: str) -> None:
    kept = prune.kept_channels(prune.channel_scores(model, how, TEXTS, seed=1), 0.4)
    masked = copy.deepcopy(model)
    with torch.no_grad():
        for layer, stay in zip(masked.model.layers, kept, strict=True):
            mask = torch.zeros(64, dtype=torch.float64)
            mask[stay] = 1
            layer.mlp.down_proj.weight *= mask
    pruned = prune.cut_channels(copy.deepcopy(model), kept)
    assert [len(each) for each in kept] == [40, 40]  # .4 of 64 is 25.6: 24 in multiples of 8
    assert pruned.model.layers[0].mlp.down_proj.weight.shape == (32, 40)
    assert (logits(pruned) - logits(masked)).abs().max() <= 1e-9
    assert (logits(pruned) - logits(model)).abs().max() > 1e-6


def test_nothing_removed_changes_not_a_byte(model: Any) -> None:
    before = weights_hash(model)
    prune.cut_channels(model, prune.kept_channels(prune.channel_scores(model, "act", TEXTS), 0.0))
    assert weights_hash(model) == before


def test_the_number_of_parameters(model: Any) -> None:
    before = prune.sizes(model)
    prune.cut_channels(model, prune.kept_channels(prune.channel_scores(model, "mag"), 0.25))
    after = prune.sizes(model)
    assert before["parameters"] - after["parameters"] == 2 * 16 * 3 * 32  # layers x channels x matrices x width
    assert model.config.intermediate_size == 48
    assert after["parameters"] - after["without_embedding"] == model.config.vocab_size * 32
    assert after["macs_per_token"] == after["parameters"]  # the head is the embedding, which is read, not multiplied


def test_a_channel_that_is_never_active_goes_first(model: Any) -> None:
    with torch.no_grad():
        for layer, dead in zip(model.model.layers, (17, 3), strict=True):
            layer.mlp.up_proj.weight[dead] = 0
            layer.mlp.down_proj.weight[:, dead] = 100  # its weights alone look important
    scores = prune.channel_scores(model, "act", TEXTS)
    assert [int(each.argmin()) for each in scores] == [17, 3]
    assert [int(each.argmax()) for each in prune.channel_scores(model, "mag")] == [17, 3]
    kept = prune.kept_channels(scores, 0.125)
    assert 17 not in kept[0]
    assert 3 not in kept[1]


def test_what_had_no_gradients_has_none_afterwards(model: Any) -> None:
    model.requires_grad_(False)
    model.model.layers[0].mlp.up_proj.weight.requires_grad_(True)
    prune.cut_channels(model, prune.kept_channels(prune.channel_scores(model, "mag"), 0.25))
    assert [name for name, weight in model.named_parameters() if weight.requires_grad] == ["model.layers.0.mlp.up_proj.weight"]
    assert model.config.use_cache
    assert not model.training


def test_the_layer_that_does_nothing_goes_first(model: Any) -> None:
    with torch.no_grad():
        for name in ("self_attn.o_proj", "mlp.down_proj"):
            model.model.layers[1].get_submodule(name).weight.zero_()
    influence = prune.block_influence(model, TEXTS)
    assert influence[1] == pytest.approx(0, abs=1e-12)
    assert influence[0] > 1e-6
    before = logits(model)
    prune.cut_layers(model, [1])
    assert (logits(model) - before).abs().max() <= 1e-9
    assert model.config.num_hidden_layers == 1
    with pytest.raises(UsageError, match="not all of them"):
        prune.cut_layers(model, [0])


def test_voters_keep_what_most_keep_and_scores_decide_ties() -> None:
    scores = [[torch.arange(16.0)], [torch.arange(16.0).flip(0)], [torch.arange(16.0)]]
    votes = [prune.kept_channels(each, 0.5) for each in scores]
    assert prune.voted_channels(votes, scores, 0.5) == [list(range(8, 16))]
    tie = [scores[0], scores[1]]
    uneven = [[torch.arange(16.0) ** 2], scores[1]]
    assert prune.voted_channels(votes[:2], uneven, 0.5) != prune.voted_channels(votes[:2], tie, 0.5)


def test_settings_that_cannot_be(model: Any) -> None:
    with pytest.raises(UsageError, match="at least 0 and below 1, not 1"):
        prune.n_removed(64, 1.0)
    with pytest.raises(UsageError, match="--score is one of act, mag, random, not 'size'"):
        prune.channel_scores(model, "size")
    with pytest.raises(UsageError, match="wants calibration texts"):
        prune.channel_scores(model, "act")
    with pytest.raises(UsageError, match="as many channels as the others"):
        prune.cut_channels(model, [[0, 1], [0]])
    with pytest.raises(UsageError, match="only such are pruned"):
        prune.layers_of(torch.nn.Linear(2, 2))


def test_an_adapter_has_to_be_merged_before_what_is_under_it_is_cut(folder: str) -> None:
    pytest.importorskip("peft")
    adapted = with_adapter(load(Source(model=folder, device="cpu")), "plain", rank=2)
    kept = [list(range(56))] * 2
    for model in (adapted.model, adapted.model.base_model.model):
        with pytest.raises(UsageError, match="merge the adapter before pruning"):
            prune.cut_channels(model, kept)
    assert prune.cut_channels(merged(adapted).model, kept).config.intermediate_size == 56


def test_the_command_writes_a_model_that_all_else_loads(folder: str, tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text(json.dumps({"content": "def add(a, b):\n    return a + b\n"}) + "\n")
    found = command(Source(model=folder, device="cpu"), tmp_path / "small", ffn=0.25, layers=1, calibration=(file,))
    loaded = load(Source(model=str(tmp_path / "small"), device="cpu"))
    assert loaded.model.config.intermediate_size == 48
    assert loaded.model.config.num_hidden_layers == 1
    told = json.loads((tmp_path / "small" / "pruning.json").read_text())
    here = load(Source(model=folder, device="cpu")).model  # the same cuts, without a file between
    prune.cut_channels(prune.cut_layers(here, told["layers"]), told["channels"])
    assert (logits(loaded.model) == logits(here)).all()
    assert told["after"]["parameters"] == sum(each.numel() for each in loaded.model.parameters()) == found["after"]["parameters"]
    again = command(Source(model=folder, device="cpu"), tmp_path / "again", ffn=0.25, layers=1, calibration=(file,))
    assert weights_hash(load(Source(model=str(tmp_path / "again"), device="cpu")).model) == weights_hash(loaded.model)
    assert again["channels"] == found["channels"]
    with pytest.raises(UsageError, match="is there already"):
        command(Source(model=folder, device="cpu"), tmp_path / "small", ffn=0.25, calibration=(file,))
    with pytest.raises(UsageError, match="nothing is to be pruned"):
        command(Source(model=folder, device="cpu"), tmp_path / "none")
