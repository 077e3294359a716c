"""`import toolkit`: what is public, that it is cheap, typed and described, and that the wheel says so."""

import inspect
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import toolkit

ROOT = Path(__file__).parents[3]
SCRIPT = '''
import asyncio
from pathlib import Path
from typing import assert_type

import toolkit

samples = [("HumanEval/0", "    return False"), ("HumanEval/0", "    return True")]
rows = [{"task_id": "HumanEval/1", "solution": "x = 1", "n_tokens": 3}]
toolkit.judge("humaneval", rows)
toolkit.judge("humaneval", [*samples, *rows])
found = toolkit.judge("humaneval", samples, ks=[1], allow_missing=True, progress=lambda done, total: print(done, total))
assert_type(found, toolkit.Evaluation)
share = found.pass_at_k["base"][1]
assert_type(share.low, float)
wrong = [result.task_id for result in found.results if result.verdict is toolkit.Verdict.WRONG_ANSWER]
decisions = toolkit.gate("compile+quality", ["print(1)", {"code": "x = 1"}], thresholds={"pylint": 8})
why: list[tuple[str, ...]] = [decision.reasons for decision in decisions if not decision.accepted]
with toolkit.Box(toolkit.Limits(memory_bytes=256 << 20)) as box:
    execution = box.run("print(input())", stdin="hi", timeout=2)
    assert_type(execution.status, toolkit.Status)
print(toolkit.pass_at_k(10, 3, 1), toolkit.__version__)


async def rewards(texts: list[str]) -> list[bool]:
    with toolkit.Oracle("humaneval+", parallel=8) as oracle:
        results = await oracle.judge_async([("HumanEval/0", text) for text in texts])
        assert_type(results, list[toolkit.Result])
        return [result.verdict == "passed" for result in results]


async def main() -> None:
    assert_type(await toolkit.judge_async("mbpp+", Path("samples.jsonl")), toolkit.Evaluation)
    assert_type(await toolkit.gate_async("compile", "data/"), list[toolkit.Decision])
    with toolkit.Box() as box:
        assert_type(await box.run_async("print(1)"), toolkit.Execution)


try:
    asyncio.run(main())
except (toolkit.UsageError, toolkit.InfrastructureError) as error:
    print(error)
'''
WRONG = '''
import toolkit

toolkit.judge("humaneval", 5)
toolkit.judge("humaneval", [], timeuot=5)
toolkit.gate("compile", [5])
toolkit.nothing
toolkit.Box().run_async(5)
'''


def test_importing_it_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import toolkit; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [name for name in done.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names] == ["toolkit"]


def test_what_is_public_is_there_and_described() -> None:
    assert dir(toolkit) == sorted(toolkit.__all__)
    for name in toolkit.__all__:
        found = getattr(toolkit, name)
        if name == "__version__":
            continue
        assert len(found.__doc__ or "") >= 20, name
        assert not (found.__doc__ or "").startswith(f"{name}("), f"{name} has only what dataclass writes"
        methods = inspect.getmembers(found, inspect.isfunction) if inspect.isclass(found) else []
        for method, value in methods:
            if method[0] != "_" and value.__module__.startswith(("toolkit", "gates", "sandbox")):
                assert value.__doc__, f"{name}.{method}"
    with pytest.raises(AttributeError, match="nothing"):
        toolkit.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_the_page_names_exactly_what_is_public() -> None:
    page = (ROOT / "docs/api.md").read_text()
    assert set(re.findall(r"(?m)^\| `(\w+)[`(]", page)) == set(toolkit.__all__)


@pytest.mark.slow
def test_the_examples_of_the_page_are_typed(environment: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"(?s)```python\n(.*?)```", (ROOT / "docs/api.md").read_text())
    assert len(blocks) >= 3
    for i, block in enumerate(blocks):
        (tmp_path / f"example{i}.py").write_text(f"import toolkit\n\n{block}")
    typed(tmp_path, environment, *(f"example{i}.py" for i in range(len(blocks))))


def test_the_version_is_written_down_once() -> None:
    version = re.search(r'(?m)^version = "(.*)"', (ROOT / "pyproject.toml").read_text())
    assert version
    done = subprocess.run([Path(sys.executable).parent / "toolkit", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"exogate {version[1]}\n" == f"exogate {toolkit.__version__}\n"


def typed(folder: Path, environment: Path, *files: str, n_wrong: int = 0) -> str:
    """Return what `mypy --strict` says of files in a folder, with the packages of an environment."""
    words = ["--strict", "--cache-dir", str(folder / ".mypy"), "--python-executable", str(environment / "bin/python"), *files]
    done = subprocess.run([sys.executable, "-m", "mypy", *words], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.stdout.count(": error: ") == n_wrong, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment in which the wheel's packages are, and no checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        if name.startswith(("sandbox/", "gates/", "toolkit/", "images/", "pyproject", "README", "LICENSE")) and (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "source" / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*pip, str(folder / "source")], cwd=folder, check=True, capture_output=True, timeout=300)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True, timeout=100)
    (packages,) = folder.glob("env/lib/python*/site-packages")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(packages)
    return folder / "env"


@pytest.mark.slow
def test_the_wheel_is_typed(environment: Path, tmp_path: Path) -> None:
    (packages,) = environment.glob("lib/python*/site-packages")
    assert sorted(path.parent.name for path in packages.glob("*/py.typed")) == ["gates", "images", "sandbox", "toolkit"]
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text(WRONG)
    typed(tmp_path, environment, "script.py")
    said = typed(tmp_path, environment, "wrong.py", n_wrong=6)
    assert all(f"wrong.py:{i}: error" in said for i in range(4, 9))


