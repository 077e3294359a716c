"""The loss on texts that are not trained on."""

from typing import Any

from toolkit.training import data


def loss(model: Any, blocks: data.Blocks, device: Any, dtype: str) -> float:
    """Return the mean cross-entropy over all targets of the blocks, each seen once, in nats a token.

    The arithmetic is that of training: bfloat16 under autocast, or float32. The model is put back into its mode.
    """
    import torch

    was_training, total, n_targets = model.training, 0.0, 0
    model.eval()
    with torch.no_grad():
        for number in range(blocks.n_blocks(0)):
            ids = torch.from_numpy(blocks.take(number, 1)).long().to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=dtype == "bfloat16"):
                logits = model(**data.inputs(ids, blocks.tokenizer.eos_token_id), use_cache=False).logits[0, :-1]
            targets = ids[0, 0, 1:].clamp(min=data.PADDING)
            total += float(torch.nn.functional.cross_entropy(
                logits.float(), targets, ignore_index=data.PADDING, reduction="sum"
            ))  # fmt: skip
            n_targets += int((targets >= 0).sum())
    model.train(was_training)
    return total / max(1, n_targets)
