"""Remove experts from a mixture, or skip them, by how a layer's output on calibration texts changes.

Source: Lu et al., arXiv 2402.14800. There the routers are softmax; here they are those of Glm4Moe.
"""

import copy
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from toolkit.errors import UsageError
from toolkit.surgery.moe import weighed

MOST_SUBSETS = 2000
"""Most subsets of a layer's experts that are tried; where there are more, the least missed expert goes, again and again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a layer keeps: experts by rising number, what that costs (see `choose`), and whether every subset was tried."""

    experts: tuple[int, ...]
    loss: float
    exact: bool


def layers_of(model: Any) -> dict[str, Any]:
    """Return the layers with experts by name. Raises UsageError if none can be cut."""
    found = {name: part for name, part in model.named_modules() if hasattr(part, "experts") and hasattr(part, "gate")}
    if not found or not all(hasattr(part.gate, "e_score_correction_bias") for part in found.values()):
        raise UsageError(f"a {model.config.model_type} model has no experts that can be removed here: only Glm4Moe has")
    return found


def read(model: Any, texts: Iterable[Sequence[int]]) -> dict[str, list[Any]]:
    """Return the input of each layer with experts, by layer and text: tokens x hidden, in float64."""
    import torch

    found: dict[str, list[Any]] = {name: [] for name in layers_of(model)}

    def keep(name: str) -> Any:
        return lambda _part, given: found[name].append(given[0].detach().flatten(0, 1).double())

    hooks = [part.register_forward_pre_hook(keep(name)) for name, part in layers_of(model).items()]
    try:
        with torch.inference_mode():
            for ids in texts:
                model(input_ids=torch.tensor([list(ids)], device=model.device), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def outputs(layer: Any, hidden: Any) -> Any:
    """Return the output of every expert for every token: experts x tokens x hidden, in float64."""
    import torch

    experts = layer.experts
    found = []
    for into, out in zip(experts.gate_up_proj, experts.down_proj, strict=True):
        gate, up = (hidden @ into.detach().double().T).chunk(2, dim=-1)
        found.append((experts.act_fn(gate) * up) @ out.detach().double().T)
    return torch.stack(found)


def choose(layer: Any, batches: Sequence[Any], keep: int, *, most: int = MOST_SUBSETS) -> Kept:
    """Return which experts a layer keeps: those with the least sum over batches of ||Z - Z'||, Z' without the others.

    Args:
        batches: inputs of the layer, tokens x hidden each.
        keep: how many; at least as many as a token passes through.
        most: subsets that are tried at most; see `MOST_SUBSETS`.

    Raises:
        UsageError: fewer would be left than a token passes through, or more than there are.
    """
    import torch

    gate, n = layer.gate, len(layer.experts.down_proj)
    if not gate.top_k <= keep <= n:
        raise UsageError(f"{keep} of {n} experts cannot be kept: a token passes through {gate.top_k}")
    with torch.no_grad():
        weight, bias = gate.weight.double(), gate.e_score_correction_bias.double()
        known = [((batch.double() @ weight.T).sigmoid(), outputs(layer, batch.double())) for batch in batches]

        def output(scores: Any, each: Any, kept: Sequence[int]) -> Any:
            shut = torch.full_like(bias, -math.inf)
            shut[list(kept)] = bias[list(kept)]
            weights, chosen = weighed(gate, scores, shut)
            tokens = torch.arange(len(scores), device=scores.device)
            return sum(weights[:, k, None] * each[chosen[:, k], tokens] for k in range(chosen.shape[1]))

        whole = [output(*each, range(n)) for each in known]

        def loss(kept: Sequence[int]) -> float:
            return math.fsum(float(torch.linalg.norm(z - output(*each, kept))) for z, each in zip(whole, known, strict=True))

        if math.comb(n, keep) <= most:
            experts = min(itertools.combinations(range(n), keep), key=loss)
            return Kept(experts=experts, loss=loss(experts), exact=True)
        left = tuple(range(n))
        while len(left) > keep:
            left = min((tuple(each for each in left if each != gone) for gone in left), key=loss)
        return Kept(experts=left, loss=loss(left), exact=False)


def cut(model: Any, kept: Sequence[Sequence[int]]) -> Any:
    """Return a mixture with only the experts named, layer by layer; the model is left as it is.

    Raises:
        UsageError: layers would be left with different numbers of experts.
    """
    import torch

    if len({len(each) for each in kept}) != 1:
        raise UsageError("all layers keep the same number of experts: the configuration has one number for all")
    made = copy.deepcopy(model)
    for layer, experts in zip(layers_of(made).values(), kept, strict=True):
        rows = list(experts)
        for part, name in ((layer.experts, "gate_up_proj"), (layer.experts, "down_proj"), (layer.gate, "weight")):
            setattr(part, name, torch.nn.Parameter(getattr(part, name).detach()[rows].clone()))
        layer.gate.e_score_correction_bias = layer.gate.e_score_correction_bias[rows].clone()
        layer.experts.num_experts = layer.gate.num_experts = len(rows)
    made.config.n_routed_experts = len(kept[0])
    return made


class Skipping:
    """Skips a token's second expert where its weight is below beta times the first's; the first then has all the weight.

    Attributes:
        share: of the tokens, those whose second expert was skipped.
    """

    def __init__(self, model: Any, betas: Sequence[float]) -> None:
        """Attach the hooks; `betas` one a layer. Raises UsageError unless a token passes through two experts."""
        self.skipped = self.seen = 0
        layers = list(layers_of(model).values())
        if any(layer.gate.top_k != 2 for layer in layers):
            raise UsageError("the second expert of a token is skipped only where it passes through two")
        self._hooks = [
            layer.gate.register_forward_hook(self._hook(beta)) for layer, beta in zip(layers, betas, strict=True)
        ]  # fmt: skip

    @property
    def share(self) -> float:
        return self.skipped / max(1, self.seen)

    def close(self) -> None:
        """Remove the hooks."""
        for hook in self._hooks:
            hook.remove()

    def _hook(self, beta: float) -> Any:
        def act(_gate: Any, _given: Any, said: Any) -> Any:
            logits, weights, chosen = said
            place = weights.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)
            out = (weights < beta * weights.max(-1, keepdim=True).values) & (place > 0)  # of two equal ones, one stays
            self.skipped, self.seen = self.skipped + int(out.sum()), self.seen + len(weights)
            whole = weights.sum(-1, keepdim=True)
            weights = weights.masked_fill(out, 0.0)
            weights = weights.where(~out.any(-1, keepdim=True), weights / weights.sum(-1, keepdim=True) * whole)
            # Still chosen, with a weight of 0: of a number that no expert has, grouped_mm leaves rows unwritten, and 0 * NaN
            # is not 0.
            return logits, weights, chosen

        return act


def betas(layer_inputs: dict[str, list[Any]], model: Any) -> list[float]:
    """Return, for each layer, the median of the second weight over the first on the layer's inputs (see `read`)."""
    import torch

    found = []
    for name, layer in layers_of(model).items():
        with torch.no_grad():
            scores = torch.cat([(x @ layer.gate.weight.double().T).sigmoid() for x in layer_inputs[name]])
            weights = weighed(layer.gate, scores)[0].sort(-1).values
        found.append(median((weights[:, -2] / weights[:, -1]).tolist()))
    return found
