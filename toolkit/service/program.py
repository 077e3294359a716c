"""One program of `/run_code`: as `python FILE` would run it, with files beside it, and a note on how it ended.

The box (`images/box/script.py`) says on standard error, by a word drawn anew each time, that the program has come to its
end. The program could find that word and write it itself: nothing here is a proof, as a verdict by exit code can be none
(`docs/serve.md`).
"""

import base64
import binascii
import contextlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from sandbox import Box, BoxOutOfMemory, Execution, Limits, Status
from sandbox.box import out_of_memory
from sandbox.execution import KEPT_BYTES
from sandbox.wire import codec, noted

OUTPUT_BYTES = 16 << 20
"""What a program may print before it is ended; of each stream the first MiB is kept."""
EARLY = 120
"""Exit code, with `strict_exit`, of a program that ended itself with 0 before its last statement."""


class BadFiles(ValueError):
    """A file that is given or wanted is not within the program's own folder, or is not base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What became of a program.

    Attributes:
        execution: the facts.
        exit_code: None if it did not end by itself.
        stdout, stderr: what was kept.
        early_exit: whether it ended itself with 0 before its last statement; None if that cannot be said.
        files: base64 of the files that were wanted and are there.
    """

    execution: Execution
    exit_code: int | None
    stdout: str
    stderr: str
    early_exit: bool | None
    files: dict[str, str]


def checked(files: dict[str, str | None], wanted: list[str], most: int) -> list[tuple[str, bytes]]:
    """Return the files that a program is given, `most` bytes at most. Raises `BadFiles`."""
    found, size = [], 0
    for name in [*files, *wanted]:
        path = PurePosixPath(name)
        if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name or len(name) > 1000:
            raise BadFiles(f"{name[:100]!r} is no path within the program's own folder")
        if name in files and (text := files[name]) is not None:
            try:
                name.encode()
                data = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                raise BadFiles(f"{name[:100]!r}: its content is not base64") from None
            size += len(data)
            found.append((str(path), data))
    if size > most:
        raise BadFiles(f"the files have {size} bytes, and a program's folder holds {most}")
    return found


def run(
    box: Box, code: str, *, limits: Limits, stdin: str = "", files: Sequence[tuple[str, bytes]] = (), wanted: list[str]
) -> Ran:
    """Run a program in a box, within `limits`, which should allow `OUTPUT_BYTES`. Raises as `Box.run`."""
    mark = f"\0{secrets.token_hex(16)}\0"
    told = noted.pack(code.encode("utf-8", "surrogatepass"), mark.encode(), files)
    given = stdin.encode("utf-8", "surrogatepass")
    if not wanted:
        execution = box.run(told, stdin=given, limits=limits, noted=True)
        return _ran(execution, execution.exit_code, mark, {})
    frames: list[tuple[bytes, bytes]] = []
    try:
        with box.calls(told, "", limits=limits, stdin=given, noted=True) as session:
            batch = session.batch(codec.encode_batch([[wanted]]), 1, last=True)
            with contextlib.suppress(codec.CodecError):
                frames = session.frames(batch)
            execution = session.end()
    except BoxOutOfMemory:
        return _ran(out_of_memory(limits), None, mark, {})
    said = _said(frames[0][1], wanted) if frames and frames[0][0] == codec.RETURNED else None
    if said is None:
        return _ran(execution, execution.exit_code, mark, {})
    return _ran(replace(execution, status=Status.EXITED), said[0], mark, said[1])


def _said(body: bytes, wanted: list[str]) -> tuple[int, dict[str, str]] | None:
    """Return exit code and files, as the box returns them; None for anything else, which the program wrote in its place."""
    n_parts = len(json.dumps(wanted)) + 4 * len(wanted) + 8
    try:
        if sum(map(body.count, (b"[", b"{", b","))) > n_parts:
            return None
        code, files = codec.decode(body)
        is_ours = type(code) is int and 0 <= code < 256 and files.keys() <= set(wanted)
        for text in files.values():
            is_ours = is_ours and type(text) is str and base64.b64decode(text, validate=True) is not None
    except (ValueError, TypeError, AttributeError):
        return None
    return (code, files) if is_ours else None


def _ran(execution: Execution, exit_code: int | None, mark: str, files: dict[str, str]) -> Ran:
    head, is_there, tail = execution.stderr.partition(mark)
    early: bool | None = None
    if execution.status is not Status.EXITED or exit_code:
        early = False
    elif is_there or len(execution.stderr.encode("utf-8", "replace")) < KEPT_BYTES - len(mark):
        early = not is_there
    return Ran(
        execution=execution, exit_code=exit_code, stdout=execution.stdout, stderr=head + tail, early_exit=early, files=files
    )
