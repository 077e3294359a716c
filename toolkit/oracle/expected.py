"""Expected outputs: the canonical solutions' answers, computed once in a box and stored under the hash of the data."""

import contextlib
import hashlib
import json
import os
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sandbox import Box, Engine, SandboxError
from sandbox.wire import codec
from toolkit.benchmarks.base import Benchmark
from toolkit.records import Table, Task
from toolkit.store import cache
from toolkit.store.files import write_atomically

VERSION = 2
CHUNK_BYTES = 8 << 20
CHUNK_S = 0.25
CANONICAL_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Consecutive calls of a task, made and compared together.

    Attributes:
        first, n_calls: which calls, counting base calls before plus calls.
        plus: whether they are plus calls (a chunk is never both).
        at, n_bytes: place of the stream of right answers in the task's file; `n_bytes` is 0 if it was too long to
            keep, and then answers are compared by digest alone.
        digest: 16-byte BLAKE2b of the stream, as hex.
        charged_s: seconds that the canonical solution took for these calls.
    """

    first: int
    n_calls: int
    plus: bool
    at: int
    n_bytes: int
    digest: str
    charged_s: float

    @property
    def where(self) -> str:
        """The calls' numbers, in words."""
        return f"in calls {self.first} to {self.first + self.n_calls - 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The right answers of one task.

    Attributes:
        key: hash of everything they depend on.
        chunks: in the order of the calls.
        path: file with the frames of the answers.
    """

    key: str
    chunks: tuple[Chunk, ...]
    path: Path

    @property
    def charged_s(self) -> float:
        """Seconds that the canonical solution took for all calls."""
        return sum(chunk.charged_s for chunk in self.chunks)

    def frames(self, chunk: Chunk) -> list[tuple[bytes, bytes]]:
        """Read the right answers of `chunk` (raises OSError)."""
        with self.path.open("rb") as file:
            file.seek(chunk.at)
            return codec.split_frames(file.read(chunk.n_bytes), chunk.n_calls)


class Answers:
    """The right answers of one benchmark, computed when first needed. Threads may share it.

    Args:
        data_hash: of the benchmark's data.
        engine: its image's digest is part of the key of stored answers.
    """

    def __init__(self, benchmark: Benchmark, data_hash: str, engine: Engine) -> None:
        self.benchmark, self.data_hash, self.engine = benchmark, data_hash, engine
        self._found: dict[str, Expected] = {}
        self._computing: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def known(self, task: Task) -> Expected | None:
        """Return the answers of a task if this run or an earlier one computed them."""
        if task.task_id not in self._found:
            stored = load(self._key(task))
            if stored is None:
                return None
            self._found[task.task_id] = stored
        return self._found[task.task_id]

    def of(self, task: Task, box: Box) -> Expected:
        """Return the answers of a task; if they are unknown, run its canonical solution in `box`. Raises as `compute`."""
        with self._lock:
            lock = self._computing.setdefault(task.task_id, threading.Lock())
        with lock:
            found = self.known(task)
            if found is None:
                found = compute(task, self._key(task), box, listed=self.benchmark.is_set(task))
                self._found[task.task_id] = found
            return found

    def _key(self, task: Task) -> str:
        image = self.engine.image_digest(self.benchmark.image)
        return key_of(task, f"{self.benchmark.origin} {self.data_hash}".strip(), image)


def key_of(task: Task, data_hash: str, image: str) -> str:
    """Hash everything that a task's right answers depend on: the data file, the task in it, and the image that ran it."""
    tests = task.tests_as(Table)
    parts = (str(VERSION), image, data_hash, task.task_id, str(len(tests.base)), str(len(tests.plus or ())))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _path(key: str) -> Path:
    return cache.directory() / "expected" / f"{key}.frames"


def load(key: str) -> Expected | None:
    """Return the stored answers of `key`, or None if there are none or they are incomplete."""
    path = _path(key)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        index = json.loads(path.with_suffix(".json").read_text())
        chunks = tuple(Chunk(**chunk) for chunk in index["chunks"])
        if path.stat().st_size == sum(chunk.n_bytes for chunk in chunks):
            return Expected(key=key, chunks=chunks, path=path)
    return None


