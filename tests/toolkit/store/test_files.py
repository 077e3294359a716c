"""Files that are written whole: who may read them, and what is left when writing fails."""

import os
from pathlib import Path

import pytest

from toolkit.store import files


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_who_may_read_a_file_follows_the_umask(mask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        files.write_atomically(tmp_path / "report.html", b"<p>")
        with files.together(tmp_path, ("a.jsonl", "b.json")) as opened:
            for file in opened.values():
                file.write(b"{}\n")
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == dict.fromkeys(("report.html", "a.jsonl", "b.json"), mode)


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        files.write_atomically(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
