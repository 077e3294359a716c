"""Pruning of the default model, on canonical solutions of HumanEval: minutes, so it runs with TOOLKIT_LONG=1 (`make check-long`)."""

import os

import numpy as np
import pytest

from toolkit.benchmarks import BENCHMARKS, Options
from toolkit.federation.topics import functions
from toolkit.models.load import load
from toolkit.models.scorer import ModelScorer
from toolkit.models.source import Source
from toolkit.surgery import prune

pytestmark = [pytest.mark.skipif(not os.environ.get("TOOLKIT_LONG"), reason="TOOLKIT_LONG is not set"), pytest.mark.timeout(3600)]
pytest.importorskip("torch")
pytest.importorskip("torch_pruning")


def test_activations_say_what_can_go() -> None:
    tasks = list(BENCHMARKS["humaneval"].load(Options()).tasks.values())[:24]
    nats = {}
    for how in ("", *prune.SCORES):
        loaded = load(Source(model="smollm2", device="cpu", dtype="bfloat16"))
        if how:
            texts = [list(loaded.tokenizer(row["text"]).input_ids[:256]) for row in functions()[:: len(functions()) // 32][:32]]
            prune.cut_channels(loaded.model, prune.kept_channels(prune.channel_scores(loaded.model, how, texts), 0.2))
            assert loaded.model.config.intermediate_size == 1232
        read = ModelScorer(loaded=loaded).logprobs([task.prompt for task in tasks], [task.canonical_solution for task in tasks])
        nats[how or "dense"] = -float(np.concatenate(read).mean())
        print(nats, flush=True)
    assert nats["act"] < 1.25
    assert nats["dense"] < nats["act"] < nats["dense"] + 0.3
    assert min(nats["mag"], nats["random"]) > 2 * nats["act"]
