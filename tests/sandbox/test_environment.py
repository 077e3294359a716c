"""Variables of the environment: one prefix; the one that they had before still works, and says so once."""

import pytest

from sandbox.wire import environment


def test_the_old_prefix_still_works_with_a_warning(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(environment, "_warned", set())
    assert environment.variable("BOXES", "none") == "none"
    monkeypatch.setenv("EXOGATE_BOXES", "old")
    assert [environment.variable("BOXES") for _ in range(2)] == ["old", "old"]
    assert capfd.readouterr().err == "toolkit: EXOGATE_BOXES is now called TOOLKIT_BOXES\n"
    monkeypatch.setenv("TOOLKIT_BOXES", "new")
    assert environment.variable("BOXES") == "new"
    assert capfd.readouterr().err == ""
