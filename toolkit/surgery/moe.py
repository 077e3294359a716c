"""Watch and balance the routers of a mixture of experts: loads, capacity, losses, and loss-free balancing.

No class of transformers updates the correction bias of its routers, and its `load_balancing_loss_func` pools all layers: two
that have collapsed in opposite ways look balanced to it. So both are here, layer by layer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from types import MethodType
from typing import Any, Literal

from toolkit.analysis.routing import capacity, of_layers
from toolkit.errors import UsageError

Balancer = Literal["none", "aux", "alf", "magnitude", "multiplicative"]
"""What evens the loads out.

- `aux`: the loss alpha sum_i f_i P_i, where f_i is an expert's load over the mean and P_i the mean of its scores,
  normalised for each token; mean over layers (Switch, DeepSeekMoE). Even loads have 1, a collapse experts / active.
- `alf`: after a step b_i += u sign(mean load - load_i), where b is added to the scores when experts are chosen
  (arXiv 2408.15664, algorithm 1). `magnitude`: b_i += u (1 - load_i / mean load), which does not depend on the batch.
- `multiplicative`: as `alf`, and scores are multiplied by 1 + b. Without the hooks of `Routing` b would be added.
"""
LOSS_FREE = ("alf", "magnitude", "multiplicative")
_BIAS = "e_score_correction_bias"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How a mixture's routers are trained.

    Attributes:
        balancer: see `Balancer`.
        rate: alpha, or u.
        sequence: weight of the loss `aux`, taken for each sequence by itself (DeepSeek-V3).
        z: weight of mean (logsumexp of the logits)^2.
        capacity: an expert takes ceil(capacity * active * tokens / experts) tokens; the weight of the others becomes 0, and
            the remaining weights stay as they are.
        priority: who comes first: first choices in the order of the text, then second ones (`position`); or the largest
            weights (`score`).
        per_sequence: capacity counts in each sequence by itself, so that a text's loss does not depend on its neighbours;
            it then holds in evaluation too, and else in training mode only.
    """

    balancer: Balancer = "none"
    rate: float = 0.001
    sequence: float = 0.0
    z: float = 0.0
    capacity: float = inf
    priority: Literal["position", "score"] = "position"
    per_sequence: bool = False


