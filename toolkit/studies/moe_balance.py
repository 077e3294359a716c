"""`moe-balance`: is loss-free balancing hurt less than an auxiliary loss by other initial experts, and by capacity?"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from toolkit.analysis.contrasts import Contrast, over, told
from toolkit.analysis.routing import recovery
from toolkit.settings import FromText
from toolkit.studies.base import ARXIV, TINY, Cell, Found, Study
from toolkit.studies.lab import Lab
from toolkit.studies.mixtures import MixtureSettings, Trained, Upcycled, held_out, trained_tokens
from toolkit.studies.settings import Field, Names, Numbers
from toolkit.surgery.upcycle import Init

if TYPE_CHECKING:
    from toolkit.models.load import Loaded

PUBLISHED = [
    {"model": "1B", "balancer": "aux 0.001", "perplexity": 9.56, "max_vio": 0.72},
    {"model": "1B", "balancer": "alf 0.001", "perplexity": 9.50, "max_vio": 0.04},
    {"model": "3B", "balancer": "aux 0.001", "perplexity": 7.97, "max_vio": 0.52},
    {"model": "3B", "balancer": "alf 0.001", "perplexity": 7.92, "max_vio": 0.04},
]
"""arXiv 2408.15664, table 2: DeepSeekMoE, 100B and 200B tokens, MaxVio over the validation set."""
_FORM = re.compile(r"(none|aux|alf|magnitude|multiplicative)(\d+(?:\.\d+)?(?:e-?\d+)?)?(\+seq)?")
ALIKE = 0.1
"""How far two MaxVio that are taken for matched may be apart, as a share of the larger one."""
UNLIKE = "which are not alike"
SEQUENCE = 1e-4
"""Weight of the loss of each sequence in `+seq`, as in DeepSeek-V3."""


class BalanceSettings(MixtureSettings):
    """Settings of the study `moe-balance`."""

    balancers: Names = Field(("none", "aux0.01", "alf0.01"), description="none, or aux, alf, magnitude, multiplicative with "
                             "their rate; +seq adds a loss for each sequence.")  # fmt: skip
    inits: Annotated[tuple[Init, ...], FromText] = Field(("copy", "drop"), description="What experts begin as; the first is "
                                                         "what others are compared with.")  # fmt: skip
    capacities: Numbers = Field((0,), description="Capacity factors in training; 0: no limit.")
    reads: Numbers = Field((0, 1.0), description="Capacity factors when texts are read, within each text; 0: no limit.")
    skew: float = Field(0.1, gt=0, description="Bias of the first expert of the init skewed.")

    def wrong(self) -> list[str]:
        """Return complaints about levels that there are not."""
        wrong = super().wrong()
        for name in self.balancers:
            found = _FORM.fullmatch(name)
            if not found or (found[1] == "none") != (found[2] is None):
                wrong.append(f"balancers: {name!r} is neither none nor a kind with its rate, such as alf0.01 or alf0.01+seq")
        wrong += [f"{name}: 0 has to be the first" for name in ("capacities", "reads") if getattr(self, name)[:1] != (0,)]
        return wrong


class MoeBalance(Study[BalanceSettings]):
    """The study."""

    name = "moe-balance"
    question = (
        "Is load balancing without an auxiliary loss hurt less by other initial experts, and by capacity, than with one?"
    )
    method = (
        "The model's last layers become mixtures of experts with sigmoid routers, trained with each balancer and its rate "
        "on functions of the standard library, unless other data is given.",
        "Degradation: the score with an init, a capacity in training and one at reading, less that of the same balancer "
        "with the first init and no capacity. The contrast is that of loss-free balancing less that of the auxiliary "
        "loss, mean over conditions: below 0 in nats, or above 0 in pass@1, loss-free balancing is hurt less.",
        "Capacity at reading holds within each text by itself, and is of nats alone. MaxVio is the largest load over the "
        "mean, less 1, on texts that were held out; last steps: of each of the last five in training, on average.",
    )
    limits = (
        "Mixtures are upcycled and trained briefly: a router that has just begun to learn is not one after 100B tokens.",
        "A rate means something else for each balancer. The pair that answers has the nearest MaxVio where experts begin as "
        "copies, which need not be near; the other pairs stand beside it.",
        "Copies give the router no gradient until they differ: at first, only balancing moves it.",
        "Answers are always written without capacity, which at inference would make pass@1 depend on the batch.",
    )
    references: ClassVar[Mapping[str, str]] = {
        "Loss-free balancing": f"{ARXIV}2408.15664", "Its theory": f"{ARXIV}2512.03915",
        "Drop-upcycling": f"{ARXIV}2502.19261", "Virtual groups": f"{ARXIV}2410.07524",
    }  # fmt: skip
    settings = BalanceSettings
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tiny": {**TINY, "experts": 4, "layers": 1, "steps": 2, "sequence": 32, "texts": 8, "held_texts": 2,
                 "balancers": ("aux0.5", "alf0.01")},
        "small": {"dtype": "bfloat16", "device": "cpu", "balancers": ("none", "aux0.01", "aux0.1", "alf0.0002", "alf0.01"),
                  "nll_tasks": 64, "pass_tasks": 32, "parameters": 1.45e8},
        "gpu": {"minutes": 7,
                "balancers": ("none", "aux0.01", "aux0.1", "alf0.001", "alf0.001+seq"), "inits": ("copy", "drop", "skewed"),
                "capacities": (0, 1.0), "layers": 0, "trains": "all", "steps": 150, "batch": 32, "micro_batch": 8,
                "sequence": 1024, "texts": 4000, "held_texts": 128, "nll_tasks": 164, "pass_tasks": 164,
                "max_new_tokens": 256, "machine": "h200", "parameters": 2.1e8},
        "full": {"model": "Qwen/Qwen2.5-Coder-1.5B", "layers": 0, "trains": "all", "seeds": (0, 1, 2),
                 "balancers": ("none", "aux0.001", "aux0.01", "aux0.1", "alf0.0001", "alf0.001", "alf0.001+seq",
                               "magnitude0.001"),
                 "inits": ("copy", "drop", "skewed", "random"), "capacities": (0, 1.25), "reads": (0, 1.0, 1.25),
                 "steps": 2000, "batch": 512, "micro_batch": 8, "sequence": 2048, "held_texts": 500,
                 "benchmarks": ("humaneval", "mbpp+"), "nll_tasks": 378, "pass_tasks": 378, "samples": 20,
                 "temperature": 0.2, "max_new_tokens": 1024, "machine": "h200", "parameters": 2.7e9},
    }  # fmt: skip

    def cells(self, settings: BalanceSettings) -> list[Cell]:
        """Return a cell for each training and each capacity at reading; the first of a training is read without."""
        return [
            Cell(_name(balancer, init, capacity, read),
                 {"balancer": balancer, "init": init, "capacity": capacity, "read": read})
            for init in settings.inits for balancer in settings.balancers for capacity in settings.capacities
            for read in settings.reads
        ]  # fmt: skip

    def run(self, lab: Lab[BalanceSettings], cell: Cell, seed: int) -> Found:
        """Upcycle, train, measure loads, and score; of a cell that is read with capacity, only what is read."""
        settings, levels = lab.settings, cell.levels
        more = {"skew": settings.skew} if levels["init"] == "skewed" else {}
        parent = Upcycled(lab, seed, levels["init"], **more)
        folder = f"seed{seed}/{_name(levels['balancer'], levels['init'], levels['capacity'], 0)}"
        trained = Trained(
            lab, folder, seed, parent.folder, parent.inputs, parent.outputs["layers"],
            **_balance(levels["balancer"]), **({"capacity": levels["capacity"]} if levels["capacity"] else {}),
        )  # fmt: skip
        found = self._scored(lab, trained, folder, levels, seed)
        is_whole = all(f"nll@{name}" in found.scores for name in lab.present())
        if is_whole and levels["read"] == settings.reads[-1]:
            trained.remove()
        if is_whole and (levels["balancer"], levels["capacity"]) == (settings.balancers[-1], settings.capacities[-1]):
            parent.remove()
        found.numbers |= {"difference_at_start": parent.outputs["difference"], "parameters": parent.outputs["parameters"]}
        return found

    def _scored(
        self, lab: Lab[BalanceSettings], trained: Trained, folder: str, levels: Mapping[str, Any], seed: int
    ) -> Found:
        @cache
        def build() -> "Loaded":
            from toolkit.surgery.moe import Balance, Routing

            loaded = lab.load(trained.weights())
            multiplies = levels["balancer"].startswith("multiplicative")
            if multiplies or levels["read"]:
                Routing(loaded.model, Balance(
                    balancer="multiplicative" if multiplies else "none", per_sequence=bool(levels["read"]),
                    capacity=levels["read"] or float("inf"),
                ))  # fmt: skip
            return loaded

        if levels["read"]:
            suffix, digest = f"-cf{levels['read']:g}", f"{trained.digest} at {levels['read']}"
            scores = {f"nll@{name}": lab.nll(folder, digest, build, name, suffix, alone=True) for name in lab.present()}
            return Found(scores={name: values for name, values in scores.items() if values is not None})
        loads = held_out(lab, folder, trained.digest, seed, build) or {}
        report = trained.outputs["routing"]
        numbers = {
            "loss_first": trained.outputs["losses"][0], "loss_last": trained.outputs["losses"][-1],
            "batch_max_vio": round(fmean(report["max_vio"][-5:]), 6),
            "batch_dropped": round(fmean(report["dropped"][-5:]), 6), "steps_max_vio": report["max_vio"],
        }  # fmt: skip
        numbers |= {f"held_{name}": value for name, value in loads.items() if name != "loads"}
        return Found(scores=lab.scores(folder, trained.digest, build), numbers={**numbers, "held_loads": loads.get("loads")})

    def contrasts(self, settings: BalanceSettings, rows: Sequence[Mapping[str, Any]] = ()) -> list[Contrast]:
        """Ask for the degradation of loss-free balancing less that of each auxiliary loss, on average and by condition."""
        free = [name for name in settings.balancers if not name.startswith(("none", "aux"))]
        losses = [name for name in settings.balancers if name.startswith("aux")]
        found: list[Contrast] = []
        for one in free:
            matched = self.matched(settings, rows, one)
            for other in losses:
                conditions = [(init, capacity, read) for init in settings.inits for capacity in settings.capacities
                              for read in settings.reads if (init, capacity, read) != (settings.inits[0], 0, 0)]  # fmt: skip
                asked = [("mean", conditions), *((_said(settings, *each), [each]) for each in conditions)]
                for said, some in asked if len(conditions) > 1 else asked[:1]:
                    found += self._asked(settings, one, other, said, some, (one, other, said) == (free[0], matched, "mean"))
        return sorted(found, key=lambda each: (not each.named, not each.is_pass))

    def _asked(
        self, settings: BalanceSettings, one: str, other: str, said: str, conditions: Sequence[tuple[str, float, float]],
        named: bool,
    ) -> list[Contrast]:  # fmt: skip
        found = []
        for measure, margin in (("pass", settings.margin_pass), ("nll", settings.margin_nll)):
            some = [each for each in conditions if not each[2] or measure == "nll"]  # answers are written without capacity
            if not some or (measure == "pass" and not settings.pass_tasks):
                continue
            weights: dict[str, float] = {}
            for balancer, sign in ((one, 1.0), (other, -1.0)):
                for condition, weight in [*((each, sign) for each in some), ((settings.inits[0], 0, 0), -sign * len(some))]:
                    name = _name(balancer, *condition)
                    weights[name] = weights.get(name, 0.0) + weight / len(some)
            name = f"degradation of {one} less that of {other}, {said}"
            found += [over(name, weights, f"{measure}@{each}", margin, named=named) for each in settings.benchmarks]
        return found

    def matched(self, settings: BalanceSettings, rows: Sequence[Mapping[str, Any]], one: str) -> str | None:
        """Return the auxiliary loss whose MaxVio is nearest with the first init and no capacity; before a run, the first."""
        losses = [name for name in settings.balancers if name.startswith("aux")]
        found = _balances(rows)

        def vio(balancer: str) -> float | None:
            return found.get(_name(balancer, settings.inits[0], 0, 0))

        mine, known = vio(one), [(value, name) for name in losses if (value := vio(name)) is not None]
        if mine is None or not known:
            return losses[0] if losses else None
        return min(known, key=lambda each: abs(each[0] - mine))[1]

    def summary(self, settings: BalanceSettings, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return how even each training was, how long a skew lasted, and what is published."""
        even = [row for row in rows if not row["levels"]["read"]]
        ends = {(r["levels"]["balancer"], r["levels"]["capacity"], r["seed"]): r["numbers"]["batch_max_vio"] for r in even
                if r["levels"]["init"] == settings.inits[0]}  # fmt: skip
        names = ("max_vio", "worst", "entropy", "dead", "dropped_at_1", "loss")
        table = [
            {
                "cell": row["cell"], "seed": row["seed"], **{name: row["numbers"].get(f"held_{name}") for name in names},
                "batch_max_vio": row["numbers"]["batch_max_vio"], "dropped": row["numbers"]["batch_dropped"],
                "recovered_after_steps": None if row["levels"]["init"] == settings.inits[0] else recovery(
                    row["numbers"]["steps_max_vio"],
                    ends.get((row["levels"]["balancer"], row["levels"]["capacity"], row["seed"]), 0.0),
                ),
            }
            for row in even
        ]  # fmt: skip
        free = [name for name in settings.balancers if not name.startswith(("none", "aux"))]
        pairs = "; ".join(self._pair(settings, rows, one) for one in free)
        found: dict[str, Any] = {"Loads": table, "Published": PUBLISHED}
        return {**found, "Matched": f"by MaxVio where experts begin as {settings.inits[0]}: {pairs or 'none'}"}

    def _pair(self, settings: BalanceSettings, rows: Sequence[Mapping[str, Any]], one: str) -> str:
        other, found = self.matched(settings, rows, one), _balances(rows)
        mine, its = (found.get(_name(str(name), settings.inits[0], 0, 0)) for name in (one, other))
        if mine is None or its is None:
            return f"{one} with {other}"
        unlike = abs(mine - its) > ALIKE * max(mine, its)
        more = f", {UNLIKE}: the answer is of these two rates" if unlike else ""
        return f"{one} with {other} ({mine:.2f} and {its:.2f}{more})"

    def verdict(
        self, settings: BalanceSettings, contrasts: Sequence[Mapping[str, Any]], more: Mapping[str, Any]
    ) -> str | None:
        """Return the line of the named contrasts, and what it must not be read without."""
        return "; ".join([told(contrasts, settings.samples), *_but(contrasts, more).values()])

    def claims(
        self, settings: BalanceSettings, contrasts: Sequence[Mapping[str, Any]], more: Mapping[str, Any]
    ) -> list[dict[str, str]]:
        """Return the claims of the named contrasts; of a mean whose conditions disagree, that it is one."""
        but = _but(contrasts, more)
        found = super().claims(settings, contrasts, more)
        for it, claim in zip((each for each in contrasts if each["named"]), found, strict=True):
            if it["contrast"] in but and claim["verified"] == "yes" and not it["scores"][0].startswith("pass@"):
                claim |= {"verified": "of the mean alone", "evidence": f"{claim['evidence']}; {but[it['contrast']]}"}
        return found

    def trained(self, settings: BalanceSettings) -> float:
        """Return the tokens of all trainings of a seed."""
        return trained_tokens(settings, len(settings.balancers) * len(settings.inits) * len(settings.capacities))

    def scored(self, settings: BalanceSettings) -> int:
        """Return how many trainings are scored."""
        return len(settings.balancers) * len(settings.inits) * len(settings.capacities)

    def read(self, settings: BalanceSettings) -> int:
        """Return how often those are read with capacity."""
        return self.scored(settings) * (len(settings.reads) - 1)


