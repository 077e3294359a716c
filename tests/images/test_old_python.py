"""What runs in a box runs on Python 3.9 too, which the image for BigCodeBench has."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [*(ROOT / "images/box").rglob("*.py"), *(ROOT / "sandbox/wire").glob("*.py")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_the_box_is_python_3_9(path: Path) -> None:
    if path.name == "lint.py":
        pytest.skip("it is in the image with linters only")
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    unions = [
        annotation.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for argument in [*node.args.args, *node.args.kwonlyargs, node]
        for annotation in [node.returns if argument is node else argument.annotation]  # type: ignore[union-attr]
        if isinstance(annotation, ast.BinOp)
    ]
    assert not unions, f"evaluated there when the function is made: lines {unions}"
    assert "strict=" not in path.read_text()
