"""The layers: who may import whom. Read out of the source, so that a slip fails here and not in a reader's head."""

import ast
import subprocess
import sys
from collections.abc import Container, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {"images": {"sandbox"}, "sandbox": set[str](), "gates": {"sandbox"}, "toolkit": {"sandbox", "gates"}}
MODELS = {"torch", "transformers", "peft", "accelerate", "tokenizers", "huggingface_hub", "gguf", "httpx", "openai", "tenacity"}
LINTERS = {"pylint", "astroid", "radon"}
SERVERS = {"starlette", "uvicorn"}
HEAVY = MODELS | LINTERS | SERVERS | {"docker", "rich", "numpy", "pydantic", "scipy", "matplotlib", "jinja2", "evalplus"}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(parsed(path)))


def imports(path: Path, *, top: bool = False) -> set[str]:
    found: set[str] = set()
    for node in parsed(path).body if top else nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


FILES = [path for layer in ALLOWED for path in sorted((ROOT / layer).rglob("*.py"))]
FOLDERS = sorted({path.parent.relative_to(ROOT) for path in FILES})


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_imports(folder: Path) -> None:
    layer = folder.parts[0]
    for path in sorted((ROOT / folder).glob("*.py")):
        found = imports(path)
        roots = {name.split(".")[0] for name in found}
        assert roots & set(ALLOWED) - {layer} <= ALLOWED[layer], path
        if folder.name != "cli":
            assert not any(name.startswith("toolkit.cli") for name in found), path
        if folder.name == "analysis":  # pure: numbers in, numbers out
            assert all(name.startswith("toolkit.analysis") for name in found if name.startswith("toolkit")), path
            assert not roots & {"os", "pathlib", "io", "json", "sandbox", *MODELS}, path
        if layer == "images":
            may = {"images", "sandbox"} | (LINTERS if path.name in ("lint.py", "structure.py") else set())
            assert roots <= sys.stdlib_module_names | may, path
            assert all(name.startswith("sandbox.wire") for name in found if name.split(".")[0] == "sandbox"), path
        if layer == "sandbox":
            assert roots <= sys.stdlib_module_names | {"docker", "requests", "sandbox", "numpy"}, path
        if path.name != "lint.py":  # which runs in the box
            may = {"pydantic"} if path.name == "settings.py" else set()  # itself imported when a command runs
            may |= SERVERS | {"pydantic"} if folder.name == "service" else set()
            assert not {name.split(".")[0] for name in imports(path, top=True)} & (HEAVY - may), path


def _modules(node: ast.AST, modules: Container[str]) -> Iterator[str]:
    """Give which of our modules are imported, also late, but for types alone; of `from package import module`, the latter."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names if alias.name in modules)
        elif isinstance(child, ast.ImportFrom) and child.module in modules:
            names = [f"{child.module}.{alias.name}" for alias in child.names]
            yield from (name if name in modules else str(child.module) for name in names)
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case) and not _is_for_types(child):
            yield from _modules(child, modules)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@cache
def arrows() -> dict[str, set[str]]:
    """Which of our modules each of them imports."""
    paths = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}
    return {name: set(_modules(parsed(path), paths)) - {name} for name, path in paths.items()}


def reached(name: str, arrows: Mapping[str, set[str]]) -> set[str]:
    """Everything that arrows lead to, one after another."""
    found, waiting = set[str](), [name]
    while waiting:
        new = arrows[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def test_no_circle_of_imports() -> None:
    assert not {(one, other) for one, others in arrows().items() for other in others if one in reached(other, arrows())}


def test_no_circle_of_rooms() -> None:
    """Folders of `toolkit/` use each other in one direction; `rounds` runs commands, and two commands read what it wrote."""
    def room(name: str) -> str:
        return ".".join(name.split(".")[: 2 if name.startswith("toolkit.") else 1])

    rooms: dict[str, set[str]] = {}
    for name, others in arrows().items():
        rooms.setdefault(room(name), set()).update(map(room, others))
    beyond = {one: reached(one, {name: others - {name} for name, others in rooms.items()}) for one in rooms}
    both = {tuple(sorted((one, other))) for one in rooms for other in beyond[one] - {one} if one in beyond[other]}
    assert both == {("toolkit.commands", "toolkit.rounds")}


LONGEST = {"toolkit": 350, "tests": 399}
"""Lines of a file. A file of `tests/programs` is what is judged."""


def test_files_are_short() -> None:
    for folder, most in LONGEST.items():
        for path in (ROOT / folder).rglob("*.py"):
            if "programs" not in path.parts:
                assert len(path.read_text().splitlines()) <= most, path


def test_only_the_command_line_prints_or_exits() -> None:
    for path in FILES:
        if path.parent.name == "cli" or path.relative_to(ROOT).parts[0] == "images":
            continue
        for node in nodes(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("print", "exit", "quit", "input", "eval", "exec"), f"{path}:{node.lineno}"


def test_starting_is_cheap() -> None:
    code = "import sys, toolkit.cli.main; print(','.join(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert not set(loaded.split(",")) & HEAVY - {"rich"}


def test_only_models_load_what_models_need() -> None:
    names = "toolkit.commands.evaluate, toolkit.commands.gate, toolkit.commands.generate, toolkit.models.prompts, toolkit.commands.doctor"
    code = f"import sys, {names}; print(','.join(m for m in sys.modules if '.' not in m))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert not set(loaded.split(",")) & MODELS
