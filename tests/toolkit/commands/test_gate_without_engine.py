"""Gates that run nothing need no engine."""

from pathlib import Path
from typing import Any

import pytest

from sandbox import SandboxError
from toolkit.commands import gate as command
from toolkit.errors import InfrastructureError


def test_gates_that_run_nothing_need_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> None:
        raise SandboxError("no engine here")

    monkeypatch.setattr(command, "open_engine", none)
    (tmp_path / "x.py").write_text("x = 1\n")
    told: dict[str, Any] = {"files": (str(tmp_path / "x.py"),), "use_cache": False}
    found = command.gate(command.Settings(kind="repetition+duplicate", output=tmp_path / "kept", **told)).summary
    assert (found["images"], found["n_accepted"], found["n_rejected"]) == ({}, 0, 1), "too short"
    with pytest.raises(InfrastructureError, match="no engine here"):
        command.gate(command.Settings(kind="repetition+compile", output=tmp_path / "more", **told))
