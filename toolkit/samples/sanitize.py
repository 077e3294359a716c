"""Turn a model's text into the program that is judged, as evalplus's sanitizer does.

The texts are hostile: deep nesting can crash a parser, and long prose can keep one busy for hours. So all parsing
happens in worker processes with limits of their own (`extract.py`); this process only handles strings.
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import LifoQueue
from typing import Self

from toolkit.errors import InfrastructureError
from toolkit.records import Task
from toolkit.samples import extract

Item = tuple[Task, str, str]

_BATCH_TEXTS, _BATCH_CHARS = 8, 1 << 20
_MAX_REPLY_BYTES = 64 << 20
_MAX_WALL_S = 120


class SanitizerFailed(InfrastructureError):
    """A worker cannot do its work at all."""

    def __init__(self, said: str) -> None:
        super().__init__(f"model text cannot be turned into programs: {said}")


class Sanitizer:
    """Make solutions out of model text, in worker processes with limits that no hostile text can exceed.

    The field says how a text is read:

    - `solution`, a whole program: byte for byte as it is when it parses. Otherwise the program is taken out of the text
      (fences, prose, `<think>` parts).
    - `completion`, a continuation: prompt + completion when that parses. Otherwise a whole answer is taken out of the
      text and what the prompt has before the entry point (imports, helpers) is put before it; a body is taken out of
      its fences; and a body with something unreadable behind it is cut as evalplus cuts it.
    - `raw_response`, a whole answer: evalplus's `sanitize(text, entry_point)`, after thinking parts are removed.
      Nothing is put before it.

    If nothing with the entry point can be found, or a text crashes its worker or exceeds its limits, the text is used as it
    came (after the prompt, for a completion), and no other text is affected. The time limit is CPU time, so that the outcome
    does not depend on how busy the machine is.

    Args:
        cpu_s: CPU seconds for one text, above 0.
        memory_bytes: address space of one worker.
        workers: most processes, started when first needed; `os.cpu_count()` when None.
    """

    def __init__(self, *, cpu_s: float = 1.0, memory_bytes: int = 1 << 30, workers: int | None = None) -> None:
        if cpu_s <= 0:
            raise ValueError("cpu_s must be above 0")
        self._workers = [_Worker(cpu_s, memory_bytes) for _ in range(workers or os.cpu_count() or 1)]
        self._idle: LifoQueue[_Worker] = LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers, even in the middle of a text; the next text would start new ones."""
        for worker in self._workers:
            worker.kill()
        threads, self._threads = self._threads, None
        if threads:
            threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.stop()

    def solution(self, task: Task, field: str, text: str) -> str:
        """Return the program to judge for one text.

        Raises:
            ValueError: `field` is none of the three.
            SanitizerFailed: no worker can work at all, for example because evalplus cannot be imported.
        """
        return next(self.solutions([(task, field, text)]))

    def solutions(self, items: Iterable[Item]) -> Iterator[str]:
        """Yield the programs of many (task, field, text), in order, reading `items` ahead by at most two batches per worker.

        Raises:
            ValueError, SanitizerFailed: as `solution`.
        """
        waiting: deque[Future[list[str]]] = deque()
        try:
            for batch in _batches(items):
                self._threads = self._threads or ThreadPoolExecutor(len(self._workers))
                waiting.append(self._threads.submit(self._programs, batch))
                if len(waiting) >= 2 * len(self._workers):
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _programs(self, batch: list[Item]) -> list[str]:
        worker = self._idle.get()  # the last one returned: it is running already, if any is
        try:
            return worker.programs(batch)
        finally:
            self._idle.put(worker)


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    chars = 0
    for item in items:
        if item[1] not in extract.FIELDS:
            raise ValueError(f"unknown field {item[1]!r}")
        batch.append(item)
        chars += len(item[2])
        if len(batch) >= _BATCH_TEXTS or chars >= _BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


class _Worker:
    """One process, started when it is needed and after each death; used by one thread at a time."""

    def __init__(self, cpu_s: float, memory_bytes: int) -> None:
        self._limits = (cpu_s, memory_bytes)
        self._wall_s = _MAX_WALL_S * max(1, cpu_s)
        self._killed = False
        self._unread = bytearray()
        self.process: subprocess.Popen[bytes] | None = None

    def programs(self, batch: list[Item]) -> list[str]:
        programs: list[str] = []
        n_deaths = 0
        while left := batch[len(programs) :]:
            task, field, text = left[0]
            try:
                self._send(left)
                for task, field, text in left:
                    found = self._receive()
                    programs.append(_as_it_came(task, field, text) if found is None else found)
                    n_deaths = 0
            except (EOFError, TimeoutError, BrokenPipeError) as error:
                if (code := self._end()) > 0 or self._killed:
                    raise SanitizerFailed(f"the sanitizer's worker ended with exit code {code}") from None
                # The first text without an answer is the one the worker died of. A second try tells it from a worker
                # that was killed from outside; a text that ran out of time gets none.
                n_deaths += 1
                if n_deaths > 1 or code == -signal.SIGPROF or isinstance(error, TimeoutError):
                    programs.append(_as_it_came(task, field, text))
                    n_deaths = 0
            except BaseException:
                self._end()  # unread answers must not pass for those of the next batch
                raise
        return programs

    def kill(self) -> None:
        """End the process from another thread; `programs` then raises `SanitizerFailed`, until `stop` has been called."""
        self._killed = True
        if process := self.process:
            process.kill()

    def stop(self) -> None:
        """End the process when no thread uses it."""
        self._end()
        self._killed = False

    def _send(self, batch: list[Item]) -> None:
        if self.process is None:
            root = str(Path(__file__).parents[2])
            # -P and the explicit path: a file called ast.py in the working directory must not become ours.
            path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", extract.__name__, *map(str, self._limits)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
                env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip
            if self._killed:  # `kill` came before there was a process to kill
                raise EOFError
        assert self.process.stdin
        rows = [
            (task.prompt * (field == "completion"), extract.FILE if task.is_file else task.entry_point, field, text)
            for task, field, text in batch
        ]
        # The worker reads a whole batch before it answers, so neither side ever waits for the other to read.
        view = memoryview(json.dumps(rows).encode() + b"\n")
        while view:
            view = view[self.process.stdin.write(view) or 0 :]

    def _receive(self) -> str | None:
        assert self.process
        assert self.process.stdout
        pipe = self.process.stdout.fileno()
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        chunk = bytes(self._unread)
        while b"\n" not in self._unread[-len(chunk) :]:
            # CPU time is what is limited; the wall only catches a worker that sleeps or is starved.
            if not poll.poll(1000 * self._wall_s):
                raise TimeoutError
            chunk = os.read(pipe, 1 << 16)
            if not chunk or len(self._unread) > _MAX_REPLY_BYTES:
                raise EOFError
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        reply = json.loads(line)
        if isinstance(reply, dict):
            raise SanitizerFailed(f"the sanitizer's worker failed: {reply['error']}")
        return reply if isinstance(reply, str) else None

    def _end(self) -> int:
        process, self.process = self.process, None
        self._unread.clear()
        if process is None:
            return 0
        assert process.stdin
        process.stdin.close()
        with process:
            try:
                return process.wait(1)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.returncode


def _as_it_came(task: Task, field: str, text: str) -> str:
    return task.prompt + text if field == "completion" else text
