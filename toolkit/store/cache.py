"""The cache between runs: its folder, and verdicts by the hash of everything they depend on."""

import json
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any


def directory() -> Path:
    """Return the cache folder: `TOOLKIT_CACHE`, else `exogate` in the user's cache folder."""
    own = os.environ.get("TOOLKIT_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "exogate"


class VerdictCache:
    """Verdicts by the hash of everything they depend on. Safe to use from several threads and processes.

    A cache that cannot be read or written counts as empty and never stops a run.
    """

    def __init__(self, folder: Path | None = None) -> None:
        path = (folder or directory()) / "verdicts.sqlite"
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, check_same_thread=False, timeout=10, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=OFF")
            self._database.execute("CREATE TABLE IF NOT EXISTS verdicts (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        except (sqlite3.Error, OSError):
            self._database = None

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what was stored under `key`, or None."""
        if self._database is None:
            return None
        try:
            with self._lock:
                row = self._database.execute("SELECT value FROM verdicts WHERE key = ?", (key,)).fetchone()
            return dict(json.loads(row[0])) if row else None
        except (sqlite3.Error, ValueError, TypeError, RecursionError):  # what lies there may be damaged
            return None

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Store `value` under `key`."""
        if self._database is not None:
            try:
                with self._lock:
                    self._database.execute("INSERT OR REPLACE INTO verdicts VALUES (?, ?)", (key, json.dumps(value)))
            except sqlite3.Error:
                pass

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None
