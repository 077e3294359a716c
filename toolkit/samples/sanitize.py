"""Turns what a model wrote into the program that is judged, as evalplus's sanitizer does.

The texts are hostile: deep nesting can crash a parser, and long prose can keep one busy for hours. So all parsing
happens in worker processes with limits of their own; the caller only ever handles strings.

Source: `evalplus.sanitize` 0.3.1, whose functions are called, not copied.
"""

import ast
import contextlib
import functools
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import types
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from queue import LifoQueue
from typing import Any, Self

from toolkit.records import Task

Item = tuple[Task, str, str]

_BATCH_TEXTS, _BATCH_CHARS = 8, 1 << 20
_MAX_REPLY_BYTES = 64 << 20
_MAX_WALL_S = 120


class Sanitizer:
    """Makes solutions out of model text, in worker processes that a hostile text cannot take further than their limits.

    The field says how a text is read:

    - `solution`, a whole program: byte for byte as it is when it parses. Otherwise the program is taken out of the text
      (fences, prose, `<think>` parts).
    - `completion`, a continuation: prompt + completion when that parses. Otherwise a whole answer is taken out of the
      text and what the prompt has before the entry point (imports, helpers) is put before it; a body is taken out of
      its fences; and a body with something unreadable behind it is cut as evalplus cuts it.
    - `raw_response`, a whole answer: evalplus's `sanitize(text, entry_point)`, after thinking parts are removed.
      Nothing is put before it.

    Where nothing with the entry point can be found, and where a text crashes its worker or exceeds its limits, the text
    is used as it came (after the prompt, for a completion), and no other text loses its own. The time limit is one of
    CPU, so that which texts these are does not depend on how busy the machine is.

    Args:
        cpu_s: CPU seconds for one text, above 0.
        memory_bytes: address space of one worker.
        workers: at most so many processes, started when first needed; `os.cpu_count()` when None.
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
        """Ends the workers, also in the middle of a text; the next text would start others."""
        for worker in self._workers:
            worker.kill()
        threads, self._threads = self._threads, None
        if threads:
            threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.stop()

    def solution(self, task: Task, field: str, text: str) -> str:
        """Gives the program to judge for one text.

        Raises:
            ValueError: `field` is none of the three.
            RuntimeError: a worker cannot do its work at all, such as when evalplus cannot be imported.
        """
        return next(self.solutions([(task, field, text)]))

    def solutions(self, items: Iterable[Item]) -> Iterator[str]:
        """Gives the programs of many (task, field, text), in order, reading `items` two batches a worker ahead at most.

        Raises:
            ValueError, RuntimeError: as `solution`.
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
        worker = self._idle.get()  # that which was put there last: one that runs already, where there is one
        try:
            return worker.programs(batch)
        finally:
            self._idle.put(worker)


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    chars = 0
    for item in items:
        if item[1] not in FIELDS:
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
                    raise RuntimeError(f"the sanitizer's worker ended with exit code {code}") from None
                # The first text without an answer is the one the worker died of. A second try tells it from a worker
                # that was killed from outside; a text that ran out of time gets none.
                n_deaths += 1
                if n_deaths > 1 or code == -signal.SIGPROF or isinstance(error, TimeoutError):
                    programs.append(_as_it_came(task, field, text))
                    n_deaths = 0
            except BaseException:
                self._end()  # answers that nobody reads must not be taken for those of the next batch
                raise
        return programs

    def kill(self) -> None:
        """End the process from another thread; `programs` then raises RuntimeError, until `stop` has been called."""
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
                [sys.executable, "-P", "-m", __name__, *map(str, self._limits)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
                env={**os.environ, "PYTHONPATH": path},
            )  # fmt: skip
            if self._killed:  # `kill` came before there was a process to be ended
                raise EOFError
        assert self.process.stdin
        rows = [(task.prompt * (field == "completion"), task.entry_point, field, text) for task, field, text in batch]
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
            raise RuntimeError(f"the sanitizer's worker failed: {reply['error']}")
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


# --- what runs in the worker ------------------------------------------------------------------------------------------

