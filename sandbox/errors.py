"""Our own failures, as exceptions. What a program does wrong is a value (see `execution.py`), never one of these."""


class SandboxError(Exception):
    """Something of ours failed; nothing can be said about the program that was being run."""


class EngineUnavailable(SandboxError):
    """No Docker-API engine answers, or it refuses what a box needs."""


class ImageMissing(SandboxError):
    """The image of a box is not there; `toolkit images build` makes it."""


class BoxLost(SandboxError):
    """A box went away, or broke the protocol, while a program was in it."""


class BoxNotStarted(BoxLost):
    """No box came up: no program was in it yet, so it says nothing of any."""


class BoxOutOfMemory(BoxLost):
    """The kernel ended the whole box for its memory: the program's doing."""


class BoxDestroyed(SandboxError):
    """The program's doing: alone in a box, it ended the box twice, and a known program ran in a fresh one in between."""


class Starved(SandboxError):
    """The machine is too busy: the program got no processor for most of its time."""
