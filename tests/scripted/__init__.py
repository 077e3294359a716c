"""A scripted box: an engine that replays what the supervisors of real boxes said, so that it needs no container.

It proves our logic, never isolation: how the oracle judges, what gates decide, what is tried again, and how the pool lends
its boxes, all of it on true answers. Nothing runs, so nothing here says that a program is shut in; the tests of the lane
`boxes` do.

`python -m tests.scripted` records the conversations of all tests that ask for the fixture `either`, from real boxes, and
`tests/scripted/test_scripted.py` asks real boxes again whether they still say the same.
"""

import hashlib
import io
import json
import lzma
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sandbox import BoxLost, Engine, Limits
from sandbox.engines.base import Connection
from sandbox.wire import frames

RECORDINGS = Path(__file__).parent / "recordings.json.xz"
VOLATILE = ("charged_s", "cpu_s", "memory_peak_bytes")
"""What a supervisor says that differs from time to time, and that no verdict may hang on."""
WORD = re.compile(rb'"[0-9a-f]{16}"')
"""A word that the host draws anew each time; where the box said the recorded one, it says the one of now."""
Message = tuple[dict[str, Any], bytes]


class NotRecorded(Exception):
    """The host asks a box something that was not asked when the recordings were made."""


def messages(data: bytes) -> tuple[list[Message], bytes]:
    """Return the whole messages at the beginning of `data`, and what is left."""
    found: list[Message] = []
    while len(data) >= 8:
        size = 8 + int.from_bytes(data[:4], "big") + int.from_bytes(data[4:8], "big")
        if len(data) < size:
            break
        found.append(frames.read(io.BytesIO(data).read))
        data = data[size:]
    return found, data


