"""A tiny dense model, and mixtures made of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny


@pytest.fixture(scope="module", autouse=True)
def one_thread(torch: Any) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def dense(torch: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a model of two layers; weights are as large as those of trained models."""
    from toolkit.models.load import load
    from toolkit.models.source import Source

    folder = tiny(tmp_path_factory.mktemp("dense"), context=256)
    model = load(Source(model=folder, device="cpu")).model
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(5 if weight.ndim > 1 else 1)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def mixture(dense: str) -> Callable[..., Any]:
    """Returns a mixture in float64, or another dtype."""
    import torch

    from toolkit.models.load import load
    from toolkit.models.source import Source
    from toolkit.surgery.upcycle import Upcycling, upcycle

    parent = load(Source(model=dense, device="cpu")).model

    def make(dtype: Any = torch.float64, **how: Any) -> Any:
        return upcycle(parent.to(dtype), Upcycling(**how))

    make.parent = parent  # type: ignore[attr-defined]
    return make


@pytest.fixture
def ids(torch: Any) -> Any:
    return torch.arange(60).view(3, 20) + 7


@pytest.fixture(scope="module")
def saved(mixture: Callable[..., Any], dense: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a mixture of unlike experts, in float32."""
    import torch

    from toolkit.models.load import load
    from toolkit.models.save import save
    from toolkit.models.source import Source

    folder = Path(tmp_path_factory.mktemp("mixture"))
    tokenizer = load(Source(model=dense, device="cpu")).tokenizer
    save(mixture(torch.float32, init="drop", router=0.5), tokenizer, folder, "")
    return str(folder)
