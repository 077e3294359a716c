"""Experts that are removed or skipped."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from toolkit.errors import UsageError  # noqa: E402
from toolkit.surgery import experts  # noqa: E402

Make = Callable[..., Any]
TEXTS = [[5, 9, 30, 77, 4, 8], [100, 101, 7, 7, 60], [3, 2, 1]]


def test_keeping_all_changes_nothing(mixture: Make, ids: Any) -> None:
    made = mixture(init="drop", experts=4, router=1.0)
    given = experts.read(made, TEXTS)
    kept = [experts.choose(layer, given[name], 4) for name, layer in experts.layers_of(made).items()]
    assert [(each.experts, each.exact) for each in kept] == [((0, 1, 2, 3), True)] * 2
    assert [each.loss for each in kept] == [0.0, 0.0]
    with torch.no_grad():
        assert torch.equal(experts.cut(made, [each.experts for each in kept])(ids).logits, made(ids).logits)


def test_the_best_subset_is_that_of_models_that_are_cut(mixture: Make) -> None:
    """By brute force: each subset is cut out, and the layer itself asked."""
    made = mixture(init="drop", experts=4, router=1.0)
    given = experts.read(made, TEXTS)
    for number, (name, layer) in enumerate(experts.layers_of(made).items()):
        losses = {}
        for subset in itertools.combinations(range(4), 2):
            other = list(experts.layers_of(experts.cut(made, [subset] * 2)).values())[number]
            with torch.no_grad():
                losses[subset] = sum(float(torch.linalg.norm(layer(x[None]) - other(x[None]))) for x in given[name])
        found = experts.choose(layer, given[name], 2)
        assert found.experts == min(losses, key=lambda subset: losses[subset])
        assert found.loss == pytest.approx(min(losses.values()), rel=1e-9)
        assert found.exact
        one_by_one = experts.choose(layer, given[name], 2, most=3)
        assert not one_by_one.exact
        assert one_by_one.loss == pytest.approx(losses[one_by_one.experts], rel=1e-9)


def test_a_duplicated_expert_goes_at_no_loss(mixture: Make, ids: Any) -> None:
    """With one active expert: whoever chose the one chooses the other."""
    made = mixture(init="drop", experts=4, router=1.0)
    for layer in experts.layers_of(made).values():
        layer.gate.top_k = 1
        with torch.no_grad():
            layer.gate.weight[3] = layer.gate.weight[1]
            layer.experts.gate_up_proj[3] = layer.experts.gate_up_proj[1]
            layer.experts.down_proj[3] = layer.experts.down_proj[1]
    made.config.num_experts_per_tok = 1
    given = experts.read(made, [row.tolist() for row in ids])
    kept = [experts.choose(layer, given[name], 3) for name, layer in experts.layers_of(made).items()]
    assert all(each.loss == 0 and len({1, 3} & set(each.experts)) == 1 for each in kept)
    with torch.no_grad():
        assert torch.allclose(experts.cut(made, [each.experts for each in kept])(ids).logits, made(ids).logits, atol=1e-12)


def test_a_cut_mixture_is_saved_and_loaded(mixture: Make, ids: Any, dense: str, tmp_path: Any) -> None:
    from toolkit.models.load import load
    from toolkit.models.save import save
    from toolkit.models.source import Source

    made = experts.cut(mixture(torch.float32, init="drop"), [(0, 2, 5), (1, 3, 7)])
    save(made, load(Source(model=dense, device="cpu")).tokenizer, tmp_path / "cut", "")
    again = load(Source(model=str(tmp_path / "cut"), device="cpu")).model
    with torch.no_grad():
        assert torch.allclose(again(ids).logits, made(ids).logits, atol=1e-6)


def test_skipping(mixture: Make, ids: Any) -> None:
    made = mixture(torch.float32, init="drop", router=1.0)
    numbers: list[int] = []
    for layer in experts.layers_of(made).values():
        layer.experts.register_forward_pre_hook(lambda _part, given: numbers.append(int(given[1].max())))
    with torch.no_grad():
        before = made(ids).logits
        nothing = experts.Skipping(made, [0.0, 0.0])
        assert torch.equal(made(ids).logits, before)
        assert nothing.share == 0
        nothing.close()
        found = {}
        for implementation in ("eager", "grouped_mm"):
            made.set_experts_implementation(implementation)
            always = experts.Skipping(made, [1.5, 1.5])
            found[implementation] = made(ids).logits
            assert always.share == 1
            always.close()
        for layer in experts.layers_of(made).values():
            layer.gate.top_k = 1
        assert torch.allclose(found["eager"], made(ids).logits, atol=1e-5), "the first expert alone, with all the weight"
        assert torch.allclose(found["eager"], found["grouped_mm"], atol=1e-5)
        for layer in experts.layers_of(made).values():
            layer.gate.top_k = 2
        given = experts.read(made, [row.tolist() for row in ids])
        half = experts.Skipping(made, experts.betas(given, made))
        for row in ids:
            made(row[None])
        assert 0.3 < half.share < 0.7
    assert max(numbers) < 8, "of an expert that there is not, grouped_mm leaves rows as it finds them, NaN among them"


def test_what_cannot_be_cut_is_refused(mixture: Make) -> None:
    made = mixture()
    name, layer = next(iter(experts.layers_of(made).items()))
    for keep in (1, 9):
        with pytest.raises(UsageError, match=f"{keep} of 8 experts cannot be kept"):
            experts.choose(layer, experts.read(made, TEXTS)[name], keep)
    with pytest.raises(UsageError, match="the same number"):
        experts.cut(made, [(0, 1), (0, 1, 2)])
    with pytest.raises(UsageError, match="has no experts that can be removed"):
        experts.layers_of(mixture.parent)  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="only where it passes through two"):
        experts.Skipping(mixture(active=3), [0.5, 0.5])
