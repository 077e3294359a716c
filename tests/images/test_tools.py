"""What a tool answers is short, whatever the text is, and the worst of it is kept."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import DockerEngine, Execution, Limits, Sandbox

LIMITS = Limits(charged_s=60, cpu_s=60)
WIDE = "\U00020000"
"""A letter of 4 bytes of UTF-8, and 12 of JSON."""


@pytest.fixture(scope="module")
def sandbox(engine: DockerEngine) -> Iterator[Sandbox]:
    with Sandbox(engine, 2) as sandbox:
        yield sandbox


def examined(sandbox: Sandbox, tool: str, text: str) -> Any:
    (said,) = sandbox.attempt(lambda box: box.examine(tool, [text], limits=LIMITS), "lint")
    assert not isinstance(said, str | Execution), said
    assert len(json.dumps(said)) <= 2_000_000
    return said


LONG_NAMES = f"class {'A' * 200_000}:\n" + "".join(f"    def m{i}(self):\n        x = {i}\n" for i in range(400))


@pytest.mark.parametrize("char", ["x", "é", WIDE])
def test_long_names_are_cut_in_every_answer(sandbox: Sandbox, char: str) -> None:
    n = 200_000
    said = examined(sandbox, "compile", f"def f():\n    a = 1\n    {char * n} = 1\n    global {char * n}\n")
    assert len(said["error"]["message"]) == 500
    assert said["error"]["message"].endswith("…")
    said = examined(sandbox, "compile", f"# coding: {char * n}\n")
    assert said["error"] is None or (said["error"]["symbol"], len(said["error"]["message"])) == ("encoding", 500)
    said = examined(sandbox, "lint", f"class {char * n}:\n    def m(self):\n        return {char * n}2\n")
    assert max(len(m["message"]) for m in said["messages"]) == 500
    assert max(len(m["obj"]) for m in said["messages"]) == 200
    assert max(len(name) for name, *_ in said["blocks"]) == 200
    said = examined(sandbox, "lint", f"def {char * n}():\n    return 1\n")
    assert [len(name) for name, *_ in said["complexity"]] == [8, 200]


def test_a_class_with_a_long_name_and_many_methods(sandbox: Sandbox) -> None:
    said = examined(sandbox, "lint", LONG_NAMES)
    assert len(said["messages"]) >= 400
    assert len(said["blocks"]) == 401


def test_lists_end_and_the_worst_is_kept(sandbox: Sandbox) -> None:
    small = "".join(f"def f{i}():\n    x = {i}\n" for i in range(1_500))
    classes = "".join(f"class C{i}:\n    def m(self):\n        return {i} if self else 0\n" for i in range(600))
    worst = "def worst(x):\n    return " + " or ".join(f"x == {i}" for i in range(30)) + "\n"
    said = examined(sandbox, "lint", small + classes + worst + "undefined_name()\n" + "# noqa\n" * 200 + "exec('')\n" * 200)
    assert {name: len(said[name]) for name in ("messages", "blocks", "complexity", "pragmas", "hidden")} == {
        "messages": 1000, "blocks": 1000, "complexity": 1000, "pragmas": 100, "hidden": 100
    }  # fmt: skip
    assert said["n_more"] >= 1_500 + 1 + 200 - 1000 + 100 + 100
    assert said["complexity"][-1][::2] == ["worst", 30]
    assert [name for name, _, n, _ in said["blocks"] if n == 30] == ["worst"]
    assert not {"C"} & {letter for *_, letter in said["blocks"]}
    assert "undefined-variable" in {m["symbol"] for m in said["messages"]}, "errors before what is no error"
    assert [m["line"] for m in said["messages"]] == sorted(m["line"] for m in said["messages"])


def test_warnings_and_what_a_newer_python_says(sandbox: Sandbox) -> None:
    said = examined(sandbox, "compile", "x = '\\d'\n" * 1_000)
    assert (len(said["warnings"]), said["n_more"]) == (100, 900)
    said = examined(sandbox, "newer", "type X = int\n" * 1_000)
    assert said["newest"] == []
    assert len(said["this"]) == 100
    said = examined(sandbox, "newer", f"type X = int\n{'$ ' * 1_000}")
    assert (len(said["newest"]), said["this"]) == (100, [])


def test_the_largest_subtrees_are_kept(sandbox: Sandbox) -> None:
    said = examined(sandbox, "shape", "".join(f"x = {'-' * 400}y{'[0]' * i}\n" for i in range(200)))
    assert len(said) == 50_000
    assert said[-1][1] == max(n for _, n in said) > 200 * 400
    assert min(n for _, n in said) > 12
