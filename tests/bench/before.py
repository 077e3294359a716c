"""Two checkouts beside each other: how long each judges the canonical solutions."""

import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.bench.tables import OVERRIDE, REPEAT, load

ROOT = Path(__file__).parents[2]
JUDGE = """
import sys, time
try:
    from tests.bench import tables as bench
except ImportError:  # a checkout in which it is one module
    from tests import bench
name = sys.argv[1]
tasks, data_hash = bench.load(name)[:2]
samples = bench.canonical(tasks)
for _ in sys.stdin:
    started = time.monotonic()
    found = bench.judge(name, tasks, data_hash, samples)
    print("judged", time.monotonic() - started, found, flush=True)
"""
"""What a checkout is asked: nothing but what its own bench of tables has."""


class _Checkout:
    """A process of one checkout that judges whenever it is asked to."""

    def __init__(self, root: Path, name: str, data: Path | None) -> None:
        environment = os.environ | {"PYTHONPATH": str(root)} | ({OVERRIDE[name]: str(data)} if data else {})
        self.process = subprocess.Popen(
            [sys.executable, "-c", JUDGE, name], cwd=root, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> "_Checkout":
        return self

    def __exit__(self, *_exc: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def judge(self) -> tuple[float, str]:
        """Return seconds, and how many samples had which verdict."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("judge\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("judged "):
                _, seconds, found = line.split(maxsplit=2)
                return float(seconds), found.strip()
        raise SystemExit("before: a checkout cannot judge; its images are made by its own `toolkit images build`")


def before(other: Path) -> None:
    """Canonical HumanEval+ and MBPP+ judged by this checkout and by another, taking turns; expected answers warm."""
    roots = {"now": ROOT, "before": other.resolve()}
    for name in ("humaneval+", "mbpp+"):
        loaded = load(name)
        if loaded is None:
            continue
        seconds: dict[str, list[float]] = {label: [] for label in roots}
        said: dict[str, str] = {}
        with ExitStack() as stack:
            checkouts = {label: stack.enter_context(_Checkout(root, name, loaded[2])) for label, root in roots.items()}
            for checkout in checkouts.values():
                checkout.judge()  # its expected answers
            for _ in range(REPEAT):
                for label, checkout in checkouts.items():
                    spent, said[label] = checkout.judge()
                    seconds[label].append(spent)
        for label, found in seconds.items():
            rounds = ", ".join(f"{each:.1f}" for each in found)
            print(f"before: {name}: {label} {statistics.median(found):.1f} s (rounds: {rounds}), {said[label]}")
        ratio = statistics.median(seconds["now"]) / statistics.median(seconds["before"])
        pairs = statistics.median(a / b for a, b in zip(seconds["now"], seconds["before"], strict=True))
        print(f"before: {name}: now / before = {ratio:.2f} of medians, {pairs:.2f} of pairs", flush=True)
