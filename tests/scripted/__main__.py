"""Record what real boxes say to the tests that ask for the fixture `either`: `python -m tests.scripted`.

All is recorded anew, unless files are named, of which the new is added to what is there.
"""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]

if __name__ == "__main__":
    files = sys.argv[1:]
    sys.exit(pytest.main(["--record=more", *files] if files else ["--record=anew", str(HERE), f"--ignore={HERE / 'shared'}"]))
