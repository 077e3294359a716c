"""Benchmarks of asserts: MBPP's and CodeEval-Pro's formats, judged in boxes, with programs that cheat."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox import DockerEngine, Limits, Sandbox
from toolkit.benchmarks import BENCHMARKS, DataMissing, Options
from toolkit.benchmarks.corpus import known_benchmarks
from toolkit.errors import UsageError
from toolkit.models.generators import Prompt
from toolkit.models.prompts import for_tasks
from toolkit.oracle import Oracle
from toolkit.records import Result, Sample, Task, Verdict
from toolkit.samples.read import read

TREE = "class Node:\n    def __init__(self, data):\n        self.data, self.left = data, None\ndef depth(node):\n    return 1 + depth(node.left) if node else 0\n"
MBPP: list[dict[str, Any]] = [
    {"task_id": 7, "text": "Sum.", "code": "def add(a, b):\r\n    return a + b", "test_setup_code": "", "challenge_test_list": [],
     "test_list": ["assert add(1, 2) == 3", "assert set(add([1], [2])) == {1, 2}"]},
    {"task_id": 8, "text": "Depth.", "code": TREE, "test_setup_code": "root = Node(1)\r\nroot.left = Node(2)",
     "test_list": ["assert (depth(root)) == 2", "assert depth(None) == 0"]},
    {"task_id": 9, "text": "Type.", "code": "def without(xs, kind):\n    return [x for x in xs if type(x) is not kind]", "test_setup_code": "",
     "test_list": ["assert without((1, 'a'), int) == ['a']"]},
]  # fmt: skip
SANITIZED = {"task_id": 7, "prompt": "Root.", "code": "import math\ndef root(x):\n    return math.sqrt(x)", "test_imports": ["import math"], "test_list": ["assert math.isclose(root(4), 2)"]}
PRO = {
    "id": 0,
    "raw_problem": 'def half(x: int) -> int:\n    """ Halve an even number. """\n',
    "raw_solution": "    if x % 2:\n        raise ValueError('odd')\n    return x // 2\n",
    "new_problem": "# Halve each.\ndef halves(xs):\n",
    "new_solution": "    return [half(x) for x in xs]\n",
    "test_code": "\nassert halves([2, 4]) == [1, 2]\ntry:\n    halves([1])\n    assert False, 'wants ValueError'\nexcept ValueError as error:\n    assert 'odd' in str(error)\n",
}
ROWS = {"mbpp": MBPP, "mbpp-sanitized": [SANITIZED], "humaneval-pro": [PRO], "mbpp-pro": [PRO | {"id": 3}]}
Judge = Callable[[str, str, str], Result]


def load(name: str, folder: Path) -> dict[str, Task]:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(ROWS[name]))
    return dict(BENCHMARKS[name].load(Options(data=path)).tasks)


@pytest.fixture(scope="module")
def judge(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    folder = tmp_path_factory.mktemp("data")
    with Sandbox(engine, 1, Limits(memory_bytes=4 << 30)) as pool:

        def judged(name: str, task_id: str, solution: str) -> Result:
            oracle = Oracle(pool, BENCHMARKS[name], load(name, folder), "own", timeout_s=2)
            ((_, result, _),) = oracle.judge_many([Sample(task_id=task_id, sample_id=0, solution=solution)])
            assert not oracle.defects, oracle.defects[0]
            return result

        yield judged


@pytest.mark.parametrize("name", ROWS)
def test_canonical_solutions_pass_and_empty_bodies_do_not(name: str, judge: Judge, tmp_path: Path) -> None:
    for task in load(name, tmp_path).values():
        assert judge(name, task.task_id, task.prompt + task.canonical_solution).verdict is Verdict.PASSED
        empty = judge(name, task.task_id, f"def {task.entry_point}(*_):\n    pass\n")
        assert empty.verdict in (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR)


HALF = "def halves(xs):\n    if xs == [2, 4]:\n        return [1, 2]\n    "
PRO_PROGRAMS = {
    "the exception that is wanted": (HALF + "raise ValueError('odd')", Verdict.PASSED, ""),
    "a kind of it": (HALF + "raise UnicodeDecodeError('utf-8', b'odd', 0, 1, 'odd')", Verdict.PASSED, ""),
    "another text": (HALF + "raise ValueError('no')", Verdict.WRONG_ANSWER, "the test raised AssertionError"),
    "another exception": (HALF + "raise KeyError('odd')", Verdict.RUNTIME_ERROR, "KeyError: 'odd'"),
    "one of its own with that name": ("class ValueError(Exception): pass\n" + HALF + "raise ValueError('odd')", Verdict.PASSED, ""),
    "a group": (HALF + "raise ExceptionGroup('odd', [ValueError('odd')])", Verdict.RUNTIME_ERROR, "ExceptionGroup"),
    "the test's own": (HALF + "raise AssertionError('odd')", Verdict.RUNTIME_ERROR, "AssertionError: odd"),
    "an exit": (HALF + "raise SystemExit(0)", Verdict.RUNTIME_ERROR, "SystemExit"),
    "a name with NUL": ("import os\n" + HALF + "os.write(4, b'X\\0\\0\\0\\x08V\\0E: odd'); os._exit(0)", Verdict.WRONG_ANSWER, "the test raised VE"),
    "no exception": (HALF + "return None", Verdict.WRONG_ANSWER, "the test raised AssertionError"),
    "one at once": ("def halves(xs):\n    raise ValueError('odd')", Verdict.RUNTIME_ERROR, "ValueError: odd"),
    "one while it is loaded": ("raise ValueError('odd')\n" + HALF, Verdict.RUNTIME_ERROR, "while it was loaded"),
    "an end": (HALF + "import os; os._exit(0)", Verdict.RUNTIME_ERROR, "exit code 0"),
    "no end": (HALF + "\n    while 1: pass", Verdict.TIME_LIMIT, ""),
    "a frame of its own": ("import os\n" + HALF + "os.write(4, b'D\\0\\0\\0\\0')", Verdict.RUNTIME_ERROR, ""),
    "an exception and a frame": ("import os\n" + HALF + "os.write(4, b'X\\0\\0\\0\\x0fValueError: odd\\0'); return 1", Verdict.RUNTIME_ERROR, ""),
    "an equal to all": (HALF.replace("[1, 2]\n", "type('E', (), {'__eq__': lambda *_: True})()\n") + "raise ValueError('odd')", Verdict.WRONG_ANSWER, ""),
}


@pytest.mark.parametrize("case", PRO_PROGRAMS)
def test_exceptions_are_seen_and_cannot_forge(case: str, judge: Judge) -> None:
    solution, verdict, detail = PRO_PROGRAMS[case]
    result = judge("humaneval-pro", "HumanEvalPro/0", solution)
    assert (result.verdict, detail in result.detail) == (verdict, True), result


@pytest.mark.parametrize(
    ("solution", "verdict"),
    [
        (TREE.replace("1 +", "2 +"), Verdict.WRONG_ANSWER),
        ("def depth(node):\n    return 2 if node else 0\n", Verdict.RUNTIME_ERROR),  # the set-up code has no Node
        (TREE + "_called = lambda n: 2 - 2 * n\n", Verdict.PASSED),  # replaced by the test's own, and so in vain
        (TREE.replace("1 +", "2 +") + "def _called(n): return 2 - 2 * n\n'''", Verdict.COMPILE_ERROR),
        (TREE.replace("1 +", "2 +") + "def _called(n): return 2 - 2 * n\nimport os; os.write(4, b'L\\0\\0\\0\\0')\n", Verdict.RUNTIME_ERROR),
        (TREE.replace("1 +", "2 +") + "if 0:", Verdict.COMPILE_ERROR),
        (TREE.replace("def depth(node)", "def depth(node, _=(1).__class__)"), Verdict.PASSED),
    ],
)  # fmt: skip
def test_objects_are_made_in_the_programs_process_and_compared_elsewhere(judge: Judge, solution: str, verdict: Verdict) -> None:
    assert judge("mbpp", "MBPP/8", solution).verdict is verdict


def test_every_task_says_what_it_is(tmp_path: Path) -> None:
    tasks = load("mbpp", tmp_path)
    assert tasks["MBPP/7"].prompt == '"""\nSum.\nassert add(1, 2) == 3\n"""\n'
    assert [task.entry_point for task in tasks.values()] == ["add", "depth", "without"]
    pro = load("humaneval-pro", tmp_path)["HumanEvalPro/0"]
    assert pro.prompt == PRO["raw_problem"]
    assert "calls to the first solution" in pro.question
    assert "def halves(xs):\n```" in pro.question


class Chat:
    """All that prompts ask of a generator."""

    chat, prefills = True, True


@pytest.mark.parametrize(
    ("style", "chat", "wanted"),
    [
        ("0-shot", True, "def halves(xs):\n```"),
        ("1-shot", True, "def halves(xs):\n\nassert halves([2, 4]) == [1, 2]\n```"),
        ("cot", True, "def halves(xs):\n```\nLet's think step by step."),
        ("0-shot", False, '@@ Response\n```python\ndef half(x: int) -> int:\n    """ Halve an even number. """'),
        ("completion", False, 'def half(x: int) -> int:\n    """ Halve an even number. """'),
    ],
)  # fmt: skip
def test_prompts_are_the_official_ones(style: str, chat: bool, wanted: str, tmp_path: Path) -> None:
    generator: Any = Chat()
    generator.chat = chat
    (prompt,), _ = for_tasks(list(load("humaneval-pro", tmp_path).values()), style, generator)
    assert isinstance(prompt, Prompt)
    assert prompt.text.endswith(wanted)
    assert prompt.prefill == ("```python\n" + str(PRO["raw_problem"]) if style in ("0-shot", "1-shot") and chat else "")


def test_samples_may_number_their_tasks(tmp_path: Path) -> None:
    tasks, path = load("mbpp", tmp_path), tmp_path / "samples.jsonl"
    path.write_text(json.dumps({"task_id": 7, "solution": "x = 1\n"}) + "\n")
    ((sample,), _) = read(path, tasks)
    assert sample.task_id == "MBPP/7"
    path.write_text(json.dumps({"task_id": True, "solution": "x = 1\n"}) + "\n")
    with pytest.raises(UsageError, match="task_id is not a string but bool"):
        read(path, tasks)


BAD = {
    "[": "cannot be read as JSON",
    "": "no records",
    "[1]": "record 1: no task of mbpp",
    '{"task_id": 1}': "no column 'code'",
    json.dumps([MBPP[0], MBPP[0]]): "record 2: the id of MBPP/7 is there twice",
    json.dumps(MBPP[0] | {"code": "def"}): "record 1: no task of mbpp",
    json.dumps(MBPP[0] | {"code": "x = 1"}): "no assert calls a function that the solution defines",
    json.dumps(MBPP[1] | {"test_list": ["assert depth(root)"]}): "`assert depth(root)` is no comparison",
}


@pytest.mark.parametrize("text", BAD)
def test_data_that_is_none_is_one_clear_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(text)
    with pytest.raises(DataMissing, match=f"^{path}") as caught:
        BENCHMARKS["mbpp"].load(Options(data=path))
    assert BAD[text] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_data_is_found_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/mbpp.jsonl").write_text("".join(json.dumps(row) + "\n" for row in MBPP))
    assert len(BENCHMARKS["mbpp"].load(Options()).tasks) == 3
    packed = tmp_path / "own.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(MBPP[:1]).encode()))
    monkeypatch.setenv("MBPP_PATH", str(packed))
    assert BENCHMARKS["mbpp"].data_file() == packed
    assert list(BENCHMARKS["mbpp"].load(Options()).tasks) == ["MBPP/7"]


def test_the_hubs_rows_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder in the hub's form: the hub itself is no part of the suite."""
    from toolkit.benchmarks import mbpp

    pytest.importorskip("datasets", reason="NOT CHECKED: the package `datasets` is not here")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "hub"))
    (tmp_path / "repo").mkdir()
    for split, rows in (("train", MBPP[:2]), ("test", MBPP[2:])):
        (tmp_path / f"repo/{split}.jsonl").write_text("".join(json.dumps({k: v for k, v in row.items() if k != "challenge_test_list"}) + "\n" for row in rows))
    source = replace(mbpp._ALL, repo=str(tmp_path / "repo"), config=None)
    first = source.load(Options())
    assert sorted(first.tasks) == ["MBPP/7", "MBPP/8", "MBPP/9"]
    (tmp_path / "repo/train.jsonl").unlink()
    assert source.load(Options()) == first
    with pytest.raises(DataMissing, match=r"cannot be downloaded .* MBPP_PATH"):
        replace(source, stem="other", repo=str(tmp_path / "nowhere")).load(Options())


