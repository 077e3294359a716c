"""What a request ends with instead of an answer: a status of HTTP, and one line."""

from typing import Any


class Failed(Exception):
    """A request that gets no answer.

    Args:
        status: of HTTP.
        detail: what clients see: a line, or what pydantic says of a body.
        headers: beside it.
        began: whether a program may have begun all the same.
    """

    def __init__(self, status: int, detail: Any, headers: dict[str, str] | None = None, *, began: bool = False) -> None:
        super().__init__(str(detail))
        self.status, self.detail, self.headers, self.began = status, detail, headers or {}, began


class Unanswered(Failed):
    """Nothing can be said about the program, and it is not to blame: 504, which clients of every kind try again.

    Args:
        why: one word, for the counter `exogate_unscored_total`: busy, late, box, canary, defect, key, gone or shared.
    """

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(504, detail, began=why not in ("busy", "canary"))
        self.why = why
