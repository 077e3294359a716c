"""What a model is given of blocks, and its loss on them."""

from typing import TYPE_CHECKING, Any

from toolkit.errors import UsageError
from toolkit.training import data

if TYPE_CHECKING:
    from toolkit.training.settings import TrainSettings


def inputs(blocks: Any, end: int) -> dict[str, Any]:
    """Return what a model is given of blocks (a tensor as of `Blocks.take`): `input_ids`, with `end` where they are padded.

    With the places of isolated texts, as `position_ids` and without an attention mask, transformers masks other texts.
    """
    ids = blocks[:, 0]
    read = ids.where(ids >= 0, -2 - ids).where(ids != data.PADDING, end)
    return {"input_ids": read} | ({"position_ids": blocks[:, 1]} if blocks.shape[1] > 1 else {})


def check_reads(model: Any, settings: "TrainSettings") -> None:
    """Raise UsageError unless a model reads blocks of that length, and, where asked, their texts apart, by their places."""
    import torch

    context = getattr(model.config, "max_position_embeddings", None) or settings.sequence
    if settings.sequence > context:
        raise UsageError(f"--sequence {settings.sequence}: {settings.model} reads at most {context} tokens")
    if not settings.document_mask:
        return
    ids = torch.tensor([[1, 2, 3, 4, 5, 1]], device=model.device)
    places = torch.tensor([[0, 1, 2, 0, 1, 2]], device=model.device)
    model.eval()
    with torch.no_grad():
        together, alone = (model(input_ids=i, position_ids=p, use_cache=False).logits[0, -3:].float()
                           for i, p in ((ids, places), (ids[:, 3:], places[:, 3:])))  # fmt: skip
    if not torch.allclose(together, alone, atol=0.05 * float(alone.std()) + 1e-5):
        raise UsageError("--document-mask: this model reads the texts of a block as one, whatever their places are")


def cross_entropy(model: Any, blocks: Any, end: int, dtype: str | None) -> Any:
    """Return the cross-entropy of blocks (as for `inputs`), summed over their targets, in nats: a tensor with gradients.

    Args:
        dtype: the arithmetic: bfloat16 is under autocast.
    """
    import torch

    with torch.autocast(blocks.device.type, torch.bfloat16, enabled=dtype == "bfloat16"):
        logits = model(**inputs(blocks, end), use_cache=False).logits[:, :-1].flatten(0, 1)
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