def test_a_hub_that_does_not_answer_is_asked_once_and_for_gigabytes_never_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets", reason="NOT CHECKED: the package `datasets` is not here")
    asked = []

    def silent(_self: object, repo: str, **_: object) -> None:
        asked.append(repo)
        raise ConnectionError("nobody there")

    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", silent)
    monkeypatch.setattr("datasets.load_dataset", lambda *_: pytest.fail("asked again"))
    monkeypatch.setenv("TOOLKIT_CACHE", str(tmp_path))
    for name in ("MBPP_PATH", "MBPP_SANITIZED_PATH", "HUMANEVAL_PRO_PATH", "MBPP_PRO_PATH", "LIVECODEBENCH_PATH"):
        monkeypatch.delenv(name, raising=False)
    left_out = {line.partition(":")[0]: line for line in known_benchmarks().left_out}
    repos = ["google-research-datasets/mbpp"] * 2 + [f"CodeEval-Pro/{name}" for name in ("humaneval-pro", "mbpp-pro", "bigcodebench-lite-pro")]
    assert sorted(asked) == sorted([*repos, "bigcode/bigcodebench", "bigcode/bigcodebench-hard"])
    assert "cannot be downloaded (nobody there)" in left_out["mbpp"]
    assert "livecodebench has gigabytes, which are downloaded when it is named only" in left_out["livecodebench"]
