"""The texts of all benchmarks for the gate `decontaminate`: no training data may contain them."""

from gates.decontaminate import Corpus
from toolkit.benchmarks import BENCHMARKS, DataMissing, Options


def known_benchmarks(*, trees: bool = False) -> Corpus:
    """Return prompts, canonical solutions and test sources of all benchmarks whose data is available; equal texts once.

    The corpus's `left_out` names the benchmarks that are missing, and why. Tables of inputs are not included.

    Args:
        trees: also compare the syntax trees of prompts and tests, for a measure rather than a gate: they are short.
    """
    items: dict[tuple[str, str | None], str] = {}
    left_out = []
    for name, benchmark in BENCHMARKS.items():
        try:
            tasks = benchmark.load(Options(is_named=False)).tasks.values()
        except DataMissing as error:
            left_out.append(f"{name}: {error}")
            continue
        for task in tasks:
            program = task.prompt + task.canonical_solution
            for part, text, code in (
                ("prompt", task.prompt, task.prompt if trees else None),
                ("solution", task.canonical_solution, program),
                ("test", task.tests.text, task.tests.text if trees else None),
            ):
                if text.strip():
                    items.setdefault((text, code), f"{task.task_id} ({part})")
    return Corpus(items=tuple((name, text, code) for (text, code), name in items.items()), left_out=tuple(left_out))
