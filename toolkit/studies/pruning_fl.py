"""`pruning-fl`: does heterogeneity of clients make structured pruning cost more? Sparsity x alpha x order of operations."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from toolkit.analysis.contrasts import Contrast
from toolkit.studies.base import ARXIV, TINY, Cell, Found, Study, both
from toolkit.studies.lab import Lab
from toolkit.studies.pruning_cell import IID, ORDERS, PruningSettings, Run, cell_name


class PruningFl(Study[PruningSettings]):
    """The study."""

    name = "pruning-fl"
    question = "Does structured pruning cost more pass@1 where federated clients differ in what their code is about?"
    method = (
        "Rows with labels (functions of the standard library by topic, unless others are given) are divided among clients "
        "by a Dirichlet distribution with parameter alpha; rows with tokens of a benchmark are left out.",
        "One share of feed-forward channels is cut in every layer, by activations on the server's own texts (prune-fl and "
        "fl-prune) or by the clients' votes (local), before or after federated training of adapters (FedAvg by tokens; A "
        "frozen and the same for all unless plain or full is asked for).",
        "Interaction: [score at s and alpha less score at 0 and alpha] less the same at IID, by task. Above 0 in nats, or "
        "below 0 in pass@1, pruning costs more where clients differ.",
        "untrained: no training. central: as many tokens in one place.",
    )
    limits = (
        "Clients differ by topic of the standard library, not as companies do; other skews may act otherwise.",
        "Where alpha moves little without pruning, clients have hardly parted in training: that it then changes little of "
        "what pruning costs says nothing of longer training.",
        "Left out: pruning during training and hierarchies (FedPhD), pruning of heads and vocabulary, Taylor scores.",
        "Training on the standard library may lower HumanEval in every cell; effects are read against the rows without "
        "training and with centralised training.",
        "Nats a token are no substitute for pass@1: see whether both rank the cells alike.",
    )
    references: ClassVar[Mapping[str, str]] = {
        "FedAvg": f"{ARXIV}1602.05629", "FedProx": f"{ARXIV}1812.06127", "Dirichlet partitions": f"{ARXIV}1905.12022",
        "FFA-LoRA": f"{ARXIV}2403.12313", "Votes of clients, FedPrLLM": f"{ARXIV}2505.13547",
        "FedSpaLLM": f"{ARXIV}2410.14852", "Pruning of code models, Flab-Pruner": f"{ARXIV}2412.15921",
    }  # fmt: skip
    settings = PruningSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {**TINY, "clients": 2, "rounds": 2, "steps": 1, "sequence": 32, "data_limit": 64, "calibration_texts": 4,
                 "client_texts": 1, "rank": 2, "orders": ORDERS, "alphas": (IID, "0.5")},
        "small": {"dtype": "bfloat16", "device": "cpu"},
        "gpu": {"minutes": 7,
                "sparsities": (0.0, 0.1, 0.2, 0.3), "alphas": (IID, "1", "0.1"), "orders": ORDERS, "clients": 8, "rounds": 5,
                "steps": 10, "batch": 8, "sequence": 512, "nll_tasks": 164, "pass_tasks": 164, "samples": 5,
                "temperature": 0.2, "max_new_tokens": 256, "data_limit": 4000, "machine": "h200"},
        "full": {"model": "Qwen/Qwen2.5-Coder-1.5B", "parameters": 1.54e9, "machine": "h100", "orders": ORDERS,
                 "sparsities": (0.0, 0.1, 0.2, 0.3), "alphas": (IID, "1", "0.1"), "seeds": (0, 1, 2), "clients": 20,
                 "fraction": 0.2, "rounds": 100, "steps": 10, "batch": 16, "sequence": 512, "mu": 0.01, "nll_tasks": 164,
                 "pass_tasks": 164, "samples": 20, "temperature": 0.2, "max_new_tokens": 512, "data_limit": 100_000},
    }  # fmt: skip

    def cells(self, settings: PruningSettings) -> list[Cell]:
        """Return the rows without and with centralised training, then sparsity x alpha x order."""
        found = [
            Cell(f"{how}-s{s:g}", {"sparsity": s, "alpha": "", "order": how}) for how in ("untrained", "central")
            for s in settings.sparsities if how == "untrained" or not s
        ]  # fmt: skip
        for s in settings.sparsities:
            for alpha in settings.alphas:
                orders = settings.orders if s else ("dense",)
                found += [Cell(cell_name(s, alpha, o), {"sparsity": s, "alpha": alpha, "order": o}) for o in orders]
        return found

    def contrasts(self, settings: PruningSettings, rows: Sequence[Mapping[str, Any]] = ()) -> list[Contrast]:
        """Ask for the interaction of sparsity and alpha, for each order; beside it for both alone, and for the order."""
        found, beside = [], []
        for s in sorted(filter(None, settings.sparsities), reverse=True):
            for order in settings.orders:
                iid = {cell_name(s, IID, order): 1.0, cell_name(0, IID, ""): -1.0}
                beside += both(f"pruning {s:g} at IID, {order}", iid, settings)
                for alpha in (each for each in settings.alphas if each != IID):
                    weights = {name: -weight for name, weight in iid.items()}
                    weights |= {cell_name(s, alpha, order): 1.0, cell_name(0, alpha, ""): -1.0}
                    found += both(f"interaction of {s:g} and alpha {alpha}, {order}", weights, settings, named=True)
            if {"prune-fl", "fl-prune"} <= set(settings.orders):
                for alpha in settings.alphas:
                    weights = {cell_name(s, alpha, "prune-fl"): 1.0, cell_name(s, alpha, "fl-prune"): -1.0}
                    beside += both(f"order at {s:g} and {alpha}, prune-fl less fl-prune", weights, settings)
        for alpha in settings.alphas:
            if alpha != IID:
                weights = {cell_name(0, alpha, ""): 1.0, cell_name(0, IID, ""): -1.0}
                beside += both(f"alpha {alpha} without pruning", weights, settings)
        for name, other in (("no training", "untrained-s0"), ("training in one place", "central-s0")):
            weights = {cell_name(0, IID, ""): 1.0, other: -1.0}
            beside += both(f"federated training, IID, less {name}, without pruning", weights, settings)
        return found + beside

    def trained(self, settings: PruningSettings) -> float:
        """Return how many tokens are trained on: a federated training is used by both orders without pruning."""
        each = settings.clients * settings.fraction * settings.rounds * settings.steps * settings.batch * settings.sequence
        n_pruned = sum(order != "fl-prune" for order in settings.orders) * sum(s > 0 for s in settings.sparsities)
        return each * (len(settings.alphas) * (1 + n_pruned) + 1)

    def run(self, lab: Lab[PruningSettings], cell: Cell, seed: int) -> Found:
        """Prune and train in the cell's order, then score."""
        return Run(lab, cell, seed).found()
