"""Structured pruning of Llama-like models: channels of the feed-forward blocks, and whole layers.

One share of channels is removed in each layer, in multiples of 8, since a model's configuration has one
`intermediate_size`. A score chooses them: `act`, activations times weights (Wanda-sp, FLAP: the norm of a channel's
values on calibration texts times the norm of its column of the down projection); `mag`, the norm of its weights; `random`.
Layers are chosen by block influence (ShortGPT, arXiv 2403.03853): 1 less the cosine of a layer's input and output.

The cut itself is made by torch-pruning's dependency graph. Its high-level pruners fail on grouped-query attention
(VainF/Torch-Pruning#516), and are not used. Left out: heads and vocabulary, Taylor scores, hidden width.
"""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from toolkit.errors import InfrastructureError, UsageError, check_one_of

SCORES = ("act", "mag", "random")
MULTIPLE = 8
"""Channels are removed in multiples of this."""


def layers_of(model: Any) -> list[Any]:
    """Return the layers of a Llama-like model. Raises `UsageError` if it has none with gated feed-forward blocks."""
    layers = getattr(getattr(model, "model", None), "layers", None)
    names = ("gate_proj", "up_proj", "down_proj")
    if not layers or not all(hasattr(getattr(layer, "mlp", None), name) for layer in layers for name in names):
        raise UsageError(f"{type(model).__name__} has no layers with gate_proj, up_proj and down_proj: only such are pruned")
    return list(layers)