_THOUGHT = re.compile(r"^[ \t]*<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.MULTILINE | re.IGNORECASE)
_THOUGHT_END = re.compile(r"</think(?:ing)?>[ \t]*$", re.MULTILINE | re.IGNORECASE)
_FENCED = re.compile(r"^[ \t]*```[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)


def without_thoughts(text: str) -> str:
    """Removes thinking parts: closed, cut off by the end of the text, or opened in the prompt and only closed here.

    A tag counts only where it begins a line (opening) or ends one (closing), so that a program which speaks of such
    tags stays whole.
    """
    text = _THOUGHT.sub("", text)
    end = _THOUGHT_END.search(text)
    return text[end.end() :] if end else text


def _tree(program: str, flags: int = 0) -> ast.Module:
    tree = compile(program, "<solution>", "exec", ast.PyCF_ONLY_AST | flags, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree


def _defines(program: str, entry_point: str) -> bool:
    """Says whether a program parses and gives the entry point a body that is more than a docstring."""
    try:
        tree = _tree(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    found = not entry_point
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name == entry_point:
                found = len(node.body) > 1 or not isinstance(node.body[0], ast.Expr | ast.Pass)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom):
            names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
            names += [n.asname or n.name for n in getattr(node, "names", ())]
            found = found or entry_point in names
    return found


@functools.lru_cache(maxsize=1)
def longest_program(text: str) -> str:
    """Gives what evalplus's `code_extract` gives, without parsing every range of lines.

    The result is the same: of the ranges of two lines or more that parse, the one with most non-blank lines, the first
    where they are equal. Skipped are ranges that could not win, and those of which a failed parse has shown that they
    fail too: all that reach beyond an error met before the end of the text (more lines cannot mend it), and all that
    end within a string or bracket that is still open (fewer lines cannot close it).
    """
    lines = text.split("\n")
    filled = [0, *accumulate(bool(line.strip()) for line in lines)]
    best, span = 0, (0, 0)

    def error(i: int, j: int, flags: int = 0) -> SyntaxError | MemoryError | RecursionError | ValueError | None:
        try:
            _tree("\n".join(lines[i : j + 1]), flags)
        except (SyntaxError, MemoryError, RecursionError, ValueError) as caught:
            return caught
        return None

    def broken(i: int, j: int) -> bool:
        # 0x4000 is codeop's PyCF_ALLOW_INCOMPLETE_INPUT: an error at the end of the text then has a message of its own.
        found = error(i, j, 0x4000)
        return isinstance(found, SyntaxError) and found.msg != "incomplete input"

    for i in range(len(lines)):
        if filled[-1] - filled[i] <= best:
            break
        j, won = len(lines) - 1, False
        while j > i and (n := filled[j + 1] - filled[i]) + won > best:
            found = error(i, j)
            if found is None:
                best, span, won = n, (i, j), True
            elif isinstance(found, SyntaxError):
                at = i + (found.lineno or len(lines)) - 1
                if "never closed" in found.msg or "unterminated triple-quoted" in found.msg:
                    j = min(j, max(at, i))
                elif (at := max(at, i + 1)) < j and broken(i, at):
                    j = at
            j -= 1
    return "\n".join(lines[span[0] : span[1] + 1])


@functools.cache
def _evalplus() -> Any:
    # evalplus.data imports `datasets` for a benchmark that is not used here: 1.7 s and 150 MB.
    placeholder = types.ModuleType("datasets")
    vars(placeholder)["load_dataset"] = None
    sys.modules.setdefault("datasets", placeholder)
    import evalplus.sanitize

    evalplus.sanitize.code_extract = longest_program
    return evalplus.sanitize


def _sanitized(text: str, entry_point: str) -> str:
    found: str = _evalplus().sanitize(text, entry_point or None)
    return found


def _from_solution(_: str, entry_point: str, text: str) -> str | None:
    answer = without_thoughts(text)
    program = _sanitized(answer, entry_point)
    if not _defines(program, entry_point):
        program = longest_program(answer)  # evalplus leaves out what is decorated or has no return statement
    return program if _defines(program, entry_point) else None


def _from_raw_response(_: str, entry_point: str, text: str) -> str | None:
    return _sanitized(without_thoughts(text), entry_point)


def _from_completion(prompt: str, entry_point: str, text: str) -> str | None:
    answer = without_thoughts(text)
    define = re.compile(rf"^(?:async[ \t]+)?(?:def|class)[ \t]+{re.escape(entry_point)}\b", re.MULTILINE)
    head = define.split(prompt)[0] if entry_point and define.search(prompt) else ""
    bodies = [answer] + [body for body in _FENCED.findall(answer) if not define.search(body)]
    glue = "\n" if prompt.endswith("\n") else ""

    def whole() -> Iterator[str]:
        if program := _from_solution("", entry_point, answer):
            yield head + program

    def cut() -> Iterator[str]:
        for body in bodies:
            yield prompt + body
            yield _sanitized(prompt + glue + body, entry_point)

    is_body = re.match(r"(?:[ \t]*(?:```[^\n]*)?\n)*(?:  |\t)[ \t]*\S", answer)
    makers = (cut, whole) if is_body or not define.search(answer) else (whole, cut)
    return next((program for make in makers for program in make() if _defines(program, entry_point)), None)


FIELDS = {"solution": _from_solution, "completion": _from_completion, "raw_response": _from_raw_response}
"""The fields a text may come in. `solution` wins over `completion`, which wins over `raw_response`."""


def _answer(prompt: str, entry_point: str, field: str, text: str) -> str | None:
    """Gives the program, or None for the text as it is."""
    try:
        if field != "raw_response":
            with contextlib.suppress(SyntaxError, ValueError):
                _tree(prompt + text)
                return None
        return FIELDS[field](prompt, entry_point, text)
    except ImportError:
        raise
    except Exception:  # whatever a hostile text makes evalplus raise: RecursionError, MemoryError, IndexError...
        return None


def _limit(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    resource.setrlimit(which, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def serve(cpu_s: float, memory_bytes: int) -> None:
    """Answers batches of texts, a line of JSON each, with a line of JSON per text, until the input ends.

    A text that takes longer than `cpu_s` ends the process, by a signal: what keeps a parser busy cannot be interrupted.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    warnings.simplefilter("ignore")
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    with contextlib.suppress(ImportError):  # said when it is needed
        _evalplus()
    for line in sys.stdin.buffer:
        for row in json.loads(line):
            reply: object
            signal.setitimer(signal.ITIMER_PROF, cpu_s)
            try:
                reply = _answer(*row)
            except ImportError as error:
                reply = {"error": str(error)}
            signal.setitimer(signal.ITIMER_PROF, 0)
            os.write(1, json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    serve(float(sys.argv[1]), int(sys.argv[2]))
