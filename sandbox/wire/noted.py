"""What a box is told of a program that it runs with files beside it, and a note on how it ended: a text, a mark, files."""

import json
from collections.abc import Sequence

Files = Sequence["tuple[str, bytes]"]
_N = 4


def pack(source: bytes, mark: bytes, files: Files = ()) -> bytes:
    """Return it as bytes: the lengths and names of the files as JSON, then all bytes as they are."""
    about = json.dumps([len(source), len(mark), [[name, len(data)] for name, data in files]]).encode()
    return b"".join([len(about).to_bytes(_N, "big"), about, source, mark, *(data for _, data in files)])


def unpack(data: bytes) -> "tuple[bytes, bytes, list[tuple[str, bytes]]]":
    """Return (text, mark, files), as `pack` took them."""
    at = _N + int.from_bytes(data[:_N], "big")
    n_source, n_mark, named = json.loads(data[_N:at])
    parts = []
    for name, n in [("", n_source), ("", n_mark), *named]:
        parts.append((name, data[at : at + n]))
        at += n
    return parts[0][1], parts[1][1], parts[2:]
