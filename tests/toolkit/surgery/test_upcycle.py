"""What a mixture says before it is trained, next to its parent."""

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from toolkit.errors import UsageError  # noqa: E402
from toolkit.models.load import load, machine  # noqa: E402
from toolkit.models.source import Source  # noqa: E402
from toolkit.surgery.moe import Balance, Routing  # noqa: E402
from toolkit.surgery.upcycle import INITS, Upcycling, upcycle  # noqa: E402

Make = Callable[..., Any]
SAME = [{}, {"layers": 1, "router": 1.0}, {"init": "virtual", "router": 1.0}, {"init": "virtual", "experts": 8, "active": 4},
        {"init": "partition", "active": 8}, {"init": "skewed"}, {"init": "noise", "noise": 0.0}]  # fmt: skip


def difference(mixture: Make, ids: Any, dtype: Any, **how: Any) -> float:
    made = mixture(dtype, **how)
    with torch.no_grad():
        return float((made(ids).logits - mixture.parent.to(dtype)(ids).logits).abs().max())  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", SAME, ids=str)
def test_copies_and_slices_say_what_the_parent_says(mixture: Make, ids: Any, how: dict[str, Any]) -> None:
    assert difference(mixture, ids, torch.float64, **how) < 1e-9
    assert difference(mixture, ids, torch.float32, **how) < 1e-4


@pytest.mark.parametrize("how", [{"init": "partition"}, {"init": "drop"}, {"init": "random"}, {"init": "dead"}, {"init": "noise"},
                                 {"init": "partition", "active": 8, "router": 1.0}], ids=str)  # fmt: skip
def test_others_do_not(mixture: Make, ids: Any, how: dict[str, Any]) -> None:
    assert difference(mixture, ids, torch.float64, **how) > 1e-3


def test_experts_are_made_as_said(mixture: Make) -> None:
    parent = mixture.parent.model.layers[1].mlp  # type: ignore[attr-defined]
    made = {init: mixture(init=init).model.layers[1].mlp for init in INITS}
    copies, width = made["copy"].experts, parent.down_proj.weight.shape[1]
    assert torch.equal(copies.gate_up_proj[3], torch.cat([parent.gate_proj.weight, parent.up_proj.weight]))
    changed = (made["drop"].experts.down_proj != parent.down_proj.weight).any(1).sum(1)
    assert changed.tolist() == [width // 2] * 8
    rows = (made["drop"].experts.gate_up_proj[:, :width] != parent.gate_proj.weight).any(2)
    assert torch.equal(rows, (made["drop"].experts.down_proj != parent.down_proj.weight).any(1)), "the same inner dimensions"
    assert len({tuple(row.tolist()) for row in rows}) == 8
    assert abs((made["random"].experts.down_proj.std() / parent.down_proj.weight.std()).item() - 1) < 0.1
    assert made["partition"].experts.down_proj.shape == (8, 32, width // 8)
    assert made["virtual"].experts.down_proj.shape == (8, 32, width // 2)
    assert torch.equal(made["virtual"].gate.weight[0], made["virtual"].gate.weight[1])
    assert not torch.equal(made["virtual"].gate.weight[1], made["virtual"].gate.weight[2])
    assert not made["dead"].experts.gate_up_proj[0].any()
    assert made["dead"].experts.gate_up_proj[1].any()


def test_the_skew_is_there(mixture: Make, ids: Any) -> None:
    """A router row that is shifted by a constant skews nothing: the starting imbalance has to be seen."""
    found = {}
    for init in ("copy", "skewed"):
        made = mixture(init=init, skew=0.5)
        routing = Routing(made)
        routing.reads(torch.ones_like(ids, dtype=torch.bool))
        made(ids)
        routing.loss()
        routing.after_step()
        found[init] = routing
    assert found["skewed"].report()["max_vio"][0] == pytest.approx(3.0)  # 8 / 2 - 1: all tokens choose the first
    assert found["copy"].report()["max_vio"][0] < 2.5


def test_parameters_and_work_are_as_planned(mixture: Make) -> None:
    parent, mlp = machine(mixture.parent)["n_parameters"], 3 * 32 * 64  # type: ignore[attr-defined]
    assert machine(mixture())["n_parameters"] == parent + 2 * (7 * mlp + 8 * 32)
    virtual = machine(mixture(init="virtual"))
    assert virtual["n_parameters"] == parent + 2 * (3 * mlp + 8 * 32)
    assert virtual["n_active"] == parent + 2 * 8 * 32, "as much arithmetic as the parent's, and the routers"


def test_it_is_saved_and_loaded(saved: str, mixture: Make, ids: Any) -> None:
    again = load(Source(model=saved, device="cpu")).model
    made = mixture(torch.float32, init="drop", router=0.5)
    assert again.config.rope_parameters["partial_rotary_factor"] == 1.0
    assert again.config._experts_implementation == "grouped_mm", "batched_mm gathers weights for each token: 24 GB of them"
    with torch.no_grad():
        assert torch.equal(again(ids).logits, made(ids).logits)
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), made.state_dict().values(), strict=True))
    halved = load(Source(model=saved, device="cpu", dtype="bfloat16")).model
    gate = halved.model.layers[0].mlp.gate
    assert (gate.weight.dtype, gate.e_score_correction_bias.dtype) == (torch.float32, torch.float32)


@pytest.mark.parametrize(("how", "said"), [
    ({"active": 1}, "always has the weight 1"), ({"init": "no"}, "--init is one of copy, noise"), ({"experts": 1}, "2 to 1024"),
    ({"active": 9}, "some are active"), ({"init": "virtual", "active": 3}, "no whole number"), ({"layers": 0}, "at least 1"),
    ({"init": "partition", "experts": 5}, "64 inner dimensions are not 5 equal slices"),
])  # fmt: skip
def test_what_cannot_be_made_is_refused(mixture: Make, how: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        mixture(**how)


def test_only_models_like_llama(mixture: Make) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    gpt = GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=11, bos_token_id=0, eos_token_id=0))
    for model in (gpt, mixture()):
        with pytest.raises(UsageError, match="models cannot be made mixtures here"):
            upcycle(model, Upcycling())
    with pytest.raises(UsageError, match="a gpt2 model has no routers to balance"):
        Routing(gpt, Balance(balancer="alf"))
