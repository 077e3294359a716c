"""A cell of the study `pruning-fl`: divide data, prune, train with clients, and score, in the order that the cell says."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from toolkit.federation import loop, partition
from toolkit.settings import FromText
from toolkit.studies.base import Cell, Found
from toolkit.studies.lab import Lab
from toolkit.studies.rows import TOPICS, arrays_hash, hash_of, jaccard, read_arrays, shared_rows, token_ids, write_arrays
from toolkit.studies.settings import Field, Names, Numbers, StudySettings

if TYPE_CHECKING:
    from toolkit.federation.client import Trainer
    from toolkit.models.load import Loaded

Order = Literal["prune-fl", "fl-prune", "local"]
ORDERS: tuple[Order, ...] = get_args(Order)
IID = "iid"


class PruningSettings(StudySettings):
    """Settings of the study `pruning-fl`."""

    sparsities: Numbers = Field((0.0, 0.2), description="Shares of channels that are removed; 0 must be among them.")
    alphas: Names = Field((IID, "0.1"), description="Dirichlet parameters of clients; iid must be among them.")
    orders: Annotated[tuple[Order, ...], FromText] = Field(
        ("prune-fl", "fl-prune"), description="prune-fl, fl-prune, local (clients' own scores, voted)."
    )
    skew: Literal["label", "quantity"] = Field("label", description="Whether alpha is of labels, or of clients' sizes.")
    data: str = Field(TOPICS, description="topics, or JSONL with a text (content, solution, code or text) and a label.")
    label_column: str = Field("label", description="Column of the JSONL that clients differ in.")
    data_limit: int = Field(800, ge=1, description="Rows, at most; as many of each label as can be.")
    clients: int = Field(4, ge=1, description="Number of clients.")
    fraction: float = Field(1.0, gt=0, le=1, description="Share of the clients that takes part in a round.")
    rounds: int = Field(2, ge=1, description="Rounds of federated training.")
    steps: int = Field(4, ge=1, description="Steps of each client in a round.")
    batch: int = Field(2, ge=1, description="Blocks a step.")
    sequence: int = Field(128, ge=2, description="Tokens of a block.")
    lr: float = Field(2e-4, ge=0, description="Highest learning rate.")
    shared: Literal["ffa", "plain", "full"] = Field("ffa", description="What is averaged: ffa (adapters, A frozen), "
                                                    "plain (A and B apart) or full (all weights).")  # fmt: skip
    rank: int = Field(16, ge=1, description="Rank of the adapters.")
    mu: float = Field(0.0, ge=0, description="FedProx's mu; 0: FedAvg.")
    score: Literal["act", "mag", "random"] = Field("act", description="The score by which channels are chosen.")
    calibration_texts: int = Field(32, ge=1, description="Rows that the server keeps to score channels; never trained on.")
    client_texts: int = Field(2, ge=1, description="Rows that each client keeps, to say how well it is served.")

    def wrong(self) -> list[str]:
        """Return complaints about levels without which there is no contrast."""
        wrong = super().wrong()
        if 0 not in self.sparsities:
            wrong.append("sparsities: 0 is needed, with which the others are compared")
        wrong += [f"sparsities: {each:g} is not from 0 to 1" for each in self.sparsities if not 0 <= each < 1]
        if IID not in self.alphas:
            wrong.append("alphas: iid is needed, with which the others are compared")
        for each in self.alphas:
            try:
                if not (each == IID or float(each) > 0):
                    raise ValueError
            except ValueError:
                wrong.append(f"alphas: {each!r} is neither iid nor a number above 0")
        return wrong


def cell_name(sparsity: float, alpha: str, order: str) -> str:
    return f"s{sparsity:g}-{alpha if alpha == IID else f'a{alpha}'}-{order if sparsity else 'dense'}"


class Run:
    """One cell with one seed."""

    def __init__(self, lab: Lab[PruningSettings], cell: Cell, seed: int) -> None:
        self.lab, self.settings, self.seed = lab, lab.settings, seed
        self.sparsity, self.alpha, self.order = (cell.levels[name] for name in ("sparsity", "alpha", "order"))
        self.folder = f"seed{seed}/{cell.name}"
        self.rows, self.calibration = shared_rows(
            lab, lab.settings.data, lab.settings.label_column, lab.settings.data_limit, lab.settings.calibration_texts
        )

    def found(self) -> Found:
        """Return scores and numbers."""
        numbers: dict[str, Any] = {}
        kept: list[list[int]] | None = None
        weights: tuple[Path, str] | None = None
        if self.order in ("untrained", "central"):
            kept = self._kept(numbers)
            if self.order == "central":
                weights = self._trained(self.folder, kept, {"all": list(range(len(self.rows)))}, numbers)
            return self._scored(kept, weights, numbers, prune_first=True)
        parts = self._parts(numbers)
        if self.order == "fl-prune":
            dense = f"seed{self.seed}/{cell_name(0, self.alpha, '')}"
            weights = self._trained(dense, None, parts, numbers)
            kept = self._kept(numbers, after=weights)
            return self._scored(kept, weights, numbers, prune_first=False, parts=parts)
        kept = self._voted(parts, numbers) if self.order == "local" else self._kept(numbers)
        weights = self._trained(self.folder, kept, parts, numbers)
        return self._scored(kept, weights, numbers, prune_first=True, parts=parts)

    # -- data ----------------------------------------------------------------------------------------------------------

    def _parts(self, numbers: dict[str, Any]) -> dict[str, list[int]]:
        """Return the places of each client's rows; those that it keeps for itself are their last."""
        settings, labels = self.settings, [row["label"] for row in self.rows]
        least = settings.client_texts + 1
        inputs = {"data": hash_of(self.rows), "clients": settings.clients, "alpha": self.alpha, "skew": settings.skew,
                  "least": least, "seed": self.seed}  # fmt: skip

        def act() -> dict[str, Any]:
            alpha = partition.IID if self.alpha == IID else float(self.alpha)
            if settings.skew == "label":
                parts = partition.by_label(labels, settings.clients, alpha, seed=self.seed, least=least)
            else:
                parts = partition.by_quantity(len(labels), settings.clients, alpha, seed=self.seed, least=least)
            return {"parts": parts, "labels": partition.table(labels, parts), "tv": partition.heterogeneity(labels, parts)}

        done = self.lab.stage(f"seed{self.seed}/split-{self.alpha}", "prepare-split", inputs, act)
        numbers |= {"tv": round(done["tv"], 6), "sizes": [len(part) for part in done["parts"]], "labels": done["labels"]}
        return {str(at): part for at, part in enumerate(done["parts"])}

    def _texts(self, places: Sequence[int]) -> list[str]:
        return [self.rows[at]["text"] for at in places]

    # -- pruning -------------------------------------------------------------------------------------------------------

    def _kept(self, numbers: dict[str, Any], after: tuple[Path, str] | None = None) -> list[list[int]] | None:
        """Return the channels that stay by the server's calibration, of the model as it is, or after a training."""
        if not self.sparsity:
            return None
        inputs = self._inputs() | {"after": after and after[1], "texts": hash_of(self.calibration)}

        def act() -> dict[str, Any]:
            from toolkit.surgery import prune

            loaded = self._recipe(None, after, prune_first=False)
            scores = prune.channel_scores(loaded.model, self.settings.score, token_ids(loaded, self.calibration), self.seed)
            return {"kept": prune.kept_channels(scores, self.sparsity)}

        kept: list[list[int]] = self.lab.stage(self.folder, "prepare-prune", inputs, act)["kept"]
        return kept

    def _voted(self, parts: Mapping[str, Sequence[int]], numbers: dict[str, Any]) -> list[list[int]]:
        """Return the channels that clients vote to keep, each by scores on its own rows."""
        n_texts = self.settings.calibration_texts
        inputs = self._inputs() | {"data": hash_of(self.rows), "parts": hash_of(parts), "texts": n_texts}

        def act() -> dict[str, Any]:
            from toolkit.surgery import prune

            loaded = self.lab.load(dtype="float32")
            scores = [
                prune.channel_scores(
                    loaded.model, self.settings.score,
                    token_ids(loaded, self._texts(part)[:n_texts]), self.seed
                ) for part in parts.values()
            ]  # fmt: skip
            votes = [prune.kept_channels(each, self.sparsity) for each in scores]
            return {"kept": prune.voted_channels(votes, scores, self.sparsity), "jaccard": jaccard(votes)}

        done = self.lab.stage(self.folder, "prepare-prune", inputs, act)
        numbers["jaccard"] = done["jaccard"]
        kept: list[list[int]] = done["kept"]
        return kept

    def _inputs(self) -> dict[str, Any]:
        settings = self.settings
        return {"model": settings.model, "sparsity": self.sparsity, "score": settings.score, "seed": self.seed,
                "dtype": settings.dtype}  # fmt: skip

    # -- training ------------------------------------------------------------------------------------------------------

    def _trained(
        self, folder: str, kept: list[list[int]] | None, parts: Mapping[str, Sequence[int]], numbers: dict[str, Any],
    ) -> tuple[Path, str]:
        """Train round by round, a stage each; return the file of the last weights and their hash."""
        settings = self.settings
        is_central = self.order == "central"
        rounds = 1 if is_central else settings.rounds
        n_together = settings.rounds * max(1, round(settings.clients * settings.fraction))
        n_steps = settings.steps * (n_together if is_central else 1)
        keep = settings.client_texts
        texts = [self._texts(part if is_central else part[:-keep]) for part in parts.values()]
        asked = {
            **self._inputs(), "kept": kept and hash_of(kept), "data": hash_of(texts), "steps": n_steps,
            "batch": settings.batch, "sequence": settings.sequence, "lr": settings.lr, "shared": settings.shared,
            "rank": settings.rank, "mu": settings.mu, "fraction": settings.fraction, "rounds": rounds,
        } | ({} if kept else {"sparsity": 0.0})  # fmt: skip
        trainer: list[Trainer] = []
        digest, ledger = "first", []
        for number in range(rounds):
            before = self.settings.output / folder / f"weights-{number - 1}.npz"
            file = before.with_name(f"weights-{number}.npz")

            def act(number: int = number, before: Path = before, file: Path = file) -> dict[str, Any]:
                if not trainer:
                    trainer.append(self._trainer(kept, n_steps, rounds))
                weights = read_arrays(before) if number else trainer[0].arrays()
                clients = [
                    lambda given, at_round, at=at, own=own: trainer[0].train(given, at_round, at, own)
                    for at, own in enumerate(texts)
                ]  # fmt: skip
                after, row = loop.one_round(
                    weights, clients, number, fraction=settings.fraction, seed=self.seed, advance=self.lab.advance
                )
                write_arrays(file, after)
                return {**row, "sha256": arrays_hash(after)}

            done = self.lab.stage(folder, f"train-{number}", asked | {"before": digest}, act)
            digest = done["sha256"]
            ledger.append(done)
            before.unlink(missing_ok=True)
        numbers |= {
            "bytes_down": sum(row["bytes_down"] for row in ledger), "bytes_up": sum(row["bytes_up"] for row in ledger),
            "taking_part": [row["clients"] for row in ledger], "drift": fmean(ledger[-1]["drift"]),
            "loss_first": fmean(ledger[0]["loss_first"]), "loss_last": fmean(ledger[-1]["loss_last"]),
        }  # fmt: skip
        return file, digest

    def _trainer(self, kept: list[list[int]] | None, steps: int, rounds: int) -> "Trainer":
        from toolkit.federation.client import Trainer, with_adapter
        from toolkit.training.settings import TrainSettings

        settings = self.settings
        loaded = self._recipe(kept, None, prune_first=True)
        dtype = settings.dtype or ("bfloat16" if loaded.model.device.type == "cuda" else "float32")
        training = TrainSettings(
            data=(Path("clients"),), output=settings.output, steps=steps, batch=settings.batch, sequence=settings.sequence,
            lr=settings.lr, seed=self.seed, dtype=dtype, micro_batch=settings.batch,
        )  # fmt: skip
        adapted = with_adapter(loaded, settings.shared, rank=settings.rank, alpha=2 * settings.rank, seed=self.seed)
        if settings.shared != "full" and dtype == "bfloat16":
            for name, weight in adapted.model.named_parameters():
                weight.data = weight.data if ".lora_" in name else weight.data.bfloat16()
        return Trainer(loaded=adapted, settings=training, mu=settings.mu, rounds=rounds)

    def _recipe(self, kept: list[list[int]] | None, weights: tuple[Path, str] | None, *, prune_first: bool) -> "Loaded":
        """Make a model: load it, prune it and put trained weights into it, in either order.

        In float32, whatever a training's arithmetic is: an update is smaller than the distance of two weights of 16 bits.
        """
        from toolkit.federation.client import Trainer, merged, with_adapter
        from toolkit.surgery import prune
        from toolkit.training.settings import TrainSettings

        settings, loaded = self.settings, self.lab.load(dtype="float32")
        if kept and prune_first:
            prune.cut_channels(loaded.model, kept)
        if weights:
            adapted = with_adapter(loaded, settings.shared, rank=settings.rank, alpha=2 * settings.rank, seed=self.seed)
            training = TrainSettings(data=(Path("clients"),), output=settings.output)
            Trainer(loaded=adapted, settings=training).put(read_arrays(weights[0]))
            loaded = merged(adapted)
        if kept and not prune_first:
            prune.cut_channels(loaded.model, kept)
        loaded.model.eval()
        return loaded

    # -- scores --------------------------------------------------------------------------------------------------------

    def _scored(
        self, kept: list[list[int]] | None, weights: tuple[Path, str] | None, numbers: dict[str, Any], *, prune_first: bool,
        parts: Mapping[str, Sequence[int]] | None = None,
    ) -> Found:  # fmt: skip
        digest = hash_of([self._inputs(), kept, weights and weights[1], prune_first])

        @cache
        def build() -> "Loaded":
            return self._recipe(kept, weights, prune_first=prune_first)

        def sizes() -> dict[str, Any]:
            from toolkit.models.scorer import ModelScorer
            from toolkit.surgery import prune

            loaded, found = build(), {}
            if parts:
                own = [self._texts(part[-self.settings.client_texts :]) for part in parts.values()]
                read = ModelScorer(loaded=loaded)
                each = [fmean(-float(one.mean()) for one in read.logprobs([""] * len(some), some)) for some in own]
                found = {"client_nll_mean": round(fmean(each), 6), "client_nll_worst": round(max(each), 6)}
            return {**prune.sizes(loaded.model), **found}

        own = {"model": digest, "texts": hash_of([parts, self.settings.client_texts, hash_of(self.rows)])}
        numbers |= self.lab.aside(self.folder, "measure", own, sizes) or {}
        return Found(scores=self.lab.scores(self.folder, digest, build), numbers=numbers)
