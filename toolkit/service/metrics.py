"""Counters in the text format of Prometheus 0.0.4, written by hand: a dozen numbers need no library."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping

WAITS = (0.005, 0.02, 0.1, 0.5, 2.0, 5.0, 10.0, 20.0, 60.0)
"""Upper bounds of the buckets of times, in seconds."""
HELP = {
    "exogate_programs_total": "Programs of /run_code that were run, by how they ended.",
    "exogate_verdicts_total": "Verdicts that were given.",
    "exogate_unscored_total": "Requests that got no verdict for no fault of their program (504), by reason.",
    "exogate_refused_total": "Requests that were refused as they are, by status of HTTP.",
    "exogate_box_restarts_total": "Boxes that were started after the first ones.",
    "exogate_canary_failures_total": "Times that a known program was judged wrongly.",
    "exogate_queue_wait_seconds": "Seconds that a program waited for a box.",
    "exogate_run_seconds": "Seconds that a program had a box.",
    "exogate_queue_depth": "Programs that wait for a box.",
    "exogate_in_flight": "Programs in boxes.",
    "exogate_boxes": "Boxes that programs may be in at a time.",
    "exogate_expected_wait_seconds": "Seconds that a new key's program would wait.",
    "exogate_held_bytes": "Bytes of the bodies of requests under way.",
}


class Metrics:
    """Counters and histograms. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {}
        self._buckets: dict[str, Counter[float]] = {}
        self._sums: dict[str, float] = {}

    def count(self, name: str, label: str = "", value: str = "", n: int = 1) -> None:
        """Add to a counter; `label` and `value` are its one label."""
        key = f'{{{label}="{value}"}}' if label else ""
        with self._lock:
            self._counts.setdefault(name, Counter())[key] += n

    def observe(self, name: str, seconds: float) -> None:
        """Add to a histogram."""
        bound = next((each for each in WAITS if seconds <= each), float("inf"))
        with self._lock:
            self._buckets.setdefault(name, Counter())[bound] += 1
            self._sums[name] = self._sums.get(name, 0.0) + seconds

    def of(self, name: str) -> Mapping[str, int]:
        """Return a counter's values by label."""
        with self._lock:
            return dict(self._counts.get(name, {}))

    def text(self, gauges: Mapping[str, float]) -> str:
        """Write all of it, with what is measured now."""
        with self._lock:
            return "\n".join([*self._lines(gauges), ""])

    def _lines(self, gauges: Mapping[str, float]) -> Iterable[str]:
        for name, about in HELP.items():
            is_sum = name.endswith("_total")
            kind = "counter" if is_sum else "gauge" if name in gauges else "histogram"
            yield f"# HELP {name} {about}"
            yield f"# TYPE {name} {kind}"
            if name in gauges:
                yield f"{name} {gauges[name]:g}"
            elif kind == "counter":
                for label, n in sorted((self._counts.get(name) or {"": 0}).items()):
                    yield f"{name}{label} {n}"
            else:
                buckets, total = self._buckets.get(name, Counter()), 0
                for bound in (*WAITS, float("inf")):
                    total += buckets[bound]
                    yield f'{name}_bucket{{le="{"+Inf" if bound == float("inf") else f"{bound:g}"}"}} {total}'
                yield f"{name}_sum {self._sums.get(name, 0.0):g}"
                yield f"{name}_count {total}"
