"""Cases: what was found is kept in tests/fuzz/seeds/ and can be rerun."""

import base64
import contextlib
import ctypes
import gc
import json
import os
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"
LONGEST_S = 20.0
"""Seconds that one program may take on the wall: each part's process has a second or two, and the machine may be busy."""
TIMEOUT_S, TOTAL_S = 0.25, 1.0
MOST_GROWTH = 50 << 20


class Failed(Exception):
    """A case showed what must not be."""

    def __init__(self, case: "Case", why: str) -> None:
        super().__init__(f"{why}\n{case}"[:2000])
        self.case, self.why = case, why


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 1)).decode()


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One input, as it is kept in tests/fuzz/seeds/.

    Attributes:
        part: `host` for a comparison, `box` for a program.
        name: of the rule, or of the task.
        expected, got: of a comparison, packed.
        solution: of a program.
        right: of a program: whether plain comparison calls what it answers in the base and in the plus part right.
        note: what it is, or what it once showed.
    """

    part: str
    name: str
    expected: str = ""
    got: str = ""
    solution: str = ""
    right: list[bool] = field(default_factory=list)
    note: str = ""


def rss() -> int:
    """Return the bytes that this process has in memory, and cannot give back."""
    gc.collect()
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def kept() -> list[Path]:
    return sorted(SEEDS.glob("*.json"))


def load(path: Path) -> Case:
    return Case(**json.loads(path.read_text()))


def keep(failed: Failed) -> Path:
    """Write a case to tests/fuzz/seeds/, and return where."""
    text = json.dumps({**asdict(failed.case), "note": f"{failed.case.note}: {failed.why[:300]}"}, indent=1)
    SEEDS.mkdir(exist_ok=True)
    path = SEEDS / f"{failed.case.part}-{zlib.crc32(text.encode()):08x}.json"
    path.write_text(text + "\n")
    return path
