"""A test in one box calls a program in another: the host carries calls and values, and reports how it ended."""

import math
import re
from dataclasses import dataclass

from sandbox.box import Session
from sandbox.execution import Execution, Status
from sandbox.wire import codec

MANY = "TooManyCalls"
"""Name of what a test is taken to have raised that asks for more calls than it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a conversation ended: facts, not a judgement.

    Attributes:
        by_test: whether the test ended it; else the program did.
        n_calls: calls that the test asked for, including one without an answer.
        n_answered: calls that the program answered: with a value, or with an exception that the test was to see.
        call: the last call (`codec.encode_batch`), empty if there was none.
        answer: the last value that the program answered with, encoded, empty if there was none.
        loaded: whether the program was loaded when last heard of.
        kind, body: the frame that ended it: ENDED or RAISED from a test, anything but RETURNED from a program. Without
            one, `kind` is empty: the process ended (`execution`), or wrote something else (`body` says what).
        execution: facts of a process that ended without a frame, else None.
    """

    by_test: bool
    n_calls: int
    n_answered: int
    call: bytes
    answer: bytes
    loaded: bool
    kind: bytes = b""
    body: bytes = b""
    execution: Execution | None = None


def converse(
    program: Session, test: Session, *, raises: bool = False, call_s: float | None = None, most: float = math.inf
) -> Ending:
    """Carry calls from the test to the program and values back, as bytes, until either has ended.

    A call may take `call_s`. A test that asks for more than `most` is taken to have raised `MANY`: what the host does
    for a call is charged to nobody. With `raises`, carry exceptions back too; if the test ends with one of the
    program's, the program ended it.

    Raises:
        BoxLost: a box went away.
        codec.CodecError: the test wrote something that is not a frame.
    """
    asked = test.next()
    n_calls = n_answered = 0
    call, answer, loaded, raised = b"", b"", False, b""
    while True:
        frames = test.frames(asked)
        kind, body = frames[0] if frames else (b"", b"")
        if kind != codec.ASKED:
            end = None if kind else test.end()
            is_theirs = bool(raised) and kind == codec.RAISED and body.endswith(raised)
            return Ending(
                by_test=not is_theirs, n_calls=n_calls, n_answered=n_answered, call=call, answer=answer, loaded=loaded,
                kind=kind, body=body, execution=end,
            )  # fmt: skip
        if n_calls >= most:
            return Ending(
                by_test=True, n_calls=n_calls, n_answered=n_answered, call=call, answer=answer, loaded=loaded,
                kind=codec.RAISED, body=f"{MANY}: the test asks for more than {most:,} calls".encode(),
            )  # fmt: skip
        n_calls, call = n_calls + 1, body
        batch = program.batch(call, 1, call_s=call_s)
        loaded, end = batch.loaded, None
        try:
            frames = program.frames(batch)
            kind, body = frames[0] if frames else (b"", b"")
            end = None if frames else program.end()
        except codec.CodecError as error:
            kind, body = b"", str(error).encode()
        if program.execution is not None and program.execution.status is Status.VIOLATED:
            kind, end = b"", program.execution
        raised = body if raises and loaded and kind == codec.RAISED else b""
        if kind != codec.RETURNED and not raised:
            return Ending(
                by_test=False, n_calls=n_calls, n_answered=n_answered, call=call, answer=answer, loaded=loaded,
                kind=kind, body=body, execution=end,
            )  # fmt: skip
        n_answered, answer = n_answered + 1, body
        asked = test.batch(kind + body, 1)


def text_of(body: bytes) -> str:
    """Return the text of a frame without what differs from run to run: addresses, and the program's directory.

    Only the first 1,000 bytes are read; no honest frame has more.
    """
    text = re.sub(r"0x[0-9a-fA-F]{6,}", "0x...", body[:1000].decode("utf-8", "replace"))
    return re.sub(r"/tmp/\d+/", "", text)
