"""A benchmark whose tests are calls, with extra ones, and whose data is made here."""

import hashlib

from toolkit.benchmarks import Benchmark, Loaded, Options
from toolkit.records import Table, Task


def load(_: Options) -> Loaded:
    """Make the tasks."""
    tasks = [
        Task(
            task_id=f"Powers/{n}",
            prompt=f'def power(x):\n    """Raise x to the power {n}.\n\n    >>> power(2)\n    {2**n}\n    """\n',
            entry_point="power",
            canonical_solution=f"    return x ** {n}\n",
            tests=Table(base=([2], [3]), plus=([0.5], [-1])),
        )
        for n in (2, 3, 4)
    ]
    return Loaded(tasks={task.task_id: task for task in tasks}, data_hash=hashlib.sha256(b"powers 1").hexdigest())


BENCHMARK = Benchmark(name="powers", load=load, n_tasks=3, prefix="Powers", has_plus=True)
