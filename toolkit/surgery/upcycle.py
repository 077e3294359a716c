"""Make a mixture of experts out of a dense model: transformers' Glm4Moe, whose block is Llama's with sigmoid routers.

Its router chooses the experts with the largest score + `e_score_correction_bias`, and weighs them by their scores alone.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from toolkit.errors import UsageError, check_one_of
from toolkit.surgery.moe import in_full, is_router

Init = Literal["copy", "noise", "drop", "partition", "virtual", "random", "skewed", "dead"]
"""What the experts are made of.

- `copy`: each is the parent's feed-forward layer. `noise`: and normal noise of `noise` times the weights' sd.
- `drop`: in each, a share `share` of the inner dimensions is drawn anew, normal with the parent's mean and sd
  (arXiv 2502.19261). `random`: all of them.
- `partition`: each is a slice of the parent's (LLaMA-MoE). `virtual`: there are experts / active copies of as many slices
  as experts are active, those of a copy with one router row: as much arithmetic as the parent's (arXiv 2410.07524).
- `skewed`: copies, the first with `skew` for a bias to begin with. `dead`: copies, the first with weights of 0.
"""
INITS: tuple[Init, ...] = get_args(Init)
_MATRICES = ("gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcycling:
    """How a mixture is made.

    Attributes:
        experts, active: experts of a layer, and those that a token passes through.
        layers: the last so many layers; None: all.
        init: see `Init`.
        router: sd of the routers' weights; None: .02, or 0 where a partition's experts are all active.
        share, noise, skew: of the inits `drop`, `noise`, `skewed`.
        seed: of all that is drawn.
    """

    experts: int = 8
    active: int = 2
    layers: int | None = None
    init: Init = "copy"
    router: float | None = None
    share: float = 0.5
    noise: float = 0.02
    skew: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        check_one_of("--init", self.init, INITS)
        if not 2 <= self.experts <= 1024 or not 1 <= self.active <= self.experts:
            raise UsageError(f"--experts {self.experts} --active {self.active}: 2 to 1024 experts, of which some are active")
        if self.active == 1:
            raise UsageError("--active 1: a token's only expert always has the weight 1, so that no router learns; take 2")
        if self.init == "virtual" and self.experts % self.active:
            raise UsageError(f"--init virtual: {self.experts} experts are no whole number of copies of {self.active} slices")
        if self.layers is not None and self.layers < 1:
            raise UsageError(f"--layers {self.layers}: at least 1")
        if not 0 <= self.share <= 1:
            raise UsageError(f"--share {self.share}: from 0 to 1")

    @property
    def slices(self) -> int:
        """In how many slices the parent's layer is cut up."""
        return {"partition": self.experts, "virtual": self.active}.get(self.init, 1)


