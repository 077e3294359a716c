"""What watching and balancing routers costs, and what balancing without a loss does, on a mixture made of SmolLM2."""

import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

BATCH, LENGTH, STEPS, PAIRS = 2, 128, int(os.environ.get("BENCH_STEPS", "24")), int(os.environ.get("BENCH_PAIRS", "8"))
ONLY = r"layers\.(26|27|28|29)\.mlp\."


def _mixture() -> Any:
    from dataclasses import replace

    from toolkit.models.load import load
    from toolkit.models.source import Source
    from toolkit.surgery.upcycle import Upcycling, upcycle

    parent = load(Source(model="smollm2", device="cpu", dtype="float32"))
    return replace(parent, model=upcycle(parent.model, Upcycling(layers=4, experts=8, active=2)))


def hooks_cost(loaded: Any) -> None:
    """A training step with the hooks (all losses, capacity, biases) against one without, in turns."""
    import re

    import torch

    from toolkit.surgery.moe import Balance, Routing

    class Timed(Routing):
        """Knows the CPU time that it takes in a forward pass and after a step."""

        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self.seconds = 0.0
            for name in ("reads", "loss", "after_step"):
                setattr(self, name, self.timed(getattr(self, name)))

        def timed(self, act: Any) -> Any:
            def timing(*given: Any) -> Any:
                started = time.process_time()
                try:
                    return act(*given)
                finally:
                    self.seconds += time.process_time() - started

            return timing

        def _hook(self, *given: Any) -> Any:
            return self.timed(super()._hook)(*given)

    model = loaded.model.train()
    for name, weight in model.named_parameters():
        weight.requires_grad_(re.search(ONLY, name) is not None)
    ids = torch.randint(1000, 40000, (BATCH, LENGTH), generator=torch.Generator().manual_seed(0))
    kept = torch.ones_like(ids, dtype=torch.bool)
    settings = {"alf": Balance(balancer="alf"), "all": Balance(balancer="alf", sequence=1e-4, z=1e-3, capacity=1.25)}

    inside: list[float] = []

    def step(told: Balance | None) -> float:
        routing = Timed(model, told) if told else None
        started = time.process_time()
        with torch.autocast("cpu", torch.bfloat16):
            if routing:
                routing.reads(kept)
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        (loss + (routing.loss() if routing else 0)).backward()
        model.zero_grad()
        if routing:
            routing.after_step()
        seconds = time.process_time() - started
        if routing:
            routing.close()
            inside.append(routing.seconds / (seconds - routing.seconds))
        return seconds

    def pair(told: Balance, turn: int) -> tuple[float, float]:
        """With and without, one after the other, the first of them in turns."""
        first, second = (told, None) if turn % 2 else (None, told)
        a, b = step(first), step(second)
        return (a, b) if turn % 2 else (b, a)

    step(None)
    for name, told in settings.items():
        inside.clear()
        pairs = [pair(told, turn) for turn in range(PAIRS)]
        ratio = statistics.median(a / b for a, b in pairs)
        fastest = min(a for a, _ in pairs) / min(b for _, b in pairs)
        print(f"moe: a step of {BATCH} x {LENGTH} tokens with hooks ({name}) / without, CPU time, {PAIRS} pairs: {ratio:.3f} of pairs, "
              f"{fastest:.3f} of the fastest ({statistics.median(b for _, b in pairs):.2f} s without); inside the hooks "
              f"{statistics.median(inside):.2%} of the rest", flush=True)  # fmt: skip


def balanced(loaded: Any, folder: Path) -> None:
    """`STEPS` steps with and without loss-free balancing; MaxVio and loss on texts that were held out."""
    import torch

    from toolkit.benchmarks import BENCHMARKS, Options
    from toolkit.models.load import load
    from toolkit.models.save import save
    from toolkit.models.source import Source
    from toolkit.surgery.moe import Routing
    from toolkit.training.data import PADDING, Blocks
    from toolkit.training.loop import TrainSettings, train

    tasks = list(BENCHMARKS["humaneval"].load(Options()).tasks.values())
    texts = [task.prompt + task.canonical_solution for task in tasks]
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps({"content": text}) + "\n" for text in texts[16:]))
    save(loaded.model, loaded.tokenizer, folder / "mixture", "")
    found = {}
    for name, more in (("none", {}), ("alf 0.01", {"balance": "alf", "balance_rate": 0.01}),
                       ("alf 0.001", {"balance": "alf", "balance_rate": 0.001})):  # fmt: skip
        told: dict[str, Any] = {"full": True, "only": ONLY, "batch": BATCH, "micro_batch": BATCH, "sequence": LENGTH, "steps": STEPS,
                                "lr": 5e-5, "dtype": "bfloat16", "device": "cpu"}  # fmt: skip
        outcome = train(TrainSettings(data=(data,), output=folder / "out", model=str(folder / "mixture"), overwrite=True, **told, **more))
        model = load(Source(model=str(outcome.weights), device="cpu", dtype="float32")).model
        blocks = Blocks(texts=texts[:16], tokenizer=loaded.tokenizer, length=LENGTH).take(0, 8)[:, 0]
        ids, routing, total = torch.from_numpy(blocks).long(), Routing(model), 0.0
        with torch.inference_mode():
            for row in ids.clamp(min=0)[:, None]:
                routing.reads(row != PADDING)
                total += float(model(input_ids=row, labels=row, use_cache=False).loss)
                routing.loss()
        routing.after_step()
        found[name] = (routing.report()["max_vio"][0], total / len(ids))
        vio, loss = found[name]
        print(f"moe: {name}, {STEPS} steps: MaxVio global {vio:.2f} ({vio / found['none'][0]:.2f} x none), held-out loss {loss:.3f} "
              f"({loss - found['none'][1]:+.3f})", flush=True)  # fmt: skip


def moe() -> None:
    """Both, one after the other."""
    loaded = _mixture()
    hooks_cost(loaded)
    with tempfile.TemporaryDirectory() as folder:
        balanced(_mixture(), Path(folder))
