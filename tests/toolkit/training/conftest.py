"""A tiny model, and programs to learn."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny
from tests.toolkit.training.learnt import PROGRAMS, rows


@pytest.fixture(scope="module")
def one_thread(torch: Any) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny(tmp_path_factory.mktemp("model"), context=256)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rows(tmp_path_factory.mktemp("data") / "data.jsonl", [{"content": text} for text in PROGRAMS])
