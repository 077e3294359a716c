"""Programs that tamper with the channel of their answers, made around any solution: what the forgery suites judge."""

import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from sandbox import Box
from sandbox.wire import codec
from sandbox.wire.environment import variable
from toolkit.benchmarks.compare import matches
from toolkit.oracle import Oracle
from toolkit.oracle.base import Rules
from toolkit.records import Sample, Table, Task, Verdict

SEED = int(variable("SEED") or random.SystemRandom().randrange(1 << 30))
"""Chooses which tamperings are tried on which tasks; TOOLKIT_SEED chooses it."""
os.environ["TOOLKIT_SEED"] = str(SEED)  # of workers too
HEAD = """
import os as _os, sys as _sys
_codec = _sys._getframe(1).f_globals["codec"]
_listed = bool(_sys._getframe(1).f_locals["spec"].get("listed"))
_encode, _n, _deep = _codec.encode, [0], [0]
def _frame(body, kind=b"R"): return kind + len(body).to_bytes(4, "big") + body
def _raw(data):
    data = memoryview(data)
    while data: data = data[_os.write(4, data):]
class _Liar(bytes):
    def __len__(self): return 1
"""
WRAP = """
_inner = {entry}
def _outer(*arguments, **keywords):
    if _deep[0]:
        return _inner(*arguments, **keywords)
    _n[0], _deep[0] = _n[0] + 1, 1
    {before}
    try:
        value = _inner(*arguments, **keywords)
    except BaseException:
        _deep[0] = 0
        raise
    {after}
    _deep[0] = 0
    return value
{entry} = _outer
"""
LOOP = """
def _answer(value):
    if type(value) is not list or len(value) <= _codec.PART_ROWS:
        return _frame(_encode(value, listed=_listed))
    *pieces, last = _codec.encode_parts(value)
    return b"".join(_frame(piece, b"P") for piece in pieces) + _frame(last)
def _read(n):
    parts = b""
    while len(parts) < n:
        part = _os.read(3, n - len(parts))
        if not part: _os._exit(0)
        parts += part
    return parts
_raw(_frame(b"", b"L"))
_before = None
while True:
    _frames = []
    for _call in _codec.decode_batch(_read(int.from_bytes(_read(4), "big"))):
        try: _frames.append(_answer({entry}(*_call)))
        except Exception as error: _frames.append(_frame(f"{type(error).__name__}: {error}".encode(), b"X"))
    {change}
    _raw(b"".join(_frames))
    _before = _frames[-1]
"""
"""A program that asks and answers itself: the supervisor's reader of questions is never reached."""
BLANK = "b' ' * (1 << 16)"
"""The shortest piece that may be one; in front of a value, it changes nothing about it."""
Maker = Callable[[str, str, int], str]
"""Makes a program of a solution, the expression for its function, and the number of a call, from 1, that the tampering is about."""


def _wrapped(before: str = "pass", after: str = "pass", end: str = "") -> Maker:
    def made(solution: str, entry: str, at: int) -> str:
        text = HEAD + solution + WRAP.replace("{before}", before).replace("{after}", after).replace("{entry}", entry) + end
        return text.replace("N_AT", str(at))

    return made


def _patched(body: str, parts: str = "[_patch(value)]") -> Maker:
    end = f"def _patch(value, **more):\n    return {body}\ndef _patch_parts(value):\n    return {parts}\n"
    return _wrapped(end=f"\n_parts = _codec.encode_parts\n{end}_codec.encode, _codec.encode_parts = _patch, _patch_parts\n")


def _at_load(statement: str) -> Maker:
    return lambda solution, _, at: f"{HEAD}{solution}\n{statement}\n".replace("N_AT", str(at))


def _answers(change: str = "pass") -> Maker:
    return lambda solution, entry, _: HEAD + solution + LOOP.replace("{entry}", entry.replace(".", "().")).replace("{change}", change)