def upcycle(model: Any, how: Upcycling) -> Any:
    """Return a `Glm4MoeForCausalLM` with the weights of a Llama-like model, which is left as it is.

    Its outputs are the parent's (up to rounding) if `how.init` is `copy` or `virtual`, or `partition` with all experts
    active: a token's experts are then equal, or add up to the parent's layer.

    Raises:
        UsageError: the model is not like Llama, or its layers cannot be cut up so.
    """
    import torch
    from transformers import Glm4MoeConfig, Glm4MoeForCausalLM
    from transformers.initialization import no_init_weights

    config, n_layers = _checked(model, how), model.config.num_hidden_layers
    first, slices = n_layers - min(how.layers or n_layers, n_layers), how.slices
    with no_init_weights():
        made = Glm4MoeForCausalLM(Glm4MoeConfig(
            **config, num_experts_per_tok=how.active, n_routed_experts=how.experts, first_k_dense_replace=first,
            moe_intermediate_size=model.config.intermediate_size // slices, routed_scaling_factor=float(slices),
        )).to(model.dtype)  # fmt: skip
    parent, state = model.state_dict(), {}
    rng = torch.Generator().manual_seed(how.seed)
    sd = 0.02 if how.router is None else how.router
    if how.router is None and how.init == "partition" and how.active == how.experts:
        sd = 0.0
    for layer in range(first, n_layers):
        name = f"model.layers.{layer}.mlp."
        dense = [parent.pop(f"{name}{matrix}.weight").float() for matrix in _MATRICES]
        parts = [_expert(dense, number, how, rng) for number in range(how.experts)]
        state[f"{name}experts.gate_up_proj"] = torch.stack([torch.cat(part[:2]) for part in parts])
        state[f"{name}experts.down_proj"] = torch.stack([part[2] for part in parts])
        tied = slices if how.init == "virtual" else 1
        rows = torch.randn(how.experts // tied, model.config.hidden_size, generator=rng) * sd
        state[f"{name}gate.weight"] = rows.repeat_interleave(tied, 0)
        bias = torch.zeros(how.experts)
        bias[0] = how.skew * (how.init == "skewed")
        state[f"{name}gate.e_score_correction_bias"] = bias
    empty = {name: weight for name, weight in made.state_dict().items() if not weight.numel()}  # of shared experts: none
    made.load_state_dict({**parent, **state, **empty})
    made.tie_weights()
    made.generation_config = model.generation_config
    if made.dtype == torch.float64:
        made.set_experts_implementation("eager")  # the faster one has no arithmetic for it
        for gate in (part for part in made.modules() if is_router(part)):
            vars(gate)["forward"] = in_full(gate)
    return made.to(model.device).train(model.training)


def _expert(dense: list[Any], number: int, how: Upcycling, rng: Any) -> list[Any]:
    """Return the three matrices of an expert; the inner dimension of the last is its second."""
    import torch

    width = len(dense[0]) // how.slices
    start = number % how.slices * width
    part = [dense[0][start : start + width], dense[1][start : start + width], dense[2][:, start : start + width]]
    if how.init == "noise":
        return [weight + torch.randn(weight.shape, generator=rng) * how.noise * weight.std() for weight in part]
    if how.init in ("drop", "random"):
        n_new = round(width * (how.share if how.init == "drop" else 1))
        new = torch.randperm(width, generator=rng)[:n_new]
        part = [weight.clone() for weight in part]
        for weight, at in zip(part, ((new,), (new,), (slice(None), new)), strict=True):
            weight[at] = weight.mean() + weight.std() * torch.randn(weight[at].shape, generator=rng)
        return part
    return [weight * (not (how.init == "dead" and number == 0)) for weight in part]


def _checked(model: Any, how: Upcycling) -> dict[str, Any]:
    """Return the parent's part of the mixture's configuration."""
    config = model.config
    layer: Any = getattr(getattr(model, "model", None), "layers", [None])[0]
    mlp: Any = getattr(layer, "mlp", None)
    attention: Any = getattr(layer, "self_attn", None)
    is_like = all(hasattr(getattr(mlp, matrix, None), "weight") for matrix in _MATRICES) and all(
        hasattr(attention, name) for name in ("q_proj", "k_proj", "v_proj", "o_proj")
    )
    biases = [each.bias is not None for each in (attention.q_proj, attention.k_proj, attention.v_proj)] if is_like else []
    if (
        not is_like or any(getattr(mlp, matrix).bias is not None for matrix in _MATRICES)
        or attention.o_proj.bias is not None or len(set(biases)) > 1 or hasattr(attention, "q_norm")
        or (getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True))
        or not hasattr(layer, "post_attention_layernorm") or hasattr(layer, "pre_feedforward_layernorm")
    ):  # fmt: skip
        raise UsageError(f"{config.model_type} models cannot be made mixtures here: only those built like Llama")
    if config.intermediate_size % how.slices:
        raise UsageError(f"--init {how.init}: {config.intermediate_size} inner dimensions are not {how.slices} equal slices")
    names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
             "num_key_value_heads", "hidden_act", "max_position_embeddings", "initializer_range", "rms_norm_eps",
             "tie_word_embeddings", "bos_token_id", "eos_token_id", "pad_token_id")  # fmt: skip
    return {
        **{name: getattr(config, name) for name in names}, "attention_bias": biases[0], "n_shared_experts": 0,
        "rope_parameters": {**config.rope_parameters, "partial_rotary_factor": 1.0},  # Glm4Moe's own is .5
        "head_dim": getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
        "num_nextn_predict_layers": 0, "norm_topk_prob": True,
    }  # fmt: skip
