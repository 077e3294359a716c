"""What hidden states and next tokens of a model look like on texts: spectra by layer, entropy, loss, tail, divergence."""

from collections.abc import Sequence
from typing import Any

from toolkit.analysis.spectra import Covariance, spectrum
from toolkit.models.load import Loaded, explained

BATCH, LONGEST = 4, 512
"""Texts at a time, and tokens of each that are read."""
TAIL, TOP = 1e-3, 10
"""A token likelier than less than that is of the tail; the mass of so many likeliest tokens is told."""


def layers_of(n: int) -> tuple[int, ...]:
    """Return the layers that are looked at, of n: a quarter, half and three quarters of the way, and the last."""
    return tuple(sorted({max(1, round(n * part / 4)) for part in (1, 2, 3, 4)}))


def measured(
    loaded: Loaded, texts: Sequence[str], layers: Sequence[int] = (), first: Loaded | None = None
) -> dict[str, Any]:
    """Read texts with a model. Memory does not grow with their number.

    Args:
        layers: 0 is the embedding, n what the n-th block returns; as `layers_of` where none is given.
        first: the model that `loaded` came from, which may be itself.

    Returns:
        `layers`: of each `layer` the tokens `n`, the width `dim`, and what `spectra.spectrum` says of the covariance of
        hidden states over all tokens; `next_token`: `n`, mean `entropy` and `nll` in nats, `tail` (share of tokens with a
        probability below `TAIL`), `top` (mean mass of the `TOP` likeliest), of the tokens of the texts; with `first` also
        `kl`, the mean divergence KL(loaded || first) of what comes next, in nats.

    Raises:
        UsageError: no text has two tokens, or there is no such layer.
        InfrastructureError: no memory is left.
    """
    from toolkit.errors import UsageError

    with explained():
        import torch

        model, tokenizer = loaded.model, loaded.tokenizer
        depth = int(model.config.get_text_config().num_hidden_layers)
        chosen = tuple(layers) or layers_of(depth)
        if bad := [layer for layer in chosen if not 0 <= layer <= depth]:
            raise UsageError(f"layer {bad[0]}: this model has layers 0 to {depth}")
        read = [tokenizer(text, add_special_tokens=True, truncation=True, max_length=LONGEST).input_ids for text in texts]
        read = [ids for ids in read if len(ids) > 1]
        if not read:
            raise UsageError("hidden states are looked at on texts of two tokens or more, and there is none")
        gathered: dict[int, Covariance] = {}
        names = ("entropy", "nll", "tail", "top", *(["kl"] if first else []))
        sums, n = torch.zeros(len(names), dtype=torch.float64), 0
        for start in range(0, len(read), BATCH):
            batch = read[start : start + BATCH]
            longest = max(map(len, batch))
            ids = torch.tensor([each + [0] * (longest - len(each)) for each in batch], device=model.device)
            mask = torch.tensor([[1] * len(each) + [0] * (longest - len(each)) for each in batch], device=model.device)
            with torch.inference_mode():
                said = model(input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False)
                then = said
                if first and first is not loaded:
                    then = first.model(input_ids=ids, attention_mask=mask, use_cache=False)
            for layer in chosen:
                states = said.hidden_states[layer][mask.bool()].double().cpu().numpy()
                gathered.setdefault(layer, Covariance(states.shape[1])).add(states)
            for i, each in enumerate(batch):  # one text at a time, or the vocabulary takes the memory
                logs = torch.log_softmax(said.logits[i, : len(each) - 1].float(), -1)
                right = logs.gather(1, ids[i, 1 : len(each), None])[:, 0]
                top = logs.topk(min(TOP, logs.shape[1]), -1).values.exp().sum(-1)
                parts = [-(logs.exp() * logs).nan_to_num().sum(-1), -right, (right.exp() < TAIL).float(), top]
                if first:
                    before = torch.log_softmax(then.logits[i, : len(each) - 1].float(), -1)
                    parts.append((logs.exp() * (logs - before)).sum(-1))
                sums += torch.stack([part.double().sum() for part in parts]).cpu()
                n += len(right)
        means = dict(zip(names, (sums / n).tolist(), strict=True))
    return {
        "layers": [{"layer": layer, "n": each.n, "dim": len(each.mean), **spectrum(each.matrix())}
                   for layer, each in gathered.items()],
        "next_token": {"n": n, **means},
    }  # fmt: skip
