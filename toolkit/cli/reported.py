"""How every command ends: exit codes and messages for whatever it raises. docs/errors.md explains them."""

import contextlib
import os
import select
import sys
import traceback
from collections.abc import Iterator

import typer

from toolkit.cli.options import DEFECT, fail
from toolkit.errors import InfrastructureError, UsageError, room


@contextlib.contextmanager
def reported(interrupted: str = "") -> Iterator[None]:
    """Turn what a command raises into its exit code and one message; a defect also shows its traceback.

    Args:
        interrupted: what Ctrl-C says: how to go on, or what is left. A command that has nothing to say leaves it to the
            one around all commands.
    """
    try:
        with room():
            yield
            sys.stdout.flush()
    except (typer.Exit, typer.Abort):
        raise
    except UsageError as error:
        fail(str(error), 2)
    except InfrastructureError as error:
        fail(str(error), 3)
    except KeyboardInterrupt:
        if interrupted:
            print(interrupted, file=sys.stderr)
        raise typer.Exit(130) from None
    except Exception as error:
        if hasattr(error, "exit_code"):  # typer's own, of bad flags
            raise
        if isinstance(error, BrokenPipeError) and _is_unread():
            raise typer.Exit(141) from None
        traceback.print_exc()
        fail(f"this is {DEFECT}", 70)


def _is_unread() -> bool:
    """Return whether nobody reads standard output any more; if so, drop what is still buffered."""
    poll = select.poll()
    try:
        poll.register(sys.stdout, 0)
    except OSError:  # no file
        return False
    if not poll.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True
