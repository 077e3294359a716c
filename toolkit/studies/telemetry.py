"""What a mixture's routing tells of prompts, and mixtures with experts removed or skipped: parts of `moe-dense`."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from statistics import fmean
from typing import TYPE_CHECKING, Any

from toolkit.analysis import routing as measures
from toolkit.models.load import Loaded
from toolkit.studies.base import Found
from toolkit.studies.lab import Lab, halves

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LENGTH = 512
"""Tokens of a text that are looked at."""
PUBLISHED = {
    "what": "OLMoE-1B-7B, 4 kinds of tasks (arXiv 2603.11114)", "within": 0.8435, "across": 0.6225, "accuracy": 0.925,
}  # fmt: skip


def loads_of(loaded: Loaded, pairs: Sequence[tuple[str, str]]) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Return the loads of texts and of what follows them, prompts x layers x experts each: tokens count where they stand."""
    import numpy as np
    import torch

    from toolkit.surgery.moe import Routing

    tokenizer, found = loaded.tokenizer, ([], [])  # type: tuple[Any, tuple[list[Any], list[Any]]]
    routing = Routing(loaded.model)
    try:
        with torch.inference_mode():
            for head, tail in pairs:
                first = list(tokenizer(head, verbose=False).input_ids)[-LENGTH // 2 :]
                ids = first + list(tokenizer(tail, add_special_tokens=False, verbose=False).input_ids)[: LENGTH // 2]
                at = torch.arange(len(ids), device=loaded.model.device)[None] < len(first)
                for place, kept in zip(found, (at, ~at), strict=True):
                    routing.reads(kept)
                    loaded.model(input_ids=torch.tensor([ids], device=loaded.model.device), use_cache=False)
                    routing.loss()
                    routing.after_step()
                    place.append(routing.history.pop())
    finally:
        routing.close()
    return np.array(found[0], float), np.array(found[1], float)


def routing(lab: Lab[Any], folder: str, digest: str, build: Callable[[], Loaded]) -> Any:
    """Return what routing tells apart: the prompts of the two benchmarks, and a task's problem from its solution."""
    settings = lab.settings
    names, n = lab.present(), settings.telemetry_tasks
    if len(names) < 2:
        return None
    tasks = {name: lab.tasks(name, n) for name in names}

    def act() -> dict[str, Any]:
        import numpy as np

        each = {name: loads_of(build(), [halves(task) for task in tasks[name][0]]) for name in names}
        heads = np.concatenate([each[name][0] for name in names])
        labels = np.repeat([0, 1], [len(each[name][0]) for name in names])
        pair = np.concatenate([*(each[name][0] for name in names), *(each[name][1] for name in names)])
        sides = np.repeat([0, 1], len(heads))
        return {
            "benchmarks": _measures(heads, labels), "sides": _measures(pair, sides),
            "entropies": [
                {"benchmark": name, "value": round(fmean(map(measures.entropy, each[name][0].sum(0).tolist())), 6)}
                for name in names
            ],
        }  # fmt: skip

    asked = {"model": digest, "tasks": {name: len(found) for name, (found, _) in tasks.items()},
             "data": {name: data for name, (_, data) in tasks.items()}, "dtype": settings.dtype}  # fmt: skip
    return lab.aside(folder, "measure-routing", asked, act)


def _measures(loads: Any, labels: Any) -> dict[str, float]:
    signatures = measures.signatures(loads)
    found = {**measures.similarity(signatures, labels), **measures.probe(signatures, labels)}
    apart = measures.specialisation(loads, labels)
    found |= {"divergence": apart["divergence"], "divergence_chance": apart["chance"], "divergence_p": apart["p_value"]}
    return {name: round(value, 6) for name, value in found.items()}


def fewer(lab: Lab[Any], folder: str, digest: str, build: Callable[[], Loaded], levels: Mapping[str, Any]) -> Found:
    """Read all benchmarks with a mixture whose experts are removed or skipped, by what calibration texts say."""
    settings, is_kept = lab.settings, levels["kind"] == "kept"
    names = [levels["calibrated"]] if is_kept else lab.present()
    if not set(names) <= set(lab.present()):
        return Found()
    tasks = {name: lab.tasks(name, settings.calibration)[0] for name in names}

    def act() -> dict[str, Any]:
        from toolkit.surgery import experts

        loaded = build()
        texts = ["".join(halves(task)) for name in names for task in tasks[name]]
        read = [loaded.tokenizer(text, verbose=False).input_ids[:LENGTH] for text in texts]
        given = experts.read(loaded.model, read)
        if not is_kept:
            return {"betas": [round(beta, 6) for beta in experts.betas(given, loaded.model)]}
        kept = []
        for at, (name, layer) in enumerate(experts.layers_of(loaded.model).items()):
            lab.advance(f"{folder}: choosing experts", at, len(given))
            kept.append(asdict(experts.choose(layer, given[name], settings.keep)))
        return {"layers": kept}

    asked = {"model": digest, "calibration": {name: len(found) for name, found in tasks.items()}, "dtype": settings.dtype,
             "keep": settings.keep * is_kept}  # fmt: skip
    made = lab.stage(folder, "prepare", asked, act)

    @cache
    def other() -> Loaded:
        from toolkit.surgery import experts

        loaded = build()
        if is_kept:
            return replace(loaded, model=experts.cut(loaded.model, [layer["experts"] for layer in made["layers"]]))
        experts.Skipping(loaded.model, made["betas"])
        return loaded

    mine = f"{digest} {json.dumps(made)}"
    scores = {f"nll@{name}": lab.nll(folder, mine, other, name, alone=not is_kept) for name in lab.present()}
    numbers: dict[str, Any] = {"betas": made["betas"]} if not is_kept else {
        "kept": [layer["experts"] for layer in made["layers"]],
        "reconstruction": sum(each["loss"] for each in made["layers"]),
        "exact": "yes" if all(layer["exact"] for layer in made["layers"]) else "no",
    }  # fmt: skip
    return Found(scores={name: values for name, values in scores.items() if values is not None}, numbers=numbers)


def tables(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what routing tells, and how alike the experts are that two benchmarks keep."""
    said = []
    for row in rows:
        found = row["numbers"].get("routing")
        for name, what in (("benchmarks", "benchmark of a prompt"), ("sides", "problem or solution")):
            if found:
                said.append({"what": f"{what}, seed {row['seed']}", **found[name]})
    kept: dict[int, list[Any]] = {}
    for row in rows:
        if "kept" in row["numbers"]:
            kept.setdefault(row["seed"], []).append(row["numbers"]["kept"])
    alike = [
        {"seed": seed, "layer": at, "shared": len(set(one) & set(other)), "of": len(one)}
        for seed, found in kept.items() if len(found) == 2 for at, (one, other) in enumerate(zip(*found, strict=True))
    ]  # fmt: skip
    return ({"Routing": [*said, PUBLISHED]} if said else {}) | ({"Experts kept by both": alike} if alike else {})
