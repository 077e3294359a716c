"""Texts and blocks stand on the disk: memory does not grow with them, and a full disk is said."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import InfrastructureError
from toolkit.training import disk
from toolkit.training.disk import OnDisk

GROWTH = """
import pathlib, sys
import numpy
from toolkit.training import data, disk
def peak(): return int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10  # MiB, of this program
data.read([pathlib.Path(sys.argv[2])])
before = peak()
texts, _ = data.read([pathlib.Path(sys.argv[1])])
after_texts = peak()
blocks = disk.rows(([i] * 1024 for i in range(20_000)), 1024, -1)
print(len(texts), texts[-1][:4], after_texts - before, blocks.shape, int(blocks[19_999, 5]), peak() - after_texts)
"""


@given(st.lists(st.text(max_size=5) | st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=8), st.integers(-9, 9))
def test_it_is_a_sequence(items: list[str | tuple[str, str]], index: int) -> None:
    kept = OnDisk(items)
    assert list(kept) == items
    assert (len(kept), kept[1:3], kept[::-1]) == (len(items), items[1:3], items[::-1])
    if -len(items) <= index < len(items):
        assert kept[index] == items[index]
    else:
        with pytest.raises(IndexError):
            kept[index]
    kept.append("more")
    assert kept[-1] == "more"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_data(tmp_path: Path) -> None:
    """80 MB of texts, and 80 MB of tokens."""
    many, one = tmp_path / "many.jsonl", tmp_path / "one.jsonl"
    with many.open("w") as file:
        for i in range(800):
            file.write(json.dumps({"content": f"{i:04d} " + "x = 1\n" * 16_000}) + "\n")
    one.write_text(json.dumps({"content": "y = 2\n" * 16_000}) + "\n")
    done = subprocess.run([sys.executable, "-c", GROWTH, many, one], capture_output=True, text=True, check=True)
    n, start, by_texts, *shape, last, by_tokens = done.stdout.split()
    assert (n, start, shape, last) == ("800", "0799", ["(20000,", "1024)"], "19999")
    assert int(by_texts) <= 20
    assert int(by_tokens) <= 20


def test_a_disk_that_refuses_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    for act in (lambda: OnDisk(["x"]), lambda: disk.rows([[1]], 4, -1)):
        with pytest.raises(InfrastructureError, match=r"gone: No such file or directory; set TMPDIR to a folder"):
            act()