def rounded(value: Any) -> Any:
    """Return plain data with one significant digit in each float: limits hang on how long a canonical solution took."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    return f"{value:.1g}" if isinstance(value, float) else value


def key_of(before: str, asked: Message) -> str:
    """Hash a message of the host and all that the host said before it to the same program."""
    said = json.dumps(rounded(asked[0]), sort_keys=True).encode()
    return hashlib.sha256(b"\0".join((before.encode(), said, WORD.sub(b"", asked[1])))).hexdigest()[:20]


def in_part(said: list[Message]) -> bool:
    """Say whether a program was still at work on the calls that it was asked for."""
    return bool(said) and bool(said[-1][0].get("more"))


def broke_off(said: list[Message]) -> bool:
    """Say whether a program was ended for what it wrote: how much of it is heard before that is a race."""
    return any(header.get("status") == "violated" for header, _ in said)


def is_prefix(one: list[Message], other: list[Message]) -> bool:
    """Say whether one of two answers is the beginning of the other."""
    short, long = sorted((one[0][1], other[0][1]), key=len)
    return long.startswith(short)


def lasting(said: list[Message], asked: Message) -> list[Message]:
    """Return what a supervisor said, without what differs from time to time: a program may end just before it is stopped."""
    left_out = {*VOLATILE, *(("status", "exit_code") if asked[0]["op"] == "stop" else ())}
    return [
        (
            {name: value for name, value in header.items() if name not in left_out},
            re.sub(rb"0x[0-9a-f]{6,}|/tmp/\d+/", b"...", payload),
        )
        for header, payload in said
    ]


@dataclass(slots=True, kw_only=True)
class Step:
    """A message of the host, and the answer.

    Attributes:
        before: key of the host's message before it, to the same program; empty for the first.
        image, limits: of the box.
        asked, said: what the host said, and the box.
    """

    before: str
    image: str
    limits: Limits
    asked: Message
    said: list[Message] = field(default_factory=list)


def load() -> dict[str, Step]:
    """Read the recordings; there are none where there is no file."""
    if not RECORDINGS.exists():
        return {}
    with lzma.open(RECORDINGS, "rt") as file:
        found = json.load(file)
    payloads = [text.encode("latin-1") for text in found["payloads"]]
    return {
        key: Step(
            before=before, image=image, limits=Limits(**limits), asked=(asked[0], payloads[asked[1]]),
            said=[(header, payloads[at]) for header, at in said],
        )
        for key, (before, image, limits, asked, said) in found["steps"].items()
    }  # fmt: skip


def follows(steps: dict[str, Step], step: Step) -> bool:
    """Say whether the host can come to a step: a program that answered in part one time may have answered whole the next."""
    while step.before:
        before = steps.get(step.before)
        if before is None or (step.asked[0]["op"] == "more" and not in_part(before.said)):
            return False
        step = before
    return True


def save(steps: dict[str, Step]) -> None:
    """Write the recordings, without what cannot be come to."""
    steps = {key: step for key, step in steps.items() if follows(steps, step)}
    payloads: dict[bytes, int] = {}

    def packed(message: Message) -> tuple[dict[str, Any], int]:
        return message[0], payloads.setdefault(message[1], len(payloads))

    rows = {
        key: (step.before, step.image, asdict(step.limits), packed(step.asked), [packed(one) for one in step.said])
        for key, step in sorted(steps.items())
    }
    text = json.dumps({"payloads": [one.decode("latin-1") for one in payloads], "steps": rows})
    RECORDINGS.write_bytes(lzma.compress(text.encode(), preset=9))


# -- replaying ---------------------------------------------------------------------------------------------------------


class ScriptedEngine:
    """Starts boxes that say what was recorded, however many are asked at the same time and in whatever order."""

    def __init__(self) -> None:
        self.steps = load()
        self.open: dict[str, ScriptedConnection] = {}
        self.unknown: list[str] = []
        self._lock = threading.Lock()
        self._n = 0

    def start(self, limits: Limits, image: str = "run") -> "ScriptedConnection":
        with self._lock:
            self._n += 1
            name = f"scripted-{self._n}"
            self.open[name] = ScriptedConnection(self, name, image)
            return self.open[name]

    def image_digest(self, image: str = "run") -> str:
        return f"sha256:scripted-{image}"

    def capacity(self, _image: str, wanted: int) -> int:
        return wanted

    def sweep(self) -> int:
        return 0

    def close(self) -> None:
        pass


class ScriptedConnection:
    """A box that says what was recorded."""

    def __init__(self, engine: ScriptedEngine, name: str, image: str) -> None:
        self.engine, self.name, self.image = engine, name, image
        self._at, self._out = "", frames.pack({"op": "ready", "unbounded": []})

    def send(self, data: bytes) -> None:
        if self.name not in self.engine.open:
            raise BoxLost("closed")
        ((asked,), _) = messages(data)
        self._at = key_of(self.image if asked[0]["op"] == "run" else self._at, asked)
        step = self.engine.steps.get(self._at)
        if step is None:
            self.engine.unknown.append(f"{asked[0]} {asked[1][:200]!r}")
            raise NotRecorded(f"record it with `python -m tests.scripted`: {self.engine.unknown[-1]}")
        words = dict(zip(WORD.findall(step.asked[1]), WORD.findall(asked[1]), strict=True))
        for header, payload in step.said:
            self._out += frames.pack(header, WORD.sub(lambda found: words.get(found[0], found[0]), payload))

    def receive(self, n: int, deadline: float) -> bytes:
        if self.name not in self.engine.open or len(self._out) < n:
            raise BoxLost(f"box {self.name} does not answer")
        data, self._out = self._out[:n], self._out[n:]
        return data

    def close(self) -> None:
        self.engine.open.pop(self.name, None)

    def memory_exceeded(self) -> bool:
        return False


# -- recording ---------------------------------------------------------------------------------------------------------


class Recorder:
    """An engine that notes what its boxes are asked and what they say; the rest is the engine's own affair."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.steps: dict[str, Step] = {}

    def over(self, engine: Engine) -> "Recorder":
        """Note what the boxes of `engine` say."""
        self.engine = engine
        return self

    def start(self, limits: Limits, image: str = "run") -> Connection:
        assert self.engine
        return RecordedConnection(self, self.engine.start(limits, image), limits, image)

    def note(self, key: str, step: Step) -> None:
        """Keep a step; of two answers the longer one, as a test may break off a conversation."""
        known = self.steps.get(key)
        if known is None or len(known.said) < len(step.said):
            self.steps[key] = step

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