UNTOUCHED: dict[str, Maker] = {
    "untouched": _wrapped(),
    "encoded by itself": _patched("bytes(_encode(value, **more))", "map(bytes, _parts(value))"),
    "answered by itself": _answers(),
}
"""Nothing is forged here: what the solution answers is what counts."""
SPACED: dict[str, Maker] = {
    "a piece in front": _wrapped(after=f"_n[0] == N_AT and _raw(_frame({BLANK}, b'P'))"),
    "an answer in pieces more": _wrapped(after=f"_n[0] == N_AT and _raw(_frame({BLANK}, b'P') + _frame(_encode(value)))"),
    "a piece in front of all": _wrapped(after=f"_raw(_frame({BLANK}, b'P'))"),
}
"""The same values in other bytes, or one of them twice: right or, where bytes are all that is known or there are too many, wrong."""
CHANGES = {
    "swapped frames": "_frames[:2] = _frames[1::-1]",
    "the last frames swapped": "_frames[-2:] = _frames[:-3:-1]",
    "frames in reverse": "_frames.reverse()",
    "the first frame for all": "_frames = _frames[:1] * len(_frames)",
    "the frame before": "_frames = [_before or _frames[0], *_frames][:len(_frames)]",
}
SWAPPED = {name: _answers(change) for name, change in CHANGES.items()}
"""A solution's own answers, each for another question: right only where the values are the same."""
FORGED: dict[str, Maker] = {
    "a frame more": _wrapped(after="_n[0] == 1 and _raw(_frame(_encode(value)))"),
    "a frame more there": _wrapped(after='_n[0] == N_AT and _raw(_frame(_encode("\\0 forged")))'),
    "a frame more, in one write": _answers("_frames.append(_frames[-1])"),
    "a frame less": _wrapped(before="_n[0] == N_AT and _os._exit(0)"),
    "a frame less, in one write": _answers("_raw(b''.join(_frames[1:])); _os._exit(0)"),
    "two frames in one write": _patched('_Liar(b"1" + _frame(_encode(value))) if _n[0] == 1 else _encode(value)'),
    "two frames in one write there": _patched('_Liar(b"1" + _frame(_encode(value))) if _n[0] == N_AT else _encode(value)'),
    "another kind": _wrapped(after='_n[0] == 1 and _raw(_frame(b"[]", b"Q"))'),
    "another kind there": _wrapped(after='_n[0] == N_AT and _raw(_frame(b"", b"D"))'),
    "another kind instead": _wrapped(after='_n[0] == N_AT and (_raw(_frame(b"", b"D")), _os._exit(0))'),
    "an unknown kind": _wrapped(after='_n[0] == 1 and _raw(_frame(b"1", b"?"))'),
    "a giant length": _wrapped(before='_raw(b"R" + bytes([255] * 4) + b"1" * 99); _os._exit(0)'),
    "a giant length there": _wrapped(before='_n[0] == N_AT and (_raw(b"R" + bytes([255] * 4) + b"1" * 99), _os._exit(0))'),
    "empty pieces": _wrapped(after='_n[0] == 1 and _raw(_frame(b"", b"P") * 5000)'),
    "empty pieces without end": _wrapped(before='\n    while _n[0] == N_AT: _raw(_frame(b"", b"P") * 5000)'),
    "short pieces": _wrapped(after='_raw(_frame(b"[", b"P"))'),
    "pieces without end": _wrapped(before=f"_piece = _frame({BLANK}, b'P') * 16\n    while _n[0] == N_AT: _raw(_piece)"),
    "pieces and no more": _wrapped(before=f"_n[0] == N_AT and (_raw(_frame({BLANK}, b'P') * 9), _os._exit(0))"),
    "a piece of another kind": _wrapped(after=f"_n[0] == N_AT and (_raw(_frame({BLANK}, b'P') + _frame(b'', b'L')))"),
    "answers ahead of questions": _at_load('_raw(_frame(b"", b"L") + _frame(b"1") * N_AT)'),
    "right answers ahead": _wrapped(after="_n[0] == 1 and _raw(_frame(_encode(value)) * N_AT)"),
    "a second loading": _at_load('_raw(_frame(b"", b"L"))'),
    "bytes of a frame behind it": _patched('_Liar(_encode(value) + b"R\\0") if _n[0] == N_AT else _encode(value)'),
    "a length that is too small": _patched('_Liar(_encode(value) + b" ")'),
    "an end in the middle": _wrapped(before='_n[0] == N_AT and (_raw(b"R\\0\\0\\0\\x09[1"), _os._exit(0))'),
}
"""None of these may pass, whatever the solution is, as long as it makes the call that the tampering is about."""
DOUBLED = ("a frame more", "a frame more, in one write", "right answers ahead")
"""These say a right answer twice. What comes after the last question may be cut off unread, so that all values are right."""
LOOPED = ("answered by itself", "a frame more, in one write", "a frame less, in one write", *SWAPPED)
"""These end while they are loaded: what stands behind a program is never reached."""
SLOW = ("pieces without end",)
"""These last as long as a program may."""
ALL = UNTOUCHED | SPACED | SWAPPED | FORGED


NO_ANSWER = "\0 no answer"


def wrong(entry: str) -> str:
    """Return a solution that is wrong everywhere; `entry` is a function, or a method of a class."""
    kind, _, name = entry.rpartition(".")
    return f"class {kind}:\n    def {name}(*_): return {NO_ANSWER!r}\n" if kind else f"def {name}(*_):\n    return {NO_ANSWER!r}\n"


