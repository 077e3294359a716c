"""Programs that tamper with the channel of their answers, made around any solution: what the forgery suites judge."""

from collections.abc import Callable

HEAD = """
import os as _os, sys as _sys
_codec = _sys._getframe(1).f_globals["codec"]
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
def {entry}(*arguments, **keywords):
    if _deep[0]:
        return _inner(*arguments, **keywords)
    _n[0], _deep[0] = _n[0] + 1, 1
    {before}
    value = _inner(*arguments, **keywords)
    {after}
    _deep[0] = 0
    return value
"""


def _wrapped(before: str = "pass", after: str = "pass") -> Callable[[str, str, int], str]:
    def made(solution: str, entry: str, n_calls: int) -> str:
        lines = {"before": before, "after": after}
        return HEAD + solution + WRAP.format(entry=entry, **{k: v.replace("N_CALLS", str(n_calls)) for k, v in lines.items()})

    return made


def _patched(body: str) -> Callable[[str, str, int], str]:
    def made(solution: str, entry: str, n_calls: int) -> str:
        encoder = f"\ndef _patch(value, **more):\n    return {body}\n_codec.encode = _patch\n"
        return _wrapped()(solution, entry, n_calls) + encoder.replace("N_CALLS", str(n_calls))

    return made


def _at_load(statement: str) -> Callable[[str, str, int], str]:
    def made(solution: str, entry: str, n_calls: int) -> str:
        return HEAD + solution + "\n" + statement.replace("N_CALLS", str(n_calls)) + "\n"

    return made


UNTOUCHED = {
    "untouched": _wrapped(),
    "encoded by itself": _patched("bytes(_encode(value, **more))"),
}
"""Nothing is forged here: what the solution answers is what counts."""
FORGED = {
    "a frame more": _wrapped(after='_raw(_frame(_encode(value))) if _n[0] == 1 else None'),
    "a frame more at the end": _wrapped(after='_raw(_frame(b"1")) if _n[0] == N_CALLS else None'),
    "a frame less": _wrapped(before='_n[0] == N_CALLS and _os._exit(0)'),
    "two frames in one write": _patched('_Liar(b"1" + _frame(_encode(value))) if _n[0] == 1 else _encode(value)'),
    "two frames in the last write": _patched('_Liar(b"1" + _frame(_encode(value))) if _n[0] == N_CALLS else _encode(value)'),
    "another kind": _wrapped(after='_raw(_frame(b"[]", b"Q")) if _n[0] == 1 else None'),
    "an unknown kind": _wrapped(after='_raw(_frame(b"1", b"?")) if _n[0] == 1 else None'),
    "a giant length": _wrapped(before='_raw(b"R" + bytes([255] * 4) + b"1" * 99); _os._exit(0)'),
    "empty pieces": _wrapped(after='_raw(_frame(b"", b"P") * 5000)'),
    "short pieces": _wrapped(after='_raw(_frame(b"[", b"P"))'),
    "answers ahead of questions": _at_load('_raw(_frame(b"", b"L") + _frame(b"1") * N_CALLS)'),
    "a second loading": _at_load('_raw(_frame(b"", b"L"))'),
    "bytes of a frame behind the last": _patched('_Liar(_encode(value) + b"R\\0") if _n[0] == N_CALLS else _encode(value)'),
    "a length that is too small": _patched('_Liar(_encode(value) + b" ")'),
    "an end in the middle": _wrapped(before='_n[0] == 2 and _raw(b"R\\0\\0\\0\\x09[1") ; _n[0] == 2 and _os._exit(0)'),
}
"""None of these may pass, whatever the solution is. (One call can be told from two only where there are two.)"""
