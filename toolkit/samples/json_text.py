"""The text of a JSON file, read as it is needed: no more of it is held than the value at hand."""

import codecs
import io
import json
import re
from typing import Any

MAX_ITEM = 64 << 20
"""Characters of a value."""
_READ = 1 << 20
_SPACE = re.compile(r"[ \t\n\r]*")
_decode = json.JSONDecoder().raw_decode


class JsonText:
    """The text of a file, a byte order mark left out, from the place that has been reached.

    All methods raise what reading raises, and UnicodeDecodeError, whose `start` counts from the file's beginning.
    """

    def __init__(self, opened: io.BufferedReader) -> None:
        self._opened, self._decoder = opened, codecs.getincrementaldecoder("utf-8-sig")()
        self._text, self._at = "", 0
        self._n_bytes, self._line, self._column = 0, 1, 0

    def _more(self) -> bool:
        """Forget what is behind, and read as much again as is left; return False at the end."""
        gone = self._text[: self._at]
        self._column = len(gone) - gone.rfind("\n") - 1 + (0 if "\n" in gone else self._column)
        self._line += gone.count("\n")
        data = self._opened.read(max(len(self._text) - self._at, _READ))
        n_before = self._n_bytes - len(self._decoder.getstate()[0])
        try:
            self._text, self._at = self._text[self._at :] + self._decoder.decode(data, not data), 0
        except UnicodeDecodeError as error:
            error.start += n_before
            raise
        self._n_bytes += len(data)
        return bool(data)

    def next(self) -> str:
        """Go past white space, and return the character that is there; nothing at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def past(self) -> str:
        """Go past a character, and return the `next`."""
        self._at += 1
        return self.next()

    def value(self) -> tuple[Any, int]:
        """Go past a value; return it, and its length in characters. Raises ValueError or RecursionError if there is none."""
        is_all = False
        while True:
            try:
                value, end = _decode(self._text, self._at)
                if end < len(self._text) or is_all:
                    n_chars, self._at = end - self._at, end
                    return value, n_chars
            except json.JSONDecodeError as error:
                if is_all:
                    raise self.wrong(error.msg, error.pos) from None
            if len(self._text) - self._at > MAX_ITEM:
                raise ValueError(f"an item of more than {MAX_ITEM:,} characters")
            is_all = not self._more()  # it may go on there

    def wrong(self, what: str, at: int | None = None) -> ValueError:
        """Return the error that says what is wrong, and where: at the place that has been reached, or at another."""
        at = self._at if at is None else at
        line, newline = self._line + self._text.count("\n", 0, at), self._text.rfind("\n", 0, at)
        return ValueError(f"{what} at line {line} column {at - newline + (self._column if newline < 0 else 0)}")