def nearly(solution: str, entry: str, at: int) -> str:
    """Return a solution that is right but for one call."""
    text = "_n, _deep = [0], [0]\n" + solution + WRAP.replace("{before}", "pass").replace("{entry}", entry)
    text = text.replace("{after}", f"value = {NO_ANSWER!r} if _n[0] == {at} else value")
    for name in ("_n[", "_n,", "_deep", "_inner", "_outer"):  # it is wrapped once more
        text = text.replace(name, "_near" + name)
    return text


KINDS = ("right", "wrong", "nearly")
"""Solutions: right, wrong in each call, wrong in one call."""


@dataclass(frozen=True)
class Tampered:
    """A program, what was done to which solution, and whether it must pass; None if it may."""

    task_id: str
    about: str
    source: str
    passes: bool | None


def tampered(task: Task, entry: str, names: Iterable[str], at: int, *, kinds: Iterable[str] = KINDS, is_same: bool = False, swapped: Mapping[str, bool | None] = {}) -> Iterator[Tampered]:
    """Give programs for a task whose function is `entry`, with tamperings about one of its calls, of solutions of some kinds.

    With `is_same`, each answer is also right for the call after it, or there is only one, or it is too long for one write.
    `swapped` says where the right answers are right in another order.
    """
    right = task.prompt + task.canonical_solution
    solutions = {"right": right, "wrong": wrong(entry), "nearly": nearly(right, entry, at)}
    for name, kind in product(names, kinds):
        if kind == "right":
            passes = None if name in SPACED else swapped.get(name) if name in SWAPPED else name in UNTOUCHED
        elif name in SLOW or (kind == "nearly" and name in SWAPPED):
            continue
        else:
            passes = False
        if is_same and name in DOUBLED and kind != "wrong":
            passes = None
        yield Tampered(task.task_id, f"{name} (call {at}), {kind}", ALL[name](solutions[kind], entry, at), passes)


def is_right(rules: Rules, task: Task, box: Box, name: str) -> bool:
    """Say what plain comparison says of the right answers of a table in another order; what nobody kept differs."""
    known, calls, before = rules.answers.of(task, box), task.tests_as(Table).calls, b""
    for chunk in known.chunks:
        frames = known.frames(chunk) if chunk.n_bytes else [(b"R", b'"%d is not known"' % (chunk.first + at)) for at in range(chunk.n_calls)]
        scope: dict[str, Any] = {"_frames": [body for _, body in frames], "_before": before}
        exec(CHANGES[name], {}, scope)
        asked = calls[chunk.first : chunk.first + chunk.n_calls]
        answers: list[bytes] = scope["_frames"]
        if not all(got == body or matches(rules.benchmark, task, call, body, got) for call, (_, body), got in zip(asked, frames, answers, strict=True)):
            return False
        before = answers[-1]
    return True


def wrongs(rules: Rules, task: Task, box: Box, at: int) -> list[str]:
    """Say which of the wrong solutions are wrong by plain comparison: a rule may take anything but None for True."""
    known, calls, got = rules.answers.of(task, box), task.tests_as(Table).calls, bytes(codec.encode(NO_ANSWER))
    is_taken: list[bool] = []
    for chunk in known.chunks:
        asked = calls[chunk.first : chunk.first + chunk.n_calls]
        frames = known.frames(chunk) if chunk.n_bytes else [(b"R", b"null")] * chunk.n_calls  # what nobody kept differs
        is_taken += [matches(rules.benchmark, task, call, body, got) for call, (_, body) in zip(asked, frames, strict=True)]
    return [kind for kind, taken in (("wrong", all(is_taken)), ("nearly", is_taken[at - 1])) if not taken]


def surprises(oracle: Oracle, programs: Iterable[Tampered]) -> list[str]:
    """Judge programs; say which of them got no verdict, or another than they must have."""
    all_programs = list(programs)
    samples = [Sample(task_id=one.task_id, sample_id=number, solution=one.source) for number, one in enumerate(all_programs)]
    found, n_judged = [], 0
    for sample, result, _ in oracle.judge_many(samples):
        one = all_programs[sample.sample_id]
        has_plus = oracle.rules.has_plus(oracle.tasks[one.task_id])
        is_whole = result.verdict is not None and result.base is not None and (result.plus is not None) == has_plus
        n_judged += 1
        if not is_whole or (one.passes is not None and (result.verdict is Verdict.PASSED) != one.passes):
            found.append(f"TOOLKIT_SEED={SEED}: {one.task_id}: {one.about}: {result}")
    assert n_judged == len(samples)
    assert not oracle.defects, oracle.defects[0]
    return found
