"""Our own errors, of two kinds; docs/errors.md lists them all. A program's misbehaviour is a value (`execution.py`)."""


class UsageError(Exception):
    """What was asked for cannot be done as asked; the message says what to change. Exit code 2."""


class InfrastructureError(Exception):
    """Something of ours failed, which says nothing about any program. Exit code 3."""


class BadValue(UsageError, ValueError):
    """An argument is out of range, or names something that does not exist."""


class SandboxError(InfrastructureError):
    """A box or its engine failed: nothing can be said about the program."""


class EngineUnavailable(SandboxError):
    """No engine answers, or it refuses what a box needs."""


class ImageMissing(SandboxError):
    """The image of a box is not there; `toolkit images build` makes it."""


class BoxLost(SandboxError):
    """A box went away, or broke the protocol, while a program was in it."""


class BoxNotStarted(BoxLost):
    """No box came up: no program was in it, so this says nothing about any."""


class BoxOutOfMemory(BoxLost):
    """The kernel ended the whole box for its memory, which is the program's doing."""


class BoxDestroyed(SandboxError):
    """The program, alone in a box, ended it twice, while a known program ran in a fresh box in between."""


class Stopped(SandboxError):
    """The caller no longer wants the work."""


class Starved(SandboxError):
    """The machine is too busy: the program got no processor for most of its time."""
