"""Estimate what a study would cost, and what it could see, before anything runs."""

from typing import Any

from toolkit.analysis.contrasts import expected
from toolkit.benchmarks import BENCHMARKS
from toolkit.rounds.plan import MACHINES
from toolkit.studies.base import Study
from toolkit.studies.run import cells_of
from toolkit.studies.settings import S

READ = 200
"""Tokens of a prompt with its canonical solution, about."""
PIECE_S = 540.0
"""Seconds that a piece of a run on a lent machine may take; stages that are done are not done again in the next."""


def plan(study: Study[S], settings: S) -> dict[str, Any]:
    """Return the cells, about how long models would be busy, and the smallest effects that will probably be seen.

    Training takes 6 FLOP a parameter and token, reading 2; decoding reads all weights once for each step of a batch, or
    takes 2 FLOP a parameter and token, whichever is longer. Estimates hold within a factor of about 3. Judging is no part
    of what a GPU takes: it is done where boxes are, on what was written.
    """
    flops, bandwidth, together = MACHINES[settings.machine]
    n, n_seeds = settings.parameters, len(settings.seeds)
    sizes = {name: BENCHMARKS[name].n_tasks or 400 for name in settings.benchmarks}
    scored = study.scored(settings) * n_seeds
    problems = study.problems(settings) * n_seeds
    read = scored + study.read(settings) * n_seeds
    reads = (read * sum(min(settings.nll_tasks, size) for size in sizes.values()) + problems) * READ
    answers = scored * sum(min(settings.pass_tasks, size) for size in sizes.values()) * settings.samples + problems
    written = answers * settings.max_new_tokens
    trained = study.trained(settings) * n_seeds
    seconds = {
        "train": 6 * n * trained / flops, "score": 2 * n * reads / flops,
        "write": 2 * n * written * max(1 / together / bandwidth, 1 / flops), "judge": answers * 0.2 / settings.parallel,
    }  # fmt: skip
    effects = [
        {"contrast": name, "score": "problems", "tasks": tasks, "visible": round(share, 6), "unit": "share", "named": True}
        for name, tasks, share in study.sees(settings)
    ]
    for contrast in study.contrasts(settings):
        scores = list(dict.fromkeys(term.score for term in contrast.terms))
        names = [score.partition("@")[2] for score in scores]
        most = settings.pass_tasks if contrast.is_pass else settings.nll_tasks
        tasks = min((min(most, sizes[name]) for name in names if name in sizes), default=most)
        visible = expected(contrast, tasks, settings.samples, n_seeds)
        effects.append({
            "contrast": contrast.name, "score": " and ".join(scores), "tasks": tasks,
            "visible": round(visible, 4), "unit": "share" if contrast.is_pass else "nats", "named": contrast.named,
        })  # fmt: skip
    total = sum(value for name, value in seconds.items() if name != "judge" or settings.machine == "cpu")
    return {
        "study": study.name, "question": study.question,
        "cells": [f"seed{seed}/{cell.name}" for cell, seed in cells_of(study, settings)],
        "tokens_trained": trained, "tokens_read": reads, "tokens_written_at_most": written, "answers": answers,
        "machine": settings.machine, "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "seconds_total": round(total, 1), "hours_total": round(total / 3600, 3),
        "pieces": 1 + int(total / PIECE_S), "effects": effects, "settings": settings.plain(),
    }  # fmt: skip


def as_text(found: dict[str, Any]) -> str:
    """Return a plan for a terminal."""
    is_gpu = found["machine"] != "cpu"
    cost = f"{found['hours_total']:.2f} GPU-hours" if is_gpu else f"{found['seconds_total']:.0f} s"
    parts = ", ".join(f"{name} {value:.0f} s" for name, value in found["seconds"].items() if name != "judge" or not is_gpu)
    elsewhere = f"; and {found['seconds']['judge']:.0f} s of judging where boxes are" if is_gpu else ""
    lines = [f"{found['study']}: {found['question']}", f"{len(found['cells'])} cells:"]
    lines += [f"  {name}" for name in found["cells"]]
    pieces = f"in pieces of at most 9 minutes: {found['pieces']}"
    lines.append(f"about {cost} on {found['machine']} ({parts}), {pieces}{elsewhere}")
    for each in found["effects"]:
        size = f"{100 * each['visible']:.3g} points" if each["unit"] == "share" else f"{each['visible']:.3f} nats"
        mark = "*" if each["named"] else " "
        lines.append(f"{mark} cannot see less than {size} of {each['contrast']} on {each['score']} ({each['tasks']} tasks)")
    return "\n".join(lines)
