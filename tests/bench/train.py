"""What our training loop costs beside a bare one."""

import json
import statistics
import tempfile
import time
from pathlib import Path

BATCH, LENGTH, STEPS = 2, 128, 16


def lora_overhead() -> None:
    """A LoRA step of SmolLM2 against a bare loop's on the same blocks.

    They take turns, step by step, so that whatever else the machine does meets both; the first two are left out.
    """
    import torch

    from toolkit.benchmarks import BENCHMARKS, Options
    from toolkit.models.adapters import Lora, trainable
    from toolkit.models.source import Source
    from toolkit.training.data import Blocks
    from toolkit.training.loop import TrainSettings, train

    tasks = BENCHMARKS["humaneval"].load(Options()).tasks.values()
    texts = [task.prompt + task.canonical_solution for task in tasks]
    loaded, _ = trainable(Source(model="smollm2"), Lora())
    blocks = Blocks(texts=texts, tokenizer=loaded.tokenizer, length=LENGTH)
    model = loaded.model.train()
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=2e-4)
    ends: list[float] = []
    ours: list[float] = []
    bare: list[float] = []

    def take_turns(_: str, step: int, total: int) -> None:
        ours.extend(time.monotonic() - end for end in ends[-1:])
        if step == total:
            return
        started = time.monotonic()
        ids = torch.from_numpy(blocks.take(step * BATCH, BATCH)[:, 0]).long().to(model.device)
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        ends.append(time.monotonic())
        bare.append(ends[-1] - started)

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.jsonl"
        data.write_text("".join(json.dumps({"content": text}) + "\n" for text in texts))
        told = {"batch": BATCH, "micro_batch": BATCH, "sequence": LENGTH, "steps": STEPS}
        train(TrainSettings(data=(data,), output=Path(folder) / "out", **told), take_turns)  # type: ignore[arg-type]
    ours, bare = ours[2:], bare[2:]
    a, b = statistics.median(ours), statistics.median(bare)
    paired = statistics.median(one / other for one, other in zip(ours, bare, strict=True))
    print(f"train: LoRA step, {BATCH} x {LENGTH} tokens, medians of {len(ours)}: ours {a:.3f} s, bare {b:.3f} s; ours / bare: "
          f"{a / b:.2f} of medians, {paired:.2f} of pairs, {min(ours) / min(bare):.2f} of the fastest")  # fmt: skip


if __name__ == "__main__":
    lora_overhead()
