"""A box: one container that takes one program at a time."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sandbox.engines.base import Connection, Engine
from sandbox.errors import BadValue, BoxLost, BoxNotStarted, BoxOutOfMemory, EngineUnavailable, Starved
from sandbox.execution import KEPT_BYTES, Execution, Status
from sandbox.limits import Limits
from sandbox.wire import codec, frames

START_S = 60.0
"""Seconds that a box may take to start before it counts as lost."""
GRACE_S = 20.0
"""Seconds that the host waits beyond the longest time a program may be in the box (`frames.longest_s`)."""
MAX_SAID = 4 << 20
"""Most bytes of a tool's answer about one text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The outcome of a batch of calls.

    Attributes:
        n_frames: calls that were answered; fewer than asked for if the program ended or hit a limit.
        n_values: how many of the answers are values, not errors.
        n_bytes, digest: length and 16-byte BLAKE2b (hex) of the stream of answers, computed by the supervisor.
        stream: the answers themselves if short, else None (`Session.fetch` brings them).
        loaded: whether the program was loaded and has its entry point.
        more: whether the program is still at work on the same calls (`Session.more` waits for the rest).
        charged_s: seconds charged to the program so far.
    """

    n_frames: int
    n_values: int
    n_bytes: int
    digest: str
    stream: bytes | None
    loaded: bool
    more: bool
    charged_s: float


_NOTHING = {"n_frames": 0, "n_values": 0, "n_bytes": 0, "digest": "", "more": False}


def _batch(header: dict[str, Any], payload: bytes) -> Batch:
    return Batch(
        n_frames=int(header["n_frames"]),
        n_values=int(header["n_values"]),
        n_bytes=int(header["n_bytes"]),
        digest=str(header["digest"]),
        stream=payload if len(payload) == header["n_bytes"] else None,
        loaded=bool(header["loaded"]),
        more=bool(header["more"]),
        charged_s=float(header["charged_s"]),
    )


@dataclass(slots=True)
class Session:
    """A program inside a box that answers batches of calls. Made by `Box.calls` and `Box.check`."""

    box: "Box"
    limits: Limits
    execution: Execution | None = None
    _heard: bool = field(default=False)
    _empty: dict[str, Any] = field(default_factory=lambda: {"loaded": False, "charged_s": 0.0, **_NOTHING})
    _over: bool = field(default=False)

    def batch(
        self, blob: bytes, n_calls: int, *, last: bool = False, call_s: float | None = None, in_parts: bool = False
    ) -> Batch:
        """Make `n_calls` calls (`codec.encode_batch`); with `last`, end the program after them.

        Args:
            call_s: charged seconds that one call of this batch may take.
            in_parts: return early with the answers so far if the calls take long (`Batch.more`).

        Raises:
            BoxLost: the box went away.
            Starved: the machine is too busy.
        """
        if self._over:
            return _batch(self._empty, b"")
        self.box.allow(call_s)
        about = {"n_frames": n_calls, "last": last, "call_s": call_s, "in_parts": in_parts}
        self.box.tell({"op": "batch", **about}, blob)
        return self.next()

    def more(self) -> Batch:
        """Wait for the rest of the batch's answers. Raises as `batch`."""
        self.box.tell({"op": "more"})
        return self.next()

    def next(self) -> Batch:
        """Wait for the program's next frames. Raises as `batch`."""
        header, payload = self.box.hear("frames", self.limits, "end")
        self._heard = True
        if header["op"] == "end":  # it ended before it was asked
            self._over, self.execution = True, self.box.ended(header, payload)
            return _batch(self._empty, b"")
        self._empty = {**header, **_NOTHING}
        if header["over"]:
            self._finish()
        return _batch(header, payload)

    def fetch(self) -> bytes:
        """Return the stream of the last batch, empty if it was too long to keep. Raises as `batch`."""
        self.box.tell({"op": "fetch"})
        return self.box.hear("fetched", self.limits)[1]

    def frames(self, batch: Batch, most: int = 1) -> list[tuple[bytes, bytes]]:
        """Return the frames of the last batch as (kind, body); none if it was too long to keep.

        Raises as `batch`, and `codec.CodecError` if the program wrote anything but frames, or more than `most`.
        """
        return codec.split_frames(self.fetch() if batch.stream is None else batch.stream, most)

    def _finish(self) -> None:
        if not self._over:
            self._over = True
            self.execution = self.box.hear_end(self.limits)

    def end(self) -> Execution:
        """End the program unless it has ended, and return the facts. Raises as `batch`."""
        if not self._heard:
            self.batch(b"[]", 0)  # a program that cannot be loaded says so before it ends
        if not self._over:
            self.box.tell({"op": "stop"})
            self._finish()
        assert self.execution is not None
        return self.execution


