"""The loss of a model on blocks: what training and held-out texts have in common."""

from typing import Any

from toolkit.training import data


def cross_entropy(model: Any, blocks: Any, end: int, dtype: str | None) -> Any:
    """Return the cross-entropy of blocks (a tensor as of `Blocks.take`), summed over their targets, in nats: a tensor.

    Args:
        end: the token that stands for padding; see `data.inputs`.
        dtype: the arithmetic: bfloat16 is under autocast.
    """
    import torch

    with torch.autocast(blocks.device.type, torch.bfloat16, enabled=dtype == "bfloat16"):
        logits = model(**data.inputs(blocks, end), use_cache=False).logits[:, :-1].flatten(0, 1)
    targets = blocks[:, 0, 1:].flatten().clamp(min=data.PADDING)
    return torch.nn.functional.cross_entropy(logits.float(), targets, ignore_index=data.PADDING, reduction="sum")


def mean_loss(model: Any, blocks: data.Blocks, device: Any, dtype: str) -> float:
    """Return the mean cross-entropy over all targets of the blocks, each seen once; the model stays in its mode."""
    import torch

    was_training, total, n_targets = model.training, 0.0, 0
    model.eval()
    with torch.no_grad():
        for number in range(blocks.n_blocks(0)):
            ids = torch.from_numpy(blocks.take(number, 1)).long().to(device)
            total += float(cross_entropy(model, ids, blocks.tokenizer.eos_token_id, dtype))
            n_targets += int((ids[:, 0, 1:] >= 0).sum())
    model.train(was_training)
    return total / max(1, n_targets)
