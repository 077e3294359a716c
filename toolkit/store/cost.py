"""The cost of generating samples: a small JSON file beside theirs, with a part for each start of the generation.

A part covers finished batches only: neither the time nor the tokens of an interrupted batch are counted.
"""

import contextlib
import json
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import UsageError
from toolkit.store.files import write_atomically, writing

if TYPE_CHECKING:
    from toolkit.models.generators import Generation

SUFFIX = ".cost.json"


@dataclass(slots=True, kw_only=True)
class Part:
    """What was written from one start to the next.

    Attributes:
        model: as it was named, with its adapter.
        hardware: the GPU's name, or the number of CPU threads.
        n_parameters, n_active: of the model, and those used for one token (fewer in a mixture of experts).
        n_samples: answers, including those of a batch that was written again.
        n_prompt_tokens, n_tokens, answer_seconds: sums over these answers; None if one of them does not say.
        seconds: wall time in the generator, without loading the model and without processing the answers.
        memory_bytes: peak since writing began, of the kind that `memory` names: `gpu` (allocated there by PyTorch) or `rss`
            (resident set of this process). None if the model runs elsewhere.
    """

    date: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    model: str | None = None
    device: str | None = None
    hardware: str | None = None
    batch_size: int | None = None
    n_parameters: int | None = None
    n_active: int | None = None
    n_samples: int = 0
    n_prompt_tokens: int | None = 0
    n_tokens: int | None = 0
    seconds: float = 0.0
    answer_seconds: float | None = 0.0
    memory: str | None = None
    memory_bytes: int | None = None


class Meter:
    """Adds up what the batches of a generator cost, beside the samples file that they go to."""

    def __init__(self, samples: Path, machine: Mapping[str, Any], clock: Callable[[], float] = time.monotonic) -> None:
        """Begin a part after the existing ones.

        Args:
            machine: the generator's description of where it runs, under the names of `Part`.

        Raises:
            UsageError: the existing parts cannot be read.
        """
        self.path, self.clock, self.before = beside(samples), clock, read(samples)
        self.part = Part(**{each.name: machine[each.name] for each in fields(Part) if each.name in machine})
        _reset_peak(self.part.device)

    def timed(self, batches: Iterable[list["Generation"]]) -> Iterator[list["Generation"]]:
        """Yield the batches; record the cost of each once it has been consumed."""
        left = iter(batches)
        while True:
            started = self.clock()
            try:
                batch = next(left)
            except StopIteration:
                return
            seconds = self.clock() - started
            yield batch
            part = self.part
            part.n_samples += len(batch)
            part.seconds = round(part.seconds + seconds, 6)
            part.n_prompt_tokens = _more(part.n_prompt_tokens, [one.n_prompt_tokens or None for one in batch])
            part.n_tokens = _more(part.n_tokens, [one.n_tokens or None for one in batch])
            part.answer_seconds = _more(part.answer_seconds, [one.seconds for one in batch])
            part.memory, part.memory_bytes = _peak(part.device)
            with writing(self.path):
                told = {"parts": [asdict(each) for each in [*self.before, part]]}
                write_atomically(self.path, (json.dumps(told, indent=2) + "\n").encode())


def beside(samples: Path) -> Path:
    """Return the path of the cost file of a samples file."""
    return samples.with_name(samples.name + SUFFIX)


def read(samples: Path) -> list[Part]:
    """Return the parts beside a samples file; none if there is no cost file. Raise `UsageError` if it is malformed."""
    path = beside(samples)
    try:
        parts = [Part(**part) for part in json.loads(path.read_bytes())["parts"]]
        if any(not part.n_samples > 0 or not part.seconds >= 0 for part in parts):
            raise ValueError("a part without samples or time")
        total(parts)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is not as toolkit generate writes it ({error}); remove it, and no cost is known") from None
    return parts


def total(parts: Sequence[Part]) -> dict[str, Any] | None:
    """Add up parts; return None if there are none.

    Returns:
        `tokens_per_s`: tokens of all answers over the wall time. `ms_per_token` and `s_per_answer`: latency of one answer,
        from start to end, including the prompt's processing and the rest of its batch. `memory_mb`: the highest peak, in
        2**20 bytes. A value that some part lacks is None, and so is a setting in which parts differ, such as `batch_size`;
        for `model`, `device`, `hardware` and `memory` all values are listed. Sums as in `Part`.
    """
    if not parts:
        return None
    sums = {name: _more(0, [getattr(part, name) for part in parts]) for name in ("n_samples", "n_prompt_tokens", "n_tokens")}
    seconds, waited = (_more(0.0, [getattr(part, name) for part in parts]) for name in ("seconds", "answer_seconds"))
    peaks = [part.memory_bytes for part in parts if part.memory_bytes]
    tokens = sums["n_tokens"]

    def over(a: float | None, b: float | None, scale: float = 1) -> float | None:
        return scale * a / b if a and b else None

    return {
        "n_parts": len(parts), **sums, "seconds": seconds,
        "tokens_per_s": over(tokens, seconds), "ms_per_token": over(waited, tokens, 1000),
        "s_per_answer": over(waited, sums["n_samples"]),
        "memory_mb": max(peaks) / 2**20 if len(peaks) == len(parts) else None,
        **{name: " + ".join(dict.fromkeys(filter(None, (getattr(part, name) for part in parts)))) or None
           for name in ("model", "memory", "device", "hardware")},
        **{name: values.pop() if len(values := {getattr(part, name) for part in parts}) == 1 else None
           for name in ("batch_size", "n_parameters", "n_active")},
    }  # fmt: skip


def _more(known: Any, values: Iterable[Any]) -> Any:
    """Add to a sum; return None if any number is unknown."""
    values = [known, *values]
    return None if None in values else round(sum(values), 6)


def _reset_peak(device: str | None) -> None:
    if device and device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)
    elif device == "cpu":
        with contextlib.suppress(OSError):  # not Linux, or not allowed: the peak is then that since the process began
            Path("/proc/self/clear_refs").write_text("5")


def _peak(device: str | None) -> tuple[str | None, int | None]:
    if device and device.startswith("cuda"):
        import torch

        return "gpu", int(torch.cuda.max_memory_allocated(device))
    if device != "cpu":
        return None, None
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return "rss", int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) << 10
    return "rss", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
