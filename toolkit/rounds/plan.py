"""Estimate what a run of rounds would cost."""

import math
from typing import Any

from toolkit.benchmarks import BENCHMARKS
from toolkit.errors import UsageError, check_one_of
from toolkit.rounds.settings import RoundsSettings

MACHINES = {
    # FLOP/s reached in training, bytes/s of memory, sequences decoded together
    "h200": (4.0e14, 4.0e12, 256),
    "h100": (4.0e14, 2.7e12, 192),
    "a100": (1.5e14, 1.6e12, 128),
    "cpu": (1.0e11, 1.5e10, 16),  # two cores; a step of training in BENCHMARKS.md says as much
}


def plan(settings: RoundsSettings, machine: str, n_parameters: float) -> dict[str, Any]:
    """Return what a run would do, about how many hours models would be busy on `machine`, and all settings.

    Training takes 6 FLOP a parameter and token. Decoding reads all weights (2 bytes a parameter) once for each step of a
    batch, or takes 2 FLOP a parameter and token, whichever is longer. Estimates hold within a factor of about 3.

    Raises:
        UsageError: the machine is not known, or the size is not above 0.
    """
    check_one_of("--gpu", machine, MACHINES)
    if not 0 < n_parameters < math.inf:
        raise UsageError(f"--parameters must be above 0, not {n_parameters:g}")
    flops, bandwidth, together = MACHINES[machine]
    cells = len(settings.regimes) * len(settings.seeds)
    n_rounds = cells * settings.rounds
    tokens = n_rounds * (settings.budget + settings.probe * settings.probe_samples) * settings.max_new_tokens
    n_tasks = sum(BENCHMARKS[name].n_tasks or 400 for name in settings.benchmarks)
    n_tasks = min(n_tasks, settings.limit * len(settings.benchmarks)) if settings.limit else n_tasks
    n_scored = cells * len(settings.scored or range(settings.rounds))
    scored = (n_scored + len(settings.seeds)) * n_tasks * settings.samples * settings.eval_tokens
    of_a_step, of_a_row = settings.batch_size * settings.sequence, settings.prompt_tokens + settings.max_new_tokens
    of_an_epoch = settings.accept * of_a_row  # rows as long as they may be
    steps = math.ceil(settings.epochs * of_an_epoch / of_a_step) or settings.steps
    trained = n_rounds * steps * of_a_step
    each = 2 * n_parameters * max(1 / together / bandwidth, 1 / flops) / 3600
    hours = {"generate": tokens * each, "write": scored * each, "train": 6 * n_parameters * trained / flops / 3600}
    return {
        "cells": cells,
        "rounds": n_rounds,
        "candidates_at_most": n_rounds * settings.budget,
        "tokens_generated_at_most": tokens + scored,
        "tokens_trained": trained,
        "steps_a_round": steps,
        "epochs_a_round_at_least": round(steps * of_a_step / of_an_epoch, 1),
        "machine": machine,
        "parameters": n_parameters,
        "hours": {name: round(value, 3) for name, value in hours.items()},
        "hours_total": round(sum(hours.values()), 3),
        "settings": settings.plain(),
    }
