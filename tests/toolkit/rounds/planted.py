"""A machine whose models say what a test wants; boxes and gates are the real ones."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from toolkit.records import Task
from toolkit.rounds.machine import Machine, Weights
from toolkit.rounds.settings import RoundsSettings
from toolkit.store.files import write_rows

ITEMS = [
    {
        "id": f"own/{i}",
        "prompt": f'def f{i}(x):\n    """Return x plus {i}."""\n',
        "solution": f"    return x + {i}\n",
        "test": f"assert f{i}(1) == {i + 1}\nassert f{i}(-5) == {i - 5}",
        "entry_point": f"f{i}",
    }
    for i in range(30)
]
Policy = Callable[[Task, int, int], str]


class Planted(Machine):
    """Writes what a policy says, of (task, round, place), and learns nothing; boxes and gates are the real ones."""

    policy: Policy
    n_generated = n_trained = 0

    def generate(self, weights: Weights, tasks: list[Task], output: Path, **sampling: Any) -> dict[str, Any]:
        Planted.n_generated += 1
        number = int(weights.model or 0)
        rows = []
        for i, task in enumerate(task for task in tasks for _ in range(sampling.get("n", 1))):
            text = self.policy(task, number, i)
            rows.append({"task_id": task.task_id, "solution": text, "written": text, "prompt": task.prompt, "chat": False,
                         "n_tokens": 60, "finished": True, "mean_logprob": -1.0})  # fmt: skip
        return {"sha256": write_rows(output, rows), "tokens": 60 * len(rows), "seconds": 0.1}

    def train(self, weights: Weights, data: Path, output: Path, **more: Any) -> dict[str, Any]:
        Planted.n_trained += 1
        output.mkdir(parents=True, exist_ok=True)
        (output / "number").write_text(str(int(weights.model or 0) + 1))
        return {"loss": 1.0, "seconds": 0.1, "weights": str(output.relative_to(self.settings.output))}

    def trained(self, done: Mapping[str, Any], weights: Weights) -> Weights:
        return Weights(model=(self.settings.output / done["weights"] / "number").read_text())


def settings(folder: Path, **more: Any) -> RoundsSettings:
    file = folder / "pool.jsonl"
    if not file.exists():
        file.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    asked = {"output": folder / "run", "pool": str(file), "regimes": ("none",), "accept": 8, "budget": 16, "limit": 3}
    return RoundsSettings(**{**asked, **more})


def right(task: Task, _number: int, _i: int) -> str:
    known = {item["prompt"]: item["solution"] for item in ITEMS}
    return task.prompt + known.get(task.prompt, "    pass\n")


class Scorer:
    """Finds right programs likelier than others, and long ones good."""

    identity = "known"

    def logprobs(self, _prompts: list[str], completions: list[str], _chats: list[bool]) -> list[list[float]]:
        return [[-1.0 if "return x + " in text else -2.0] for text in completions]

    def next_logits(self, texts: list[str], *_: Any, **__: Any) -> list[tuple[float, float]]:
        return [(float(len(text)), 0.0) for text in texts]
