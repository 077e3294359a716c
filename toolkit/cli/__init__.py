"""The command line: the only place that prints and sets exit codes.

Where another package hides one of ours, nothing below can be imported, so that is said here, and ends the command.
"""

import sys

from toolkit.packages import hidden

if said := hidden():
    print(f"toolkit: {said}", file=sys.stderr)
    sys.exit(2)
