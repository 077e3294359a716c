"""Messages between the host and a box's supervisor: a small JSON header and a payload of bytes.

On the wire: 4 bytes header length, 4 bytes payload length (big-endian), header, payload. Both lengths are checked
before anything is allocated, so a broken or hostile peer costs at most MAX_HEADER + MAX_PAYLOAD bytes.
"""

import json
from collections.abc import Callable
from typing import Any

MAX_HEADER = 1 << 16
MAX_PAYLOAD = 96 << 20


def longest_s(charged_s: float, call_s: float) -> float:
    """Return the most seconds that a program may be in a box, on a machine so busy that most of them are not charged."""
    return 3 * charged_s + 10 * call_s + 10


class ProtocolError(ValueError):
    """The peer's bytes are not a message."""


def pack(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """Return one message as bytes.

    Raises:
        ProtocolError: header or payload is over its bound.
    """
    head = json.dumps(header, separators=(",", ":")).encode("ascii")
    if len(head) > MAX_HEADER or len(payload) > MAX_PAYLOAD:
        raise ProtocolError(f"message too large: header {len(head)} bytes, payload {len(payload)} bytes")
    return len(head).to_bytes(4, "big") + len(payload).to_bytes(4, "big") + head + payload


def read(receive: Callable[[int], bytes]) -> tuple[dict[str, Any], bytes]:
    """Read one message; `receive(n)` returns exactly n bytes or raises.

    Raises:
        ProtocolError: the lengths are over their bounds, or the header is not a JSON object with a string `op`.
    """
    lengths = receive(8)
    n_head, n_payload = int.from_bytes(lengths[:4], "big"), int.from_bytes(lengths[4:], "big")
    if not 2 <= n_head <= MAX_HEADER or n_payload > MAX_PAYLOAD:
        raise ProtocolError(f"impossible lengths: header {n_head}, payload {n_payload}")
    try:
        header = json.loads(receive(n_head))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"header is not JSON: {str(error)[:80]}") from None
    if type(header) is not dict or type(header.get("op")) is not str:
        raise ProtocolError("header is not an object with an 'op'")
    return header, receive(n_payload) if n_payload else b""
