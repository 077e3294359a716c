"""A client's part of federated training: some steps of AdamW on its own texts, from the server's weights.

One client that trains for one round does what `toolkit train` does, to the bit. In further rounds the optimizer begins anew,
as the server's weights are not where it was, and so does the learning rate; `carry` keeps both, per client.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from toolkit.errors import UsageError
from toolkit.federation.loop import Arrays, Update
from toolkit.training import data
from toolkit.training.loss import cross_entropy
from toolkit.training.settings import TrainSettings

if TYPE_CHECKING:
    from toolkit.models.load import Loaded

Shared = Literal["ffa", "plain", "full"]
"""What is trained and averaged: `ffa`, an adapter's B alone, with A frozen and the same for all, so that the mean of
products is the product of means (arXiv 2403.12313); `plain`, A and B apart, whose product is not the mean of theirs; `full`,
all weights."""


def proximal(weights: Mapping[str, Any], anchor: Mapping[str, Any], mu: float) -> Any:
    """Return FedProx's term: mu / 2 times the squared distance of weights to the server's, a tensor."""
    return mu / 2 * sum((weight - anchor[name]).square().sum() for name, weight in weights.items())


@dataclass(kw_only=True, eq=False)
class Trainer:
    """One model that all clients of this process train in turn. Raises `UsageError` for an infinite loss.

    Attributes:
        loaded: the model; with an adapter unless `shared` is `full`. What is to be trained has gradients.
        settings: those of the training; `steps` are those of one round.
        mu: FedProx's; 0 is FedAvg.
        carry: each client keeps its optimizer's moments and the learning rate's clock from round to round.
        rounds: how many there are, for that clock.
    """

    loaded: "Loaded"
    settings: TrainSettings
    mu: float = 0.0
    carry: bool = False
    rounds: int = 1
    _kept: dict[int, dict[str, Any]] = field(default_factory=dict)

    def weights(self) -> dict[str, Any]:
        """Return the weights that are trained, by name."""
        return {name: weight for name, weight in self.loaded.model.named_parameters() if weight.requires_grad}

    def arrays(self) -> dict[str, Any]:
        """Return the weights that are trained as arrays of float32, copied."""
        return {name: weight.detach().float().cpu().numpy().copy() for name, weight in self.weights().items()}

    def put(self, arrays: Arrays) -> None:
        """Take over weights. Raises `UsageError` if they are not those that are trained."""
        import torch

        weights = self.weights()
        if arrays.keys() != weights.keys():
            raise UsageError("the server's weights are not those that this client trains")
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(torch.from_numpy(arrays[name]))

    def train(self, given: Arrays, number: int, client: int, texts: Sequence[Any]) -> Update:
        """Train on a client's texts from the server's weights; return what it sends.

        Args:
            number: the round, from 0.
            client: its number, part of the seed.
        """
        import torch

        settings, model = self.settings, self.loaded.model
        self.put(given)
        device = next(model.parameters()).device
        weights = self.weights()
        anchor = {name: weight.detach().clone() for name, weight in weights.items()} if self.mu else {}
        steps = settings.steps or 1
        seed = settings.seed + 7919 * client + (0 if self.carry else 104_729 * number)
        blocks = data.Blocks(
            texts=texts, tokenizer=self.loaded.tokenizer, length=settings.sequence, seed=seed,
            fim_rate=settings.fim_rate, spm_rate=settings.spm_rate, isolated=settings.document_mask,
        )  # fmt: skip
        optimizer = torch.optim.AdamW(settings.groups(weights.values()))
        if self.carry and client in self._kept:
            optimizer.load_state_dict(self._kept[client])
        first, n_steps = (number * steps, self.rounds * steps) if self.carry else (0, steps)
        model.train()
        losses, tokens = [], 0
        for step in range(first, first + steps):
            torch.manual_seed((seed * 1_000_003 + step) * 1009)
            for group in optimizer.param_groups:
                group["lr"] = settings.rate(step, n_steps)
            loss, n = self._step(blocks.take(step * settings.batch, settings.batch), device, weights, anchor)
            losses.append(loss)
            tokens += n
            if settings.clip:
                torch.nn.utils.clip_grad_norm_(weights.values(), settings.clip)
            optimizer.step()
            optimizer.zero_grad()
        model.eval()
        if self.carry:
            self._kept[client] = optimizer.state_dict()
        return Update(arrays=self.arrays(), weight=tokens, numbers={"loss_first": losses[0], "loss_last": losses[-1]})

    def _step(self, rows: Any, device: Any, weights: Mapping[str, Any], anchor: Mapping[str, Any]) -> tuple[float, int]:
        """Make the gradients of a step; return its loss, without FedProx's term, and its targets."""
        import torch

        settings = self.settings
        n_targets = max(1, int((rows[:, 0, 1:] >= 0).sum()))
        mine, loss = torch.from_numpy(rows).long().to(device), torch.zeros((), device=device)
        for start in range(0, len(mine), settings.micro_batch):
            ids = mine[start : start + settings.micro_batch]
            part = cross_entropy(self.loaded.model, ids, self.loaded.tokenizer.eos_token_id, settings.dtype)
            (part / n_targets).backward()
            loss += part.detach() / n_targets
        if self.mu:
            proximal(weights, anchor, self.mu).backward()
        if not torch.isfinite(loss):
            raise UsageError(f"a client's loss is {float(loss)}: lower the learning rate, or look at its data")
        return float(loss), n_targets


def with_adapter(loaded: "Loaded", shared: Shared, *, rank: int = 16, alpha: int = 32, seed: int = 0) -> "Loaded":
    """Return the model with a new adapter on all linear layers but the last, or with all weights to be trained."""
    import warnings
    from dataclasses import replace

    import torch

    if shared == "full":
        loaded.model.requires_grad_(True)
        return loaded
    import peft

    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = peft.LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=rank, lora_alpha=alpha)
        model = peft.get_peft_model(loaded.model, config)
    if shared == "ffa":
        for name, weight in model.named_parameters():
            if ".lora_A." in name:
                weight.requires_grad_(False)
    return replace(loaded, model=model)


def merged(loaded: "Loaded") -> "Loaded":
    """Return the model with its adapter, if any, put into its weights."""
    from dataclasses import replace

    if not hasattr(loaded.model, "peft_config"):
        return loaded
    return replace(loaded, model=loaded.model.merge_and_unload().eval())
