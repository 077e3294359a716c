"""A progress bar on standard error."""

from typing import Any


class ProgressBar:
    """A progress bar on standard error; nothing if that is not a terminal."""

    def __init__(self, console: Any, *, quiet: bool = False) -> None:
        self.console, self.quiet = console, quiet or not console.is_terminal
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Any:
        if not self.quiet:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=self.console,
                transient=True,
            )
            self.bar.start()
        return self.advance

    def advance(self, what: str, done: int, total: int, rate: str = "") -> None:
        """Show that `done` of `total` are done."""
        if self.bar is None:
            return
        if self.task is None or what != self.bar.tasks[-1].description:  # each label has an estimate of its own
            if self.task is not None:
                self.bar.remove_task(self.task)
            self.task = self.bar.add_task(what, total=total, rate="")
        shown = self.bar.tasks[-1]
        rate = rate or (f"{shown.speed:.1f}/s" if shown.speed else "")
        self.bar.update(self.task, description=what, completed=done, total=total, rate=rate)

    def __exit__(self, *_exc: object) -> None:
        if self.bar is not None:
            self.bar.stop()
