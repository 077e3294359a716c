"""Fuzz: random and mutated answers against the comparison on the host, and against the oracle with real boxes.

`make fuzz` works for TOOLKIT_FUZZ_S seconds (600); `python -m tests.fuzz --seed N` repeats a run, and `python -m tests.fuzz
FILE...` reruns cases that were kept in tests/fuzz/seeds/. What must hold of a case: it ends in time and in bounded memory,
nothing but True, False, a CodecError or a verdict comes out, and right is only what the plain rule (`tests/fuzz/plain_rule.py`)
calls right.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from sandbox import DockerEngine
from sandbox.wire.environment import variable
from tests.fuzz.boxes import Boxes, again, run_boxes
from tests.fuzz.cases import MOST_GROWTH, Failed, keep, kept, load, rss
from tests.fuzz.host import run_host


def main() -> int:
    """Rerun kept cases, then look for new ones; the exit code is 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="only these cases")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--seconds", type=float, default=float(variable("FUZZ_S", "600")))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TOOLKIT_CACHE"] = cache
        engine = DockerEngine()
        boxes = Boxes(engine)
        try:
            boxes.start()
            for path in options.files or kept():
                again(load(path), boxes)
                print(f"{path.name}: as it should be", flush=True)
            if not options.files:
                print(f"seed {options.seed}, {options.seconds:.0f} s", flush=True)
                _search(boxes, random.Random(options.seed), options.seconds)
        except Failed as failed:
            path = keep(failed)
            print(f"FOUND: {failed.why[:1000]}\nkept as {path}\nrerun: {sys.executable} -m tests.fuzz {path}", flush=True)
            return 1
        finally:
            boxes.close()
            engine.close()
    return 0


def _search(boxes: Boxes, rng: random.Random, seconds: float) -> None:
    """Look for new cases, and print what was done; in turns of about ten seconds, most of it in boxes."""
    started = time.monotonic()
    n_host = n_box = n_right = n_passed = 0
    before = 0
    while (spent := time.monotonic() - started) < seconds:
        turn = min(10.0, seconds - spent)
        n, right = run_host(rng, 0.25 * turn)
        n_host, n_right = n_host + n, n_right + right
        n, passed = run_boxes(boxes, rng, 0.75 * turn)
        n_box, n_passed = n_box + n, n_passed + passed
        before = before or rss()
        spent = time.monotonic() - started
        print(f"{spent:5.0f} s: {n_host} comparisons ({n_right} right), {n_box} programs ({n_passed} passed), {n_box / spent:.0f} programs/s, {(rss() - before) >> 20:+d} MiB", flush=True)
    if rss() - before > MOST_GROWTH:
        raise SystemExit(f"the process grew by {(rss() - before) >> 20} MiB")


if __name__ == "__main__":
    sys.exit(main())