def _name(balancer: str, init: str, capacity: float, read: float) -> str:
    return f"{balancer}-{init}" + (f"-cf{capacity:g}" if capacity else "") + (f"-read{read:g}" if read else "")


def _said(settings: BalanceSettings, init: str, capacity: float, read: float) -> str:
    parts = [init] * (init != settings.inits[0]) + [f"trained at {capacity:g}"] * bool(capacity)
    return ", ".join(parts + [f"read at {read:g}"] * bool(read))


def _but(contrasts: Sequence[Mapping[str, Any]], more: Mapping[str, Any]) -> dict[str, str]:
    """Return, by named contrast, its conditions where they are on both sides of 0; and as `pair` that it is not matched."""
    found: dict[str, str] = {}
    for it in (each for each in contrasts if each["named"]):
        start = it["contrast"].removesuffix("mean")
        some = [each for each in contrasts if each["contrast"].startswith(start) and each["scores"] == it["scores"]
                and each is not it and (each["low"] > 0 or each["high"] < 0)]  # fmt: skip
        if len({each["value"] > 0 for each in some}) > 1:
            listed = [
                f"{each['contrast'].removeprefix(start)} {each['value']:+.3f} [{each['low']:+.3f}, {each['high']:+.3f}]"
                for each in some
            ]  # fmt: skip
            found[it["contrast"]] = f"but its conditions disagree: {', '.join(listed)}"
    pair = more["Matched"].partition(": ")[2].partition("; ")[0]
    return found | ({"pair": f"MaxVio of {pair}"} if UNLIKE in pair else {})


def _balance(name: str) -> dict[str, Any]:
    found = _FORM.fullmatch(name)
    assert found, name
    given: dict[str, Any] = {} if found[1] == "none" else {"balance": found[1], "balance_rate": float(found[2])}
    return given | ({"sequence_loss": SEQUENCE} if found[3] else {})


def _balances(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the MaxVio of each cell on texts that were held out, mean over seeds."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row["numbers"].get("held_max_vio") is not None:
            found.setdefault(row["cell"], []).append(row["numbers"]["held_max_vio"])
    return {name: fmean(values) for name, values in found.items()}
