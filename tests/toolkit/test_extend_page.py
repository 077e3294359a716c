"""docs/extend.md shows the files of tests/one_file to the letter, names entry points that load, and tests that pass."""

import re
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gates import GATES
from sandbox import ENGINES, DockerEngine
from sandbox.registry import Registry
from toolkit.benchmarks import BENCHMARKS
from toolkit.models.generators import GENERATORS
from toolkit.testing import ENGINE, check_engine

ROOT = Path(__file__).parents[2]
FILES = ROOT / "tests" / "one_file"
PAGE = (ROOT / "docs" / "extend.md").read_text()
BLOCKS = re.findall(r"(?s)```python\n(.*?)```", PAGE)


def test_each_file_is_on_the_page_to_the_letter() -> None:
    files = {path.name: path.read_text() for path in FILES.glob("*.py") if path.name != "__init__.py"}
    (example,) = [block for block in BLOCKS if block not in files.values()]
    assert "check_gate(" in example
    assert sorted(files.values()) == sorted(block for block in BLOCKS if block != example)
    assert re.findall(r"`tests/one_file/(\w+\.py)`:\n\n```python", PAGE) == [
        name for block in BLOCKS for name, text in files.items() if text == block
    ]


def test_its_entry_points_are_what_registries_take() -> None:
    (block,) = re.findall(r"(?s)```toml\n(.*?)```", PAGE)
    groups = tomllib.loads(block)["project"]["entry-points"]
    registries: dict[str, Registry[Any]] = {each.group: each for each in (BENCHMARKS, GATES, GENERATORS, ENGINES)}
    assert set(groups) == set(registries)
    named = {}
    for group, points in groups.items():
        for name, value in points.items():
            module, _, attribute = value.removeprefix("extra.").partition(":")
            registries[group]._accept(name, getattr(import_module(f"tests.one_file.{module}"), attribute), "extra 1.2")
            named[name] = module
    assert set(named) == {path.stem for path in FILES.glob("[!_]*.py")}


def test_its_example_passes(engine: DockerEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(FILES)])
    monkeypatch.setenv("PIPED", f"{sys.executable} -c 'print(1)'")
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    (example,) = [block for block in BLOCKS if "check_gate(" in block]
    names: dict[str, Callable[..., None]] = {}
    exec(example, names)
    names["check_engine"] = lambda engine: check_engine(engine, skip=set(ENGINE) - {"calls_are_answered"})  # a minute less
    for name in ("test_gate", "test_benchmark", "test_generator", "test_engine"):
        names[name]()
