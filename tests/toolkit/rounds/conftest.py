"""Plants a policy in place of a model."""

from collections.abc import Callable

import pytest

from tests.toolkit.rounds.planted import Planted, Policy


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Policy], None]:
    def plant(policy: Policy) -> None:
        monkeypatch.setattr("toolkit.rounds.run.Machine", Planted)
        monkeypatch.setattr(Planted, "policy", staticmethod(policy), raising=False)
        monkeypatch.setattr(Planted, "n_generated", 0)
        monkeypatch.setattr(Planted, "n_trained", 0)

    return plant