class RecordedConnection:
    """A connection whose messages are noted."""

    def __init__(self, recorder: Recorder, inner: Connection, limits: Limits, image: str) -> None:
        self.recorder, self.inner, self.name = recorder, inner, inner.name
        self._limits, self._image, self._at, self._heard = limits, image, "", b""
        self._step: Step | None = None

    def send(self, data: bytes) -> None:
        ((asked,), _) = messages(data)
        before = "" if asked[0]["op"] == "run" else self._at
        if before and self._step is not None:  # it was answered, if only by silence
            self.recorder.note(self._at, self._step)
        self._at, self._heard = key_of(before or self._image, asked), b""
        self._step = Step(before=before, image=self._image, limits=self._limits, asked=asked)
        self.inner.send(data)

    def receive(self, n: int, deadline: float) -> bytes:
        data = self.inner.receive(n, deadline)
        whole, self._heard = messages(self._heard + data)
        if self._step is not None:
            self._step.said += whole
            if whole:
                self.recorder.note(self._at, self._step)
        return data

    def close(self) -> None:
        self.inner.close()

    def memory_exceeded(self) -> bool:
        return self.inner.memory_exceeded()


def conversations(steps: dict[str, Step]) -> Iterator[list[Step]]:
    """Yield the recorded conversations, each from its first message to its last."""
    for last in sorted(steps.keys() - {step.before for step in steps.values()}):
        found, key = list[Step](), last
        while key:
            found.append(steps[key])
            key = steps[key].before
        yield found[::-1]


def ask_again(engine: Engine, steps: dict[str, Step]) -> Iterator[str]:
    """Hold every recorded conversation with real boxes, and yield how one differs from what was recorded.

    What differs is asked three times: where a program is stopped half-way hangs on how busy the machine is.
    """
    boxes: dict[tuple[str, Limits], Connection] = {}

    def hear(connection: Connection) -> Message:
        deadline = time.monotonic() + 120
        return frames.read(lambda n: connection.receive(n, deadline))

    def differs(conversation: list[Step]) -> str:
        at = conversation[0].image, conversation[0].limits
        is_over = False
        if at not in boxes:
            boxes[at] = engine.start(at[1], at[0])
            hear(boxes[at])  # that it is ready
        try:
            for step in conversation:
                boxes[at].send(frames.pack(*step.asked))
                said: list[Message] = []
                while len(said) < len(step.said) and not (said and in_part(said)):
                    said.append(hear(boxes[at]))
                is_cut = in_part(said) != in_part(step.said) or broke_off(said) or broke_off(step.said)
                if is_cut and said and is_prefix(said, step.said):
                    return ""  # the same answers, cut elsewhere: what follows is about other calls
                if lasting(said, step.asked) != lasting(step.said, step.asked):
                    return f"asked {step.asked[0]} {step.asked[1][:300]!r}\nrecorded {step.said}\nsaid {said}"
                is_over = bool(said) and bool(said[-1][0].get("clean"))
        except BoxLost as error:
            return f"asked {step.asked[0]} {step.asked[1][:300]!r}\nrecorded {step.said}\nlost: {error}"
        finally:
            if not is_over:
                boxes.pop(at).close()
        return ""

    try:
        for conversation in conversations(steps):
            found = ""
            for _ in range(3):
                found = differs(conversation)
                if not found:
                    break
            if found:
                yield found
    finally:
        for connection in boxes.values():
            connection.close()
