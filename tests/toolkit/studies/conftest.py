"""Pro sets of five tasks each, for studies that want them."""

import json
from pathlib import Path

import pytest

WORDS = {"humaneval-pro": "sum", "mbpp-pro": "max"}


@pytest.fixture(scope="session")
def pro_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for name, word in WORDS.items():
        found[name] = tmp_path_factory.mktemp("pro") / f"{name}.jsonl"
        rows = [
            {"id": n, "raw_problem": f"def f{n}(items):\n    ", "raw_solution": f"return {word}(items) + {n}\n",
             "new_problem": f"def g{n}(lists):\n    ", "new_solution": f"return [f{n}(items) for items in lists]\n",
             "test_code": f"assert g{n}([[1, 2]]) == [{word}([1, 2]) + {n}]\n"} for n in range(5)
        ]  # fmt: skip
        found[name].write_text("".join(json.dumps(row) + "\n" for row in rows))
    return found


@pytest.fixture(autouse=True)
def pro(pro_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, file in pro_files.items():
        monkeypatch.setenv(f"{name.replace('-', '_').upper()}_PATH", str(file))
