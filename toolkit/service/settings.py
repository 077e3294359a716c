"""What `toolkit serve` is told, and the keys that clients show."""

import hashlib
import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.errors import UsageError

KEY_VARIABLE = "TOOLKIT_SERVE_KEY"
"""Environment variable with one key, beside those of a file."""
MIN_KEY = 8
"""Characters of a key, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Whose a request is, and what one of these may ask for.

    Attributes:
        name: stands for the key in logs and queues.
        in_flight: programs that wait or run at a time; None is no bound.
        per_minute: programs in any minute; None is no bound.
    """

    name: str
    in_flight: int | None = None
    per_minute: int | None = None


NOBODY = Key(name="")
"""Where no keys are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """See `toolkit serve --help`.

    Attributes:
        boxes: programs that run at a time, here.
        ray: address of a Ray cluster whose nodes run them instead; with `boxes_a_node` at a time each, None being as many as
            processors.
        keys: by the SHA-256 of each key; empty asks for none.
        benchmarks: those that may be named; None is all whose data is here.
        timeout_s: limit of a benchmark's call or program, unless a request says another one.
        client_s: seconds that a client of `/judge` waits for its answer, unless it says so (`?wait=`).
        drain_s: seconds that requests under way may take once the server has been told to end.
        allow_shared: see `toolkit.records.label`.
        header_s, body_s: seconds in which a request's head, and its body, have to be there; the second also for a client
            that reads nothing of its answer.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    boxes: int = 2
    memory_bytes: int = 4 << 30
    keys: dict[str, Key] = field(default_factory=dict)
    max_wait_s: float = 20.0
    strict_exit: bool = False
    benchmarks: tuple[str, ...] | None = None
    timeout_s: float = 5.0
    max_body_bytes: int = 64 << 20
    max_held_bytes: int = 512 << 20
    client_s: float = 120.0
    drain_s: float = 60.0
    header_s: float = 10.0
    body_s: float = 30.0
    use_cache: bool = True
    allow_shared: bool = False
    log_programs: bool = False
    runtime: str | None = None
    ray: str | None = None
    boxes_a_node: int | None = None


def check(settings: Settings) -> None:
    """Raise `UsageError` if a number is out of range, or the address is open to others and no key is asked for."""
    if settings.boxes < 1:
        raise UsageError(f"--boxes must be at least 1, not {settings.boxes}")
    if settings.ray and settings.runtime:
        raise UsageError("--runtime is for boxes here: with --ray each node's engine decides (TOOLKIT_ENGINE there)")
    if not 0 <= settings.port < 65536:
        raise UsageError(f"--port wants a number from 0 to 65535, not {settings.port}")
    seconds_of = (("--max-wait", settings.max_wait_s, 3600.0), ("--timeout", settings.timeout_s, settings.client_s - 1))
    for flag, seconds, most in seconds_of:
        if not 0 < seconds < most:
            raise UsageError(f"{flag} wants seconds above 0 and below {most:g}, not {seconds}")
    if settings.memory_bytes < 64 << 20:
        raise UsageError("--memory wants at least 64 MiB, which a Python interpreter needs to start")
    if settings.max_body_bytes < 1 << 10:
        raise UsageError("--max-body wants at least 1 MiB")
    if not settings.keys and not _is_loopback(settings.host):
        raise UsageError(
            f"--host {settings.host} can be reached by others, and no key is asked for: whoever reaches it could run "
            f"programs here. Name a file of keys with --key-file, or a key with {KEY_VARIABLE}."
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def hashed(key: str) -> str:
    """Return the SHA-256 of a key: keys are looked up by it, so how long that takes tells nothing of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def read_keys(path: Path | None) -> dict[str, Key]:
    """Read keys: of each line the key, and at will `name=`, `in_flight=` and `per_minute=`; `#` begins a comment.

    The environment's key is added. Raises `UsageError` with the line, never with a key.
    """
    found: dict[str, Key] = {}
    if path is not None:
        try:
            lines = path.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--key-file {path}: {getattr(error, 'strerror', None) or 'is no text'}") from None
        for number, line in enumerate(lines, 1):
            words = line.partition("#")[0].split()
            if words:
                _add(found, words[0], _named(words[1:], number, path), f"{path}:{number}")
        if not found:
            raise UsageError(f"--key-file {path}: there is no key in it")
    if own := os.environ.get(KEY_VARIABLE):
        _add(found, own, Key(name="environment"), KEY_VARIABLE)
    return found


def _add(found: dict[str, Key], key: str, about: Key, where: str) -> None:
    if len(key) < MIN_KEY or not key.isascii() or set("/?#%") & set(key):
        raise UsageError(f"{where}: a key has {MIN_KEY} characters or more, of ASCII, and none of / ? # %")
    if any(about.name == other.name for other in found.values()):
        raise UsageError(f"{where}: the name {about.name!r} is taken")
    if hashed(key) in found:
        raise UsageError(f"{where}: this key is listed twice")
    found[hashed(key)] = about


def _named(words: list[str], number: int, path: Path) -> Key:
    given = dict(word.partition("=")[::2] for word in words)
    name = given.pop("name", f"key-{number}")
    limits: dict[str, int] = {}
    for word, value in given.items():
        if word not in ("in_flight", "per_minute") or not value.isdecimal() or int(value) < 1:
            raise UsageError(f"{path}:{number}: after a key come name=TEXT, in_flight=N and per_minute=N, not {word[:20]!r}")
        limits[word] = int(value)
    return Key(name=name, **limits)