def n_removed(width: int, share: float) -> int:
    """Return how many of `width` channels a share is: the largest multiple of 8 that is not more. Raises `UsageError`."""
    if not 0 <= share < 1:
        raise UsageError(f"the share of channels to remove must be at least 0 and below 1, not {share:g}")
    return min(int(share * width + 1e-9) // MULTIPLE * MULTIPLE, (width - 1) // MULTIPLE * MULTIPLE)


def channel_scores(model: Any, how: str = "act", texts: Sequence[Sequence[int]] = (), seed: int = 0) -> list[Any]:
    """Return the score of each channel: a float64 tensor a layer.

    Args:
        how: one of `SCORES`.
        texts: token ids of calibration texts, for `act`.
        seed: for `random`.

    Raises:
        UsageError: the model has no such blocks, there is no such score, or `act` has no text.
    """
    import torch

    layers = layers_of(model)
    check_one_of("--score", how, SCORES)
    if how == "random":
        chance = torch.Generator().manual_seed(seed)
        return [torch.rand(each.mlp.down_proj.in_features, generator=chance, dtype=torch.float64) for each in layers]
    with torch.no_grad():
        down = [each.mlp.down_proj.weight.double().square().sum(0).cpu() for each in layers]
        if how == "mag":
            rows = [(each.mlp.gate_proj.weight, each.mlp.up_proj.weight) for each in layers]
            above = [sum(weight.double().square().sum(1).cpu() for weight in pair) for pair in rows]
            return [(one + other).sqrt() for one, other in zip(down, above, strict=True)]
        squares = _activations(model, layers, texts)
        return [(s * d).sqrt() for s, d in zip(squares, down, strict=True)]


def _activations(model: Any, layers: Sequence[Any], texts: Sequence[Sequence[int]]) -> list[Any]:
    """Return the sum of squares of each channel over all tokens of the texts."""
    import torch

    if not any(texts):
        raise UsageError("the score act wants calibration texts (--calibration)")
    sums = [torch.zeros(each.mlp.down_proj.in_features, dtype=torch.float64) for each in layers]

    def note(at: int) -> Any:
        def hook(_module: Any, given: tuple[Any, ...]) -> None:
            sums[at] += given[0].double().flatten(0, -2).square().sum(0).cpu()

        return hook

    hooks = [layer.mlp.down_proj.register_forward_pre_hook(note(at)) for at, layer in enumerate(layers)]
    try:
        for text in filter(None, texts):
            model(input_ids=torch.tensor([list(text)], device=model.device), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return sums


def kept_channels(scores: Sequence[Any], share: float) -> list[list[int]]:
    """Return the channels that stay in each layer, in order: those with the highest scores, and of equal ones the first."""
    import torch

    found = []
    for each in scores:
        n = len(each) - n_removed(len(each), share)
        order = torch.argsort(torch.as_tensor(each), descending=True, stable=True)
        found.append(sorted(order[:n].tolist()))
    return found


def voted_channels(
    votes: Sequence[Sequence[Sequence[int]]], scores: Sequence[Sequence[Any]], share: float
) -> list[list[int]]:
    """Return the channels that several voters keep together: those with most votes, of equal ones the highest mean score.

    Args:
        votes: the channels that each voter keeps in each layer.
        scores: each voter's score of each channel in each layer.

    Source: the one-shot vote of FedPrLLM, arXiv 2505.13547.
    """
    import torch

    merged = []
    for layer in range(len(scores[0])):
        shares = [torch.as_tensor(each[layer]).double() / torch.as_tensor(each[layer]).double().sum() for each in scores]
        mean = torch.stack(shares).mean(0)
        counted = torch.zeros(len(mean), dtype=torch.float64)
        for each in votes:
            counted[list(each[layer])] += 1
        merged.append(counted + mean / (mean.max() * 2 + 1e-300))
    return kept_channels(merged, share)


def cut_channels(model: Any, kept: Sequence[Sequence[int]]) -> Any:
    """Remove all other channels of the feed-forward blocks, in place; return the model.

    Where every channel is kept, nothing is touched. An adapter has to be merged before.

    Raises:
        UsageError: layers differ in how many channels stay, or the model still has an adapter.
        InfrastructureError: torch-pruning is not installed.
    """
    if any(hasattr(part, "base_layer") for part in model.modules()):  # as peft's layers have
        raise UsageError("merge the adapter before pruning: its shapes are those of the weights below it")
    layers, widths = layers_of(model), {len(each) for each in kept}
    if len(kept) != len(layers) or len(widths) != 1:
        raise UsageError("every layer must keep as many channels as the others")
    if widths == {layers[0].mlp.down_proj.in_features}:
        return model
    try:
        import torch
        import torch_pruning as tp
    except ImportError as error:
        raise InfrastructureError(f'{error}; pruning needs one more package: pip install "exogate[prune]"') from None
    ids = torch.zeros((1, 4), dtype=torch.long, device=model.device)
    with _traceable(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = tp.DependencyGraph().build_dependency(
            model, example_inputs=ids, output_transform=lambda out: out.logits, verbose=False
        )
        for layer, stay in zip(layers, kept, strict=True):
            gone = sorted(set(range(layer.mlp.gate_proj.out_features)) - set(stay))
            group = graph.get_pruning_group(layer.mlp.gate_proj, tp.prune_linear_out_channels, idxs=gone)
            if not graph.check_pruning_group(group):
                raise UsageError("a layer would be left without channels")
            group.prune()
    model.config.intermediate_size = widths.pop()
    for layer in layers:
        if hasattr(layer.mlp, "intermediate_size"):
            layer.mlp.intermediate_size = model.config.intermediate_size
    return model


@contextlib.contextmanager
def _traceable(model: Any) -> Iterator[None]:
    """Let a graph be traced: without a cache, with gradients; all is as it was afterwards."""
    import torch

    asks = [(weight, weight.requires_grad) for weight in model.parameters()]
    cache, training = model.config.use_cache, model.training
    model.config.use_cache = False
    try:
        with torch.enable_grad():
            model.requires_grad_(True)
            yield
    finally:
        model.config.use_cache = cache
        model.train(training)
        for (_, asked), weight in zip(asks, model.parameters(), strict=True):
            weight.requires_grad_(asked)
            weight.grad = None


def block_influence(model: Any, texts: Sequence[Sequence[int]]) -> list[float]:
    """Return the influence of each layer on calibration texts, as token ids: 1 - mean cosine of its input and output."""
    import torch

    total, n = torch.zeros(len(layers_of(model)), dtype=torch.float64), 0
    with torch.no_grad():
        for text in filter(None, texts):
            ids = torch.tensor([list(text)], device=model.device)
            states = model(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states
            # the last state has gone through the final norm, which scales channels: the layer's own output is wanted
            last: list[Any] = []
            hook = model.model.layers[-1].register_forward_hook(lambda _m, _i, out, last=last: last.append(out))
            model(input_ids=ids, use_cache=False)
            hook.remove()
            out = last[0][0] if isinstance(last[0], tuple) else last[0]
            after = [*states[1:-1], out]
            for at, (one, other) in enumerate(zip(states[:-1], after, strict=True)):
                total[at] += torch.nn.functional.cosine_similarity(one.double(), other.double(), dim=-1).sum().cpu()
            n += len(text)
    if not n:
        raise UsageError("block influence wants calibration texts (--calibration)")
    return [1 - float(each) / n for each in total]


def cut_layers(model: Any, gone: Sequence[int]) -> Any:
    """Remove layers by their numbers, in place, and number the others anew; return the model. Raises `UsageError`."""
    import torch

    layers = layers_of(model)
    if not set(gone) < set(range(len(layers))):
        raise UsageError(f"layers to remove must be some of 0 to {len(layers) - 1}, and not all of them")
    stay = [at for at in range(len(layers)) if at not in set(gone)]
    model.model.layers = torch.nn.ModuleList(layers[at] for at in stay)
    for at, layer in enumerate(model.model.layers):
        layer.self_attn.layer_idx = at
    model.config.num_hidden_layers = len(stay)
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[at] for at in stay]
    return model


def sizes(model: Any) -> dict[str, int]:
    """Return the number of parameters, of those that are no embedding, and multiply-accumulates of weights a token."""
    n = sum(each.numel() for each in model.parameters())
    embedding = model.get_input_embeddings().weight.numel()
    head = model.get_output_embeddings()
    tied = head is not None and head.weight is model.get_input_embeddings().weight
    of_head = 0 if head is None else head.weight.numel()
    others = n - embedding - (0 if tied else of_head)
    return {"parameters": n, "without_embedding": others, "macs_per_token": others + of_head}
