"""What no training data may contain: the texts of all benchmarks, for the gate `decontaminate`."""

from gates.decontaminate import Corpus
from toolkit.benchmarks import BENCHMARKS, DataMissing, Options


def known_benchmarks() -> Corpus:
    """Return prompts, canonical solutions and tests of all benchmarks whose data are to be had; equal texts once.

    Those that are missing are named, with the reason, in the corpus's `left_out`. Tables of inputs are no texts.
    """
    items: dict[tuple[str, str | None], str] = {}
    left_out = []
    for name, benchmark in BENCHMARKS.items():
        try:
            tasks = benchmark.load(Options()).tasks.values()
        except DataMissing as error:
            left_out.append(f"{name}: {error}")
            continue
        for task in tasks:
            program = task.prompt + task.canonical_solution
            for part, text, code in (
                ("prompt", task.prompt, None),
                ("solution", task.canonical_solution, program),
                ("test", task.tests.text, None),
            ):
                if text.strip():
                    items.setdefault((text, code), f"{task.task_id} ({part})")
    return Corpus(items=tuple((name, text, code) for (text, code), name in items.items()), left_out=tuple(left_out))
