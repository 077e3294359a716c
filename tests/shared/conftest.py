"""What needs the reference data that lies beside the checkout, and is no part of it."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared(pytestconfig: pytest.Config) -> Path:
    """The folder of reference data; where it is absent, each test that asks for it is skipped and says so."""
    path = pytestconfig.rootpath.parent / "shared"
    if not path.is_dir():
        pytest.skip(f"NOT CHECKED: there is no reference data at {path}")
    return path