class Box:
    """One container, and in it one program at a time.

    Covered: no network; a read-only root; no capability but SETUID, SETGID and KILL, which only the supervisor holds; no
    new privileges; two seccomp filters; bounds on memory and swap together, processes, files, descriptors, CPU and
    time. Each program runs under a user id that the box has never used before, in its own session and private
    directory, forked from an interpreter that has seen no other program's data. Once it is over, all its processes
    are killed and all its files removed; a box that cannot be cleaned ends itself and is never used again.

    Not covered: holes in the kernel that all containers share (use a runtime such as gVisor's `runsc` where that
    matters); side channels through timing, caches and counters of the kernel, such as inode numbers, process ids and the
    box's use of CPU and memory so far, which tell how much the programs before used; programs of two boxes that compete
    for the same processor (time is charged so that this does not change verdicts).

    Args:
        engine: starts the container.
        limits: what programs may use; memory, disk and processes are fixed for the box's life.
        image: what the container is made of: `run`, or `lint`, which has linters.
    """

    def __init__(self, engine: Engine, limits: Limits | None = None, image: str = "run") -> None:
        self.engine, self.limits, self.image = engine, limits or Limits(), image
        self._connection: Connection | None = None
        self._is_spoiled = self._is_retired = False
        self._call_s = 0.0
        self.n_started = 0

    def start(self) -> None:
        """Start the container unless it is running. Raises `EngineUnavailable`, `ImageMissing` or `BoxNotStarted`."""
        if self._is_spoiled:  # something is left of its last program
            self.close()
        if self._connection is not None:
            return
        with self._whole():
            try:
                self._ask_retired()
                self._connection = self.engine.start(self.limits, self.image)
                self.n_started += 1
                self._ask_retired()  # again: meanwhile there was nothing to close
                header, _ = self.hear("ready", self.limits)
            except BoxLost as error:
                raise BoxNotStarted(str(error)) from None
            if header["unbounded"]:
                what = " and ".join(header["unbounded"])
                raise EngineUnavailable(f"nothing bounds the {what} of this engine's boxes; a rootless one needs cgroup v2")

    def _ask_retired(self) -> None:
        if self._is_retired:
            raise BoxLost("the box has been closed for good")

    def close(self) -> None:
        """End and remove the container; the next program gets a new one. Never raises."""
        connection, self._connection, self._is_spoiled = self._connection, None, False
        if connection is not None:
            connection.close()

    def retire(self) -> None:
        """Close the box for good, even while another thread uses or starts it. Never raises."""
        self._is_retired = True
        self.close()

    def __enter__(self) -> "Box":
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # -- the verbs -----------------------------------------------------------------------------------------------------

    def run(
        self, source: str | bytes, *, stdin: bytes = b"", limits: Limits | None = None, kept_bytes: int = KEPT_BYTES,
        noted: bool = False,
    ) -> Execution:  # fmt: skip
        """Run a whole program as `python FILE` would.

        Whatever the program does is in the facts that are returned; an exception is our own failure.

        Args:
            kept_bytes: of standard output, up to 64 MiB.
            noted: `source` is what `sandbox.wire.noted` packs: files are put beside the program, and its mark is written on
                standard error once it has come to its end.

        Raises:
            BoxLost: the box went away; the next call starts a new one.
            Starved: the machine is too busy.
            EngineUnavailable, ImageMissing: it cannot be started.
        """
        limits = self._within(limits)
        try:
            with self._whole():
                more = {"kept_bytes": kept_bytes} if kept_bytes != KEPT_BYTES else {}
                more |= {"noted": True} if noted else {}
                self._begin("script", _bytes(source), stdin, limits, call_s=limits.charged_s, **more)
                return self.hear_end(limits)
        except BoxOutOfMemory:
            return out_of_memory(limits)

    @contextlib.contextmanager
    def calls(
        self,
        source: str | bytes,
        entry_point: str,
        *,
        limits: Limits | None = None,
        call_s: float | None = None,
        listed: bool = False,
        bridged: bool = False,
        noted: bool = False,
        stdin: bytes = b"",
    ) -> Iterator[Session]:
        """Load a program as a module, then call its `entry_point` in batches.

        `limits.charged_s` bounds everything together and `call_s` one call; `listed` writes out the elements of
        iterators that are returned. With `bridged`, a call is what a test of `unittests` asks. With `noted`, the program is
        run as by `run`; the one call names files, and returns its exit code and base64 of the files. Raises as `run`.
        """
        limits = self._within(limits)
        said = {"bridged": bridged, "noted": noted}
        more = {"entry_point": entry_point, "listed": listed, **{name: True for name, is_so in said.items() if is_so}}
        with self._whole():
            self._begin("calls", _bytes(source), stdin, limits, call_s=call_s or limits.charged_s, **more)
            session = Session(self, limits)
            yield session
            session.end()

    def check(
        self, prelude: str, test: str, entry_point: str, *, limits: Limits | None = None
    ) -> contextlib.AbstractContextManager[Session]:
        """Run a benchmark's `check(candidate)` in this box; its calls come out as frames. Raises as `run`."""
        return self._test([prelude, test], limits, entry_point=entry_point, asserts=False)

    def asserts(
        self, test: str, entry_point: str | None, last: str, *, limits: Limits | None = None
    ) -> contextlib.AbstractContextManager[Session]:
        """Run any other test likewise (`images/box/asserts.py`); a call is (name, arguments, keywords)."""
        return self._test([test, entry_point, last], limits, asserts=True)

    def unittests(
        self, before: str, test: str, entry_point: str, classes: Sequence[str], *, limits: Limits | None = None
    ) -> contextlib.AbstractContextManager[Session]:
        """Run test classes likewise, after the text `before`; the program runs elsewhere in `calls(..., bridged=True)`."""
        return self._test([before, test, entry_point, list(classes)], limits, asserts=False, unittests=True)

    @contextlib.contextmanager
    def tests(
        self,
        program: str,
        test: str,
        entry_point: str,
        classes: Sequence[str],
        n_tests: int,
        *,
        limits: Limits,
        load_s: float,
    ) -> Iterator[Session]:
        """Run test classes in the program's own process; loading it may take `load_s`.

        The one batch, of `n_tests` calls, has an answer [name, outcome, detail] for each test. Raises as `run`.
        """
        parts = codec.encode([program, test, entry_point, list(classes), n_tests])
        with self._whole():
            self._begin("tests", parts, b"", self._within(limits), call_s=load_s)
            session = Session(self, limits)
            yield session
            session.end()

    @contextlib.contextmanager
    def _test(self, parts: Sequence[Any], limits: Limits | None, **more: object) -> Iterator[Session]:
        limits = self._within(limits)
        with self._whole():
            self._begin("check", codec.encode(parts), b"", limits, call_s=limits.charged_s, **more)
            session = Session(self, limits)
            yield session
            session.end()

    def examine(self, tool: str, texts: Sequence[str], *, limits: Limits | None = None) -> list[Any]:
        """Ask one of the image's tools (`images/box/tools.py`, `images/box/lint.py`) about texts; none of them is run.

        Returns one value per text, in order: the tool's answer; a line of text if the tool raised; or an `Execution`
        if the text ended the tool's process or exceeded a limit. The texts share a process as long as it lives;
        `limits` hold for each of them. Raises as `run`.
        """
        limits = self._within(limits)
        found: list[Any] = []
        together = True
        while len(found) < len(texts):
            rest = texts[len(found) :] if together else texts[len(found) : len(found) + 1]
            answers, end = self._examine(tool, rest, limits)
            if not answers and len(rest) == 1:
                answers = [end]
            found += answers
            together = len(answers) == len(rest)  # otherwise the next text may have killed the process: try it alone
        return found

    def _examine(self, tool: str, texts: Sequence[str], limits: Limits) -> tuple[list[Any], Execution]:
        """Return (the answers that one process gave, for the first texts in order; how the process ended)."""
        bounds = replace(limits, charged_s=len(texts) * limits.charged_s, cpu_s=len(texts) * limits.cpu_s)
        try:
            with self._whole():
                self._begin("tool", b"", b"", bounds, call_s=limits.charged_s, entry_point=tool)
                session = Session(self, bounds)
                batch = session.batch(codec.encode_batch([[text] for text in texts]), len(texts), last=True)
                if not batch.loaded and not batch.n_frames and session.end().status is Status.EXITED:
                    raise BoxLost(f"the tool {tool} did not start")
                try:
                    return [_said(*frame) for frame in session.frames(batch, len(texts))], session.end()
                except codec.CodecError:
                    return [], session.end()
        except BoxOutOfMemory:
            return [], out_of_memory(limits)

    # -- the conversation ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """Close the box if a conversation breaks off: the next program would be given this one's answers."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _within(self, limits: Limits | None) -> Limits:
        if limits is None:
            return self.limits
        for name in ("memory_bytes", "disk_bytes", "processes"):
            if getattr(limits, name) > getattr(self.limits, name):
                raise BadValue(f"{name} {getattr(limits, name)} is over this box's {getattr(self.limits, name)}")
        return limits

    def _begin(self, mode: str, code: bytes, stdin: bytes, limits: Limits, *, call_s: float, **more: object) -> None:
        self.start()
        self._call_s = call_s
        bounds = asdict(limits) | {"call_s": call_s}
        self.tell({"op": "run", "mode": mode, "n_code": len(code), "limits": bounds} | more, code + stdin)

    def allow(self, call_s: float | None) -> None:
        """Set how long to wait for an answer: as long as the supervisor allows a call of `call_s`."""
        self._call_s = max(self._call_s, call_s or 0.0)

    def tell(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Send a message to the supervisor. Raises `BoxLost`."""
        if self._connection is None:
            raise BoxLost("the box is not running")
        try:
            self._connection.send(frames.pack(header, payload))
        except (BoxLost, frames.ProtocolError) as error:
            raise self._lost(self._connection, error) from None

    def _lost(self, connection: Connection, error: Exception) -> BoxLost:
        """Close the box, and return the error to raise for a lost connection."""
        exceeded = isinstance(error, BoxOutOfMemory) or (isinstance(error, BoxLost) and connection.memory_exceeded())
        self.close()
        return (BoxOutOfMemory if exceeded else BoxLost)(str(error))

    def hear(self, op: str, limits: Limits, other: str = "") -> tuple[dict[str, Any], bytes]:
        """Receive the supervisor's next message, which must be `op`, or `other`. Raises `BoxLost`."""
        connection = self._connection
        if connection is None:
            raise BoxLost("the box is not running")
        longest_s = frames.longest_s(limits.charged_s, self._call_s) + GRACE_S
        deadline = time.monotonic() + (START_S if op == "ready" else longest_s)
        try:
            header, payload = frames.read(lambda n: connection.receive(n, deadline))
            if header["op"] == "over":
                raise (BoxOutOfMemory if header["memory"] else BoxLost)(str(header["why"]))
            if header["op"] not in (op, other):
                raise frames.ProtocolError(f"expected {op!r}, got {header['op']!r}")
            return header, payload
        except (BoxLost, frames.ProtocolError) as error:
            raise self._lost(connection, error) from None

    def hear_end(self, limits: Limits) -> Execution:
        """Receive the facts of a program that is over. Raises `BoxLost` or `Starved`."""
        return self.ended(*self.hear("end", limits))

    def ended(self, header: dict[str, Any], output: bytes) -> Execution:
        """Return the facts in a message of the supervisor. Raises as `hear_end`."""
        self._is_spoiled = not header.get("clean")
        if header["status"] == "starved":
            raise Starved("the machine is too busy: the program got no processor for most of its time")
        try:
            at = int(header["n_stdout"])
            return Execution(
                status=Status("signaled" if header["status"] == "stopped" else header["status"]),
                exit_code=header["exit_code"],
                stdout=output[:at].decode("utf-8", "replace"),
                stderr=output[at:].decode("utf-8", "replace"),
                charged_s=float(header["charged_s"]),
                cpu_s=float(header["cpu_s"]),
                memory_peak_bytes=int(header["memory_peak_bytes"]),
                truncated=bool(header["truncated"]),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise BoxLost(f"the supervisor's facts make no sense: {error}") from None


def _said(kind: bytes, body: bytes) -> Any:
    """Return a tool's answer; a line of text if it raised, or its answer is unusable."""
    if kind != codec.RETURNED:
        return str(body[:1000], "utf-8", "replace")
    try:
        return codec.decode(body, max_hashed=1000) if len(body) <= MAX_SAID else f"the tool said {len(body)} bytes"
    except codec.CodecError as error:
        return f"the tool answered nonsense: {error}"


def out_of_memory(limits: Limits) -> Execution:
    """Return the facts of a program that ran its whole box out of memory."""
    return Execution(
        status=Status.MEMORY_EXCEEDED,
        exit_code=None,
        stdout="",
        stderr="",
        charged_s=0.0,
        cpu_s=0.0,
        memory_peak_bytes=limits.memory_bytes,
        truncated=False,
    )


def _bytes(source: str | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.encode("utf-8", "surrogatepass")