class Routing:
    """Hooks on all routers of a model; on one without any they do nothing.

    For each forward pass that is to count: `reads`, the pass, `loss`; after the optimizer's step, `after_step`. Passes
    outside, as of gradient checkpointing and of evaluation, meet capacity and are not counted.

    Attributes:
        gates: the routers by name.
        history: loads of each step: layers x experts, before capacity, without padding.
        dropped: share of assignments over capacity in each step.
    """

    def __init__(self, model: Any, balance: Balance | None = None) -> None:
        """Attach the hooks. Raises UsageError if `balance` cannot be had from this model's routers."""
        self.balance = balance or Balance()
        self.gates = {name: part for name, part in model.named_modules() if is_router(part)}
        known = all(hasattr(gate, _BIAS) for gate in self.gates.values())
        if balance not in (None, Balance()) and not (self.gates and known):
            what = "routers without a correction bias" if self.gates else "no routers"
            raise UsageError(f"a {model.config.model_type} model has {what} to balance; toolkit upcycle makes one that has")
        self.history: list[list[list[int]]] = []
        self.dropped: list[float] = []
        self._kept: Any = None
        self._seen: list[tuple[Any, Any]] = []
        self._is_open = False
        self._counts: Any = None
        self._over: Any = 0
        self._undo = [gate.register_forward_hook(self._hook) for gate in self.gates.values()]
        if self.balance != Balance():
            for gate in self.gates.values():
                vars(gate)["forward"] = in_full(gate, multiplies=self.balance.balancer == "multiplicative")

    def close(self) -> None:
        """Remove the hooks."""
        for hook in self._undo:
            hook.remove()
        for gate in self.gates.values():
            vars(gate).pop("forward", None)

    def reads(self, kept: Any) -> None:
        """Begin to count. `kept` (sequences x length, truth values) says which tokens are no padding."""
        self._kept, self._seen, self._is_open = kept, [], True

    def loss(self) -> Any:
        """End to count; return the extra loss of the pass, 0 if there is none."""
        import torch

        self._is_open, how, total = False, self.balance, 0.0
        if not self._seen:
            return total
        kept = self._kept
        counts = []
        for gate, (logits, chosen) in zip(self.gates.values(), self._seen, strict=False):
            experts = logits.shape[-1]
            hits = torch.zeros_like(logits).scatter_(1, chosen, 1.0) * kept.reshape(-1, 1)
            counts.append(hits.sum(0))
            scores = logits.sigmoid() if hasattr(gate, _BIAS) else logits.softmax(-1)
            shares = scores / scores.sum(-1, keepdim=True) * kept.reshape(-1, 1)
            if how.balancer == "aux":
                total = total + how.rate * _even(hits[None], shares[None]).mean() / len(self.gates)
            if how.sequence:
                shape = (*kept.shape, experts)
                total = total + how.sequence * _even(hits.view(shape), shares.view(shape)).mean() / len(self.gates)
            if how.z:
                squares = logits.logsumexp(-1).square() * kept.reshape(-1)
                total = total + how.z * squares.sum() / kept.sum().clamp(min=1) / len(self.gates)
        self._counts = torch.stack(counts).detach() + (0 if self._counts is None else self._counts)
        self._seen = []
        return total

    def after_step(self) -> None:
        """Note the loads of the step, over all micro batches and processes, and update the biases."""
        import torch

        self._kept = None
        if self._counts is None:
            return
        loads, over = self._counts.double(), torch.as_tensor(self._over, dtype=torch.float64, device=self._counts.device)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(loads)
            torch.distributed.all_reduce(over)
        self._counts, self._over = None, 0
        self.history.append(loads.long().tolist())
        self.dropped.append(float(over / loads.sum()))
        if self.balance.balancer in LOSS_FREE:
            errors = 1 - loads / loads.mean(-1, keepdim=True)
            moves = self.balance.rate * (errors if self.balance.balancer == "magnitude" else errors.sign())
            for gate, move in zip(self.gates.values(), moves, strict=True):
                gate.e_score_correction_bias += move.to(gate.e_score_correction_bias.dtype)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint needs, as tensors and plain data."""
        biases = {name: getattr(gate, _BIAS) for name, gate in self.gates.items() if hasattr(gate, _BIAS)}
        return {"biases": biases, "history": self.history, "dropped": self.dropped}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        for name, bias in state["biases"].items():
            self.gates[name].e_score_correction_bias.copy_(bias)
        self.history, self.dropped = state["history"], state["dropped"]

    def report(self) -> dict[str, Any]:
        """Return how even each step was: lists of `max_vio`, `worst`, `entropy`, `dead` (see `of_layers`) and `dropped`.

        Empty where nothing was counted, as of a dense model.
        """
        steps = [of_layers(loads) for loads in self.history]
        if not steps:
            return {}
        return {name: [round(step[name], 6) for step in steps] for name in steps[0]} | {"dropped": self.dropped}

    def _hook(self, gate: Any, given: Any, said: Any) -> Any:
        if not isinstance(said, tuple) or len(said) != 3:
            return said
        (logits, weights, chosen), how = said, self.balance
        if how.capacity != inf and (gate.training or how.per_sequence):
            shape = given[0].shape[:2] if how.per_sequence else (1, len(chosen))
            kept = None if self._kept is None else self._kept.reshape(shape)
            full = over_capacity(weights, chosen, logits.shape[-1], how, shape, kept)
            weights = weights.masked_fill(full, 0.0)
            self._over = self._over + full.sum() * self._is_open
        if self._is_open:
            self._seen.append((logits, chosen))
        return logits, weights, chosen


def over_capacity(weights: Any, chosen: Any, experts: int, how: Balance, shape: tuple[int, int], kept: Any = None) -> Any:
    """Return which assignments (tokens x active, truth values) find their expert full.

    Args:
        shape: groups and tokens of a group; each group has a capacity of its own.
        kept: groups x tokens; what is padding takes no place.
    """
    import torch

    groups, active = shape[0], chosen.shape[1]
    kept = torch.ones(shape, dtype=torch.bool, device=chosen.device) if kept is None else kept
    most = torch.tensor([capacity(how.capacity, active, int(n), experts) for n in kept.sum(1)], device=chosen.device)
    best = weights.argsort(dim=-1, descending=True, stable=True)
    group = torch.arange(groups, device=chosen.device).repeat_interleave(shape[1])
    key = (group[:, None] * experts + chosen.gather(1, best)).where(kept.reshape(-1, 1), groups * experts).T.flatten()
    by_score = weights.gather(1, best).T.flatten().argsort(dim=0, descending=True, stable=True)
    first = by_score if how.priority == "score" else torch.arange(len(key), device=key.device)
    order = first[key[first].argsort(dim=0, stable=True)]
    sorted_keys = key[order]
    place = torch.arange(len(key), device=key.device) - torch.searchsorted(sorted_keys, sorted_keys)
    limits = torch.cat([most.double(), most.new_full((1,), inf, dtype=torch.float64)])[sorted_keys // experts]
    full = torch.empty_like(key, dtype=torch.bool)
    full[order] = place >= limits
    return torch.zeros_like(chosen, dtype=torch.bool).scatter_(1, best, full.view(active, -1).T)


def _even(hits: Any, shares: Any) -> Any:
    """Return experts / active sum_i f_i P_i of each group, from hits and shares: groups x tokens x experts, 0 at padding."""
    loads, scores = hits.sum(1), shares.sum(1)
    parts = loads / loads.sum(-1, keepdim=True).clamp(min=1) * scores / scores.sum(-1, keepdim=True).clamp(min=1e-9)
    return hits.shape[-1] * parts.sum(-1)


def is_router(part: Any) -> bool:
    """Whether a module says (logits, weights, chosen) of tokens, as the routers of transformers do."""
    weight: Any = getattr(part, "weight", None)
    return hasattr(part, "top_k") and getattr(weight, "ndim", 0) == 2 and getattr(part, "num_experts", 0) == len(weight)


def in_full(gate: Any, *, multiplies: bool = False) -> Any:
    """Return a forward pass of the router in its own precision, whatever autocast says; of float64 in float64.

    Args:
        gate: a router of Glm4Moe.
        multiplies: choose by scores * (1 + bias).
    """
    import torch

    plain = type(gate).forward

    def forward(gate: Any, hidden: Any) -> Any:
        with torch.autocast(hidden.device.type, enabled=False):
            if not multiplies and hidden.dtype != torch.float64:
                return plain(gate, hidden)
            hidden = hidden.reshape(-1, hidden.shape[-1])
            hidden = hidden if hidden.dtype == torch.float64 else hidden.float()
            logits = torch.nn.functional.linear(hidden, gate.weight.to(hidden.dtype))
            return logits, *weighed(gate, logits.sigmoid(), multiplies=multiplies)

    return MethodType(forward, gate)  # which goes along with a copy of the model


def weighed(gate: Any, scores: Any, bias: Any = None, *, multiplies: bool = False) -> tuple[Any, Any]:
    """Return weights and experts (tokens x active) of a router of Glm4Moe, from the scores of its experts and its bias."""
    bias = gate.e_score_correction_bias if bias is None else bias
    chosen = (scores * (1 + bias) if multiplies else scores + bias).topk(gate.top_k, dim=-1).indices
    weights = scores.gather(1, chosen)
    weights = weights / (weights.sum(-1, keepdim=True) + 1e-20) if gate.norm_topk_prob else weights
    return weights * gate.routed_scaling_factor, chosen
