"""Loads, capacity, losses and biases: by hand, and in a training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("accelerate")

from tests.toolkit.training.learnt import PROGRAMS, changed, files, rows, small  # noqa: E402
from toolkit.errors import UsageError  # noqa: E402
from toolkit.models.load import load  # noqa: E402
from toolkit.models.source import Source  # noqa: E402
from toolkit.surgery.moe import Balance, Routing, over_capacity, weighed  # noqa: E402
from toolkit.surgery.upcycle import Upcycling, upcycle  # noqa: E402
from toolkit.training.loop import train  # noqa: E402

Make = Callable[..., Any]
INF = float("inf")


class Told(torch.nn.Module):
    """A model whose routers choose what they are told."""

    def __init__(self, logits: list[Any], active: int) -> None:
        super().__init__()
        from transformers.models.glm4_moe.modeling_glm4_moe import Glm4MoeConfig, Glm4MoeTopkRouter

        self.config = Glm4MoeConfig()
        self.logits = logits
        config = Glm4MoeConfig(hidden_size=logits[0].shape[1], n_routed_experts=logits[0].shape[1], num_experts_per_tok=active)
        self.routers = torch.nn.ModuleList(Glm4MoeTopkRouter(config) for _ in logits)
        for router in self.routers:
            router.weight.data = torch.eye(logits[0].shape[1])

    def forward(self) -> list[Any]:
        return [router(logits) for router, logits in zip(self.routers, self.logits, strict=True)]


def choosing(*chosen: list[list[int]], experts: int, margin: float = 9.0) -> list[Any]:
    """Logits of layers in which each token chooses these experts, the first most."""
    found = []
    for layer in chosen:
        logits = torch.full((len(layer), experts), -float(margin))
        for row, wanted in zip(logits, layer, strict=True):
            for place, expert in enumerate(wanted):
                row[expert] = margin - place / 10
        found.append(logits)
    return found


def passed(model: Any, routing: Routing, kept: Any = None) -> Any:
    kept = torch.ones(1, len(model.logits[0]), dtype=torch.bool) if kept is None else kept
    routing.reads(kept)
    model()
    return routing.loss()


def extra(logits: list[Any], active: int, told: Balance, kept: Any = None) -> float:
    model = Told(logits, active)
    return passed(model, Routing(model, told), kept).item()


def of_loads(loads: list[int]) -> list[list[int]]:
    """Choices, one of a token, with these loads."""
    return [[expert] for expert, load in enumerate(loads) for _ in range(load)]


@pytest.mark.parametrize(("balancer", "moves"), [
    ("alf", [-1, 1, 1, 1]), ("magnitude", [-1, 0.6, 0.2, 0.2]), ("multiplicative", [-1, 1, 1, 1]), ("none", [0] * 4),
    ("aux", [0] * 4),
])  # fmt: skip
def test_biases_after_a_step(balancer: Any, moves: list[float]) -> None:
    model = Told(choosing(of_loads([10, 2, 4, 4]), experts=4), 1)
    routing = Routing(model, Balance(balancer=balancer, rate=0.001))
    passed(model, routing)
    assert not model.routers[0].e_score_correction_bias.any(), "only after the step"
    routing.after_step()
    assert torch.allclose(model.routers[0].e_score_correction_bias, 0.001 * torch.tensor(moves), atol=1e-9)
    assert routing.report()["max_vio"] == [1.0]
    routing.after_step()
    assert len(routing.history) == 1, "nothing was read since"


def test_even_loads_move_nothing() -> None:
    model = Told(choosing(of_loads([5, 5, 5, 5]), experts=4), 1)
    routing = Routing(model, Balance(balancer="alf"))
    passed(model, routing)
    routing.after_step()
    assert not model.routers[0].e_score_correction_bias.any()


def test_capacity_of_known_loads() -> None:
    """512 tokens choose 2 of 8: at a factor of 1 an expert takes 128."""
    loads, slots = [200, 180, 160, 140, 120, 100, 80, 44], []
    for expert, each in enumerate(loads):
        slots += [expert] * each
    chosen = [[slots[at], slots[at + 512]] for at in range(512)]
    for factor, most, share in ((1.0, 128, 168 / 1024), (1.25, 160, 60 / 1024), (2.0, 256, 0.0), (INF, INF, 0.0)):
        model = Told(choosing(chosen, experts=8), 2)
        plain = model()[0]
        routing = Routing(model, Balance(capacity=factor))
        (_, weights, picked), = model()
        passed(model, routing)
        model()  # as where activations are recomputed: it meets capacity, and is not counted
        routing.after_step()
        assert routing.history == [[loads]], "counted before capacity"
        assert routing.report()["max_vio"] == [0.5625]
        assert routing.dropped == [pytest.approx(share)]
        kept = torch.zeros(8).scatter_add_(0, picked.flatten(), (weights > 0).float().flatten())
        assert kept.tolist() == [min(each, most) for each in loads]
        assert torch.equal(weights[weights > 0], plain[1][weights > 0]), "not normalised anew"


def test_who_is_dropped() -> None:
    weights = torch.tensor([[0.6, 0.4], [0.9, 0.1], [0.3, 0.7], [0.8, 0.2]])
    chosen = torch.tensor([[0, 1], [0, 1], [1, 0], [0, 1]])
    told = Balance(capacity=0.5)  # two of each
    no, yes = [False, False], [True, True]
    # First choices in the order of the text all want 0, which is full after two of them; then second ones want 1.
    assert over_capacity(weights, chosen, 2, told, (1, 4)).tolist() == [no, no, yes, yes]
    by_score = over_capacity(weights, chosen, 2, Balance(capacity=0.5, priority="score"), (1, 4))
    assert by_score.tolist() == [[True, False], [False, True], [False, True], [False, True]]
    assert over_capacity(weights, chosen, 2, told, (2, 2)).tolist() == [no, yes, no, yes], "one of each in each sequence"
    kept = torch.tensor([[False, True, False, True]])
    assert over_capacity(weights, chosen, 2, told, (1, 4), kept).tolist() == [no, no, no, yes]


def test_padding_counts_nowhere() -> None:
    wanted = of_loads([6, 2, 2, 2])
    model = Told(choosing(wanted, experts=4), 1)
    kept = torch.tensor([[expert != 0 for expert, in wanted]])
    for told in (Balance(balancer="aux", rate=1.0), Balance(sequence=1.0)):
        routing = Routing(model, told)
        loss = passed(model, routing, kept)
        routing.after_step()
        assert routing.history == [[[0, 2, 2, 2]]]
        assert loss.item() == pytest.approx(4 / 3, abs=1e-3)
        routing.close()


def test_losses_by_hand() -> None:
    even = choosing([[0], [1], [2], [3]], experts=4)
    collapsed = choosing([[1]] * 4, [[2]] * 4, experts=4)
    two, flat = choosing([[0, 1]] * 4, experts=8), [torch.zeros(5, 4)]
    aux = Balance(balancer="aux", rate=1.0)
    assert extra(even, 1, aux) == pytest.approx(1, abs=1e-3)
    assert extra(collapsed, 1, aux) == pytest.approx(4, abs=1e-2)
    assert extra(two, 2, aux) == pytest.approx(8 / 2, abs=1e-2)
    assert extra(flat, 2, Balance(z=1.0)) == pytest.approx(1.9218, abs=1e-4)
    assert extra(flat, 2, Balance(z=1.0, balancer="aux", rate=0.5)) == pytest.approx(1.9218 + 0.5, abs=1e-4)


def test_layers_that_collapsed_in_opposite_ways_are_not_balanced() -> None:
    """The function of transformers pools layers before it multiplies, and says that these are."""
    from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

    logits = choosing([[0, 1]] * 6, [[2, 3]] * 6, experts=4, margin=40)
    assert extra(logits, 2, Balance(balancer="aux", rate=1.0)) == pytest.approx(2, abs=0.02)
    alone, both = (float(load_balancing_loss_func(tuple(given), 4, 2)) for given in (logits[:1], logits))
    assert (round(alone / 2, 1), round(both / 2, 1)) == (2.0, 1.0)


def test_sequences_that_are_even_together_are_not_alone() -> None:
    logits = choosing([[0, 1]] * 3 + [[2, 3]] * 3, experts=4)
    kept = torch.ones(2, 3, dtype=torch.bool)
    found = [extra(logits, 2, told, kept) for told in (Balance(balancer="aux", rate=1.0), Balance(sequence=1.0))]
    assert found == [pytest.approx(1, abs=1e-2), pytest.approx(2, abs=1e-2)]


def test_the_bias_chooses_and_does_not_weigh(mixture: Make) -> None:
    gate = mixture(router=1.0).model.layers[0].mlp.gate
    hidden = torch.randn(50, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        logits, weights, before = gate(hidden)
        gate.e_score_correction_bias[5] = 2.0
        _, biased, chosen = gate(hidden)
        scores = logits.sigmoid().gather(1, chosen)
    assert (chosen == 5).any(1).all()
    assert not (before == 5).any(1).all()
    assert torch.allclose(biased, scores / scores.sum(1, keepdim=True))
    same = (chosen.sort(1).values == before.sort(1).values).all(1)
    assert torch.allclose(biased[same].sort(1).values, weights[same].sort(1).values)
    multiplied = weighed(gate, torch.tensor([[0.1, 0.9, 0.5, 0, 0, 0.2, 0, 0]]), torch.tensor([0.0] * 5 + [2.0] + [0.0] * 2), multiplies=True)
    assert sorted(multiplied[1][0].tolist()) == [1, 5]


def test_hooks_that_have_nothing_to_do_change_nothing(mixture: Make, ids: Any) -> None:
    made = mixture(torch.float32, init="drop").train()
    with torch.no_grad():
        before = made(ids).logits
        for told in (None, Balance(), Balance(balancer="alf"), Balance(capacity=1e6)):
            routing = Routing(made, told)
            assert torch.equal(made(ids).logits, before)
            routing.close()
        routing = Routing(made, Balance(capacity=1.0))
        assert not torch.equal(made(ids).logits, before)
        made.eval()
        assert torch.equal(made(ids).logits, before), "in evaluation none is dropped"
        routing.close()
        told = Balance(capacity=1.0, per_sequence=True)
        routing = Routing(made, told)
        assert torch.allclose(made(ids).logits[:1], made(ids[:1]).logits, atol=1e-5), "neighbours do not matter"
        assert not torch.equal(made(ids).logits, before)


def test_equal_experts_teach_the_router_nothing(mixture: Make, ids: Any) -> None:
    """So copies cannot learn whom to choose until what they learnt sets them apart; one active expert never can."""
    for how, is_nothing in (({}, True), ({"init": "drop"}, False)):
        made = mixture(**how)
        made(ids, labels=ids).loss.backward()
        largest = max(layer.mlp.gate.weight.grad.abs().max().item() for layer in made.model.layers)
        assert (largest < 1e-6) is is_nothing, largest
    alone = Told([torch.randn(6, 4)], 1)
    (_, weights, _), = alone()
    assert torch.equal(weights, torch.ones(6, 1))
    weights.sum().backward()
    assert not alone.routers[0].weight.grad.any()


def test_a_planted_skew_is_evened_out_and_too_large_steps_swing() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(800, 4, generator=generator) / 4
    logits[:, 0] += 1
    found = {}
    for rate in (0.002, 0.1):
        model = Told([logits], 1)
        routing = Routing(model, Balance(balancer="alf", rate=rate))
        for _ in range(200):
            passed(model, routing)
            routing.after_step()
        found[rate] = routing.report()["max_vio"]
    assert found[0.002][0] > 1
    assert max(found[0.002][-20:]) < 0.1 < 0.3 < max(found[0.1][-20:])


# -- in a training -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rows(tmp_path_factory.mktemp("data") / "data.jsonl", [{"content": text} for text in PROGRAMS])


def biases(folder: Path) -> list[list[float]]:
    state = load(Source(model=str(folder), device="cpu")).model.state_dict()
    return [value.tolist() for name, value in sorted(state.items()) if name.endswith("e_score_correction_bias")]


def test_a_step_moves_biases_once_whatever_the_micro_batch(saved: str, data: Path, tmp_path: Path) -> None:
    found = []
    for micro in (1, 2, 4):
        told = small(saved, data, tmp_path / str(micro), full=True, steps=2, micro_batch=micro, balance="alf", balance_rate=0.01, sequence_loss=1e-3)
        outcome = train(told)
        found.append((biases(outcome.weights), outcome.losses))
    for moved, losses in found:
        assert moved == found[0][0]
        assert losses == pytest.approx(found[0][1], abs=1e-4)
        assert {round(abs(each), 3) for layer in moved for each in layer} <= {0.0, 0.01, 0.02}
        assert any(map(any, moved))


def test_two_processes_count_together(saved: str, data: Path, tmp_path: Path) -> None:
    """A process that saw its own half alone would move the biases another way."""
    from toolkit.training import launch

    told = {"full": True, "steps": 1, "balance": "alf", "balance_rate": 0.01}
    one, two = train(small(saved, data, tmp_path / "one", **told)), launch.train(small(saved, data, tmp_path / "two", **told), 2)
    assert two.losses == pytest.approx(one.losses, abs=1e-4)
    history = [json.loads((each.folder / "training.json").read_text())["routing"] for each in (one, two)]
    assert history[0]["max_vio"][0] == history[1]["max_vio"][0]
    assert biases(one.weights) == biases(two.weights)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_going_on_keeps_biases_to_the_bit(saved: str, data: Path, tmp_path: Path, checkpointing: bool) -> None:
    told = small(saved, data, tmp_path / "whole", full=True, steps=6, balance="alf", balance_rate=0.01, capacity=1.0, micro_batch=2,
                 gradient_checkpointing=checkpointing)  # fmt: skip
    train(told)

    def stop(_: str, done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    halves = changed(told, output=tmp_path / "halves")
    with pytest.raises(KeyboardInterrupt):
        train(halves, stop)
    train(changed(halves, resume=True))
    assert files(tmp_path / "whole") == files(tmp_path / "halves")
    row = json.loads((tmp_path / "whole" / "training.json").read_text())["routing"]
    assert set(row) == {"max_vio", "worst", "entropy", "dead", "dropped"}
    assert [len(each) for each in row.values()] == [6] * 5
    assert all(0 < share < 0.5 for share in row["dropped"])


def test_the_optimizer_does_not_own_the_bias(mixture: Make) -> None:
    made = mixture(torch.float32)
    names = {name for name, _ in made.named_parameters()}
    assert sum("e_score_correction_bias" in name for name in made.state_dict()) == 2
    assert not any("e_score_correction_bias" in name for name in names)
    assert not any(gate.e_score_correction_bias.requires_grad for gate in Routing(made).gates.values())


def test_only_what_is_named_is_trained(saved: str, data: Path, tmp_path: Path) -> None:
    outcome = train(small(saved, data, tmp_path / "out", full=True, steps=2, only=r"layers\.1\.mlp"))
    before, after = (load(Source(model=str(each), device="cpu")).model.state_dict() for each in (saved, outcome.weights))
    differ = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".mlp")[0] for name in differ} == {"model.layers.1"}
    with pytest.raises(UsageError, match=r"no weight of .* has such a name"):
        train(small(saved, data, tmp_path / "no", full=True, only="nothing"))


def test_a_dense_model_has_nothing_to_balance(dense: str, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no routers to balance; toolkit upcycle makes one that has"):
        train(small(dense, data, tmp_path / "out", full=True, balance="alf"))


def test_an_adapter_reaches_routers_and_experts_but_no_biases(saved: str, data: Path, tmp_path: Path) -> None:
    """Not with every version of peft: a training whose adapter misses them would say nothing."""
    from toolkit.models.adapters import Lora, trainable

    made, _ = trainable(Source(model=saved, device="cpu"), Lora(rank=2))
    reached = " ".join(name for name, weight in made.model.named_parameters() if weight.requires_grad)
    assert "mlp.experts." in reached
    assert "mlp.gate." in reached
    assert "e_score_correction_bias" not in reached
    outcome = train(small(saved, data, tmp_path / "aux", steps=3, balance="aux", balance_rate=0.1))
    assert len(json.loads((outcome.folder / "training.json").read_text())["routing"]["max_vio"]) == 3
    with pytest.raises(UsageError, match="moves the routers' biases, which an adapter does not have: say --full"):
        small(saved, data, tmp_path / "no", balance="alf")


def test_a_balanced_training_is_evener(mixture: Make, dense: str, data: Path, tmp_path: Path) -> None:
    from toolkit.models.save import save

    parent = load(Source(model=dense, device="cpu"))
    folder = tmp_path / "skewed"
    save(upcycle(parent.model, Upcycling(init="skewed", skew=0.1, router=0.3)), parent.tokenizer, folder, "")
    found = {}
    for balancer, rate in (("none", 0.001), ("alf", 0.02), ("aux", 1.0)):
        more = {"balance_rate": rate} if balancer != "none" else {}
        outcome = train(small(str(folder), data, tmp_path / balancer, full=True, steps=15, balance=balancer, **more))
        row = json.loads((outcome.folder / "training.json").read_text())["routing"]["max_vio"]
        found[balancer] = sum(row[-5:]) / 5
    assert found["alf"] < 0.6 * found["none"]
    assert found["aux"] < 0.8 * found["none"]