def compute(task: Task, key: str, box: Box, *, listed: bool = False) -> Expected:
    """Run the canonical solution on all inputs and store its answers; `listed` as in `Box.calls`.

    Raises:
        SandboxError: it fails on one of them, so the data is broken.
        OSError: the cache folder cannot be written.
    """
    path = _path(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.partial")
    try:
        with partial.open("wb") as file:
            chunks = _compute(task, box, file, listed=listed)
        write_atomically(path.with_suffix(".json"), json.dumps({"chunks": [asdict(c) for c in chunks]}).encode())
        os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    return Expected(key=key, chunks=tuple(chunks), path=path)


def _compute(task: Task, box: Box, file: Any, *, listed: bool) -> list[Chunk]:
    calls, n_base = task.tests_as(Table).calls, len(task.tests_as(Table).base)
    limits = replace(box.limits, charged_s=CANONICAL_S, cpu_s=CANONICAL_S)
    chunks: list[Chunk] = []
    first = at = 0
    n_next = 8
    before = 0.0
    with box.calls(task.prompt + task.canonical_solution, task.entry_point, limits=limits, listed=listed) as session:
        while first < len(calls):
            n_calls = min(n_next, (n_base if first < n_base else len(calls)) - first)
            batch = session.batch(codec.encode_batch(calls[first : first + n_calls]), n_calls, in_parts=True)
            left = n_calls
            while True:
                stream = session.fetch() if batch.stream is None else batch.stream
                if batch.n_values < batch.n_frames or (batch.n_frames < left and not batch.more):
                    got = codec.split_frames(stream, n_calls)
                    raise SandboxError(
                        f"the canonical solution of {task.task_id} fails on input {first + batch.n_values}: "
                        f"{repr(got[-1][1][:200]) if got else session.execution}"
                    )
                if not stream and batch.n_frames > 1:  # more than a box keeps: ask again, for fewer
                    n_next = max(1, batch.n_frames // 8)
                    while batch.more:
                        batch = session.more()
                    before = batch.charged_s
                    break
                spent, before = max(batch.charged_s - before, 0.0), batch.charged_s
                file.write(stream)
                chunks.append(Chunk(
                    first=first, n_calls=batch.n_frames, plus=first >= n_base, at=at, n_bytes=len(stream),
                    digest=batch.digest, charged_s=round(spent, 6),
                ))  # fmt: skip
                first, at, left = first + batch.n_frames, at + len(stream), left - batch.n_frames
                n_next = min(
                    batch.n_frames * 4,
                    max(1, int(CHUNK_BYTES * batch.n_frames / (2 * batch.n_bytes))),
                    max(1, int(CHUNK_S * batch.n_frames / max(spent, 1e-6))),
                )
                if not batch.more:
                    break
                batch = session.more()
    file.flush()
    return _merged(chunks, Path(file.name))


def _joined(one: Chunk, other: Chunk) -> Chunk | None:
    """Return two neighbours as one chunk without a digest yet; None if they must stay apart."""
    n_bytes, charged_s = one.n_bytes + other.n_bytes, one.charged_s + other.charged_s
    if one.plus != other.plus or not (one.n_bytes and other.n_bytes) or n_bytes > CHUNK_BYTES or charged_s > CHUNK_S:
        return None
    return replace(one, n_calls=one.n_calls + other.n_calls, n_bytes=n_bytes, charged_s=round(charged_s, 6), digest="")


def _merged(chunks: list[Chunk], path: Path) -> list[Chunk]:
    """Join small neighbours, so that most tasks need one or two exchanges."""
    out: list[Chunk] = []
    for chunk in chunks:
        joined = _joined(out[-1], chunk) if out else None
        out[-1:] = [joined] if joined else [*out[-1:], chunk]
    with path.open("rb") as file:
        for i, chunk in enumerate(out):
            if not chunk.digest:
                file.seek(chunk.at)
                digest = hashlib.blake2b(file.read(chunk.n_bytes), digest_size=16).hexdigest()
                out[i] = replace(chunk, digest=digest)
    return out
