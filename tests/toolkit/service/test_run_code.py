"""`/run_code` and the other endpoints of SandboxFusion: shapes, statuses, codes, files."""

import base64
import zlib
from typing import Any

import pytest

from tests.toolkit.service.live import Server

SHAPE = {"status", "message", "compile_result", "run_result", "executor_pod_name", "files"}
RUN = {"status", "execution_time", "return_code", "stdout", "stderr"}
FACTS = {"status", "charged_s", "cpu_s", "memory_peak_bytes", "queued_s", "truncated", "early_exit"}
VERL = {"compile_timeout": 10, "run_timeout": 10, "stdin": "", "memory_limit_MB": 1024, "language": "python", "files": {}, "fetch_files": []}
MAIN = "import sys\n\ndef main():\n    return 0\n\nif __name__ == '__main__':\n    sys.exit(main())\n"
ENDED: list[tuple[str, dict[str, Any], tuple[Any, ...]]] = [
    ("print(6 * 7)", {}, ("Success", "Finished", 0, "42\n")),
    ("print(input())", {"stdin": "5\n6\n"}, ("Success", "Finished", 0, "5\n")),
    ("print(1)", {"stdin": "x" * 300_000}, ("Success", "Finished", 0, "1\n")),
    ("import sys\nsys.exit(3)", {}, ("Failed", "Finished", 3, "")),
    ("1 / 0", {}, ("Failed", "Finished", 1, "")),
    ("def f(:", {}, ("Failed", "Finished", 1, "")),
    ("a\0b", {}, ("Failed", "Finished", 1, "")),
    ("'\ud800'", {}, ("Failed", "Finished", 1, "")),
    ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", {}, ("Failed", "Finished", -11, "")),
    ("import time\nprint(1, flush=True)\ntime.sleep(60)", {"run_timeout": 0.5}, ("Failed", "TimeLimitExceeded", None, "1\n")),
    ("print('é', __file__[-7:], __name__)", {}, ("Success", "Finished", 0, "é main.py __main__\n")),
    ("import sys\nsys.exit(0)\nassert 0", {}, ("Success", "Finished", 0, "")),
]  # fmt: skip


@pytest.mark.parametrize(("code", "more", "wanted"), ENDED, ids=range(len(ENDED)))
def test_shape_and_statuses(plain: Server, code: str, more: dict[str, Any], wanted: tuple[Any, ...]) -> None:
    said = plain.post("/run_code", VERL | {"code": code} | more)
    assert said.status_code == 200
    found = said.json()
    run = found["run_result"]
    assert (found["status"], run["status"], run["return_code"], run["stdout"]) == wanted
    assert set(found) == SHAPE | {"exogate"}
    assert (set(run), set(found["exogate"])) == (RUN, FACTS)
    assert (found["compile_result"], found["executor_pod_name"], found["files"]) == (None, "pod-1", {})


def test_a_traceback_is_that_of_the_program_alone(plain: Server) -> None:
    run = plain.post("/run_code", {"code": "def f():\n    raise ValueError(5)\n\n\nf()\n"}).json()["run_result"]
    lines = run["stderr"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert [line.split(", ")[1:] for line in lines if "File" in line] == [["line 5", "in <module>"], ["line 2", "in f"]]
    assert lines[-1] == "ValueError: 5"
    assert "raise ValueError(5)" in run["stderr"]


@pytest.mark.parametrize(("code", "early"), [
    ("print(1)", False), ("import sys\nsys.exit(0)\nassert 0", True), ("import os\nos._exit(0)\nassert 0", True),
    ("import threading, os, time\nthreading.Thread(target=os._exit, args=(0,)).start()\ntime.sleep(5)\nassert 0", True),
    ("def f():\n    raise SystemExit\nassert f()", True), (MAIN, False), ("exit()", False), ("1 / 0", False),
])  # fmt: skip
def test_who_leaves_early_is_seen(plain: Server, code: str, early: bool) -> None:
    assert plain.post("/run_code", {"code": code}).json()["exogate"]["early_exit"] is early


@pytest.mark.parametrize(("code", "stdin", "wanted"), [
    ("import sys\nsys.exit(0)\nassert 0", None, 120), ("import os\nos._exit(0)\nassert 0", "", 120), (MAIN, None, 0),
    ("import sys\nsys.stderr.write('x' * (1 << 21))\nsys.stderr.flush()\nsys.exit(0)\nassert 0", None, 120),
    ("print(input())\nexit()\nassert 0", "5", 0),
])  # fmt: skip
def test_strict_exit(strict: Server, code: str, stdin: str | None, wanted: int) -> None:
    """Where there is input, output is what is compared, and programs may well leave early."""
    found = strict.post("/k/key-of-one/run_code", {"code": code, "stdin": stdin}).json()
    assert found["run_result"]["return_code"] == wanted
    assert found["status"] == ("Success" if wanted == 0 else "Failed")


def test_a_megabyte_is_whole(plain: Server) -> None:
    for n in (131_072, 160_000, 1_000_000, (1 << 20) - 1):
        found = plain.post("/run_code", {"code": f"print('x' * {n})"}).json()
        assert (found["status"], len(found["run_result"]["stdout"]), found["exogate"]["truncated"]) == ("Success", n + 1, False)


def test_limits(plain: Server) -> None:
    memory = plain.post("/run_code", VERL | {"code": "x = bytearray(400 << 20)", "memory_limit_MB": 128}).json()
    assert (memory["status"], memory["run_result"]["return_code"]) == ("Failed", -9)
    assert memory["run_result"]["stderr"].endswith("MemoryLimitExceeded")
    assert memory["exogate"]["status"] == "memory_exceeded"
    output = plain.post("/run_code", VERL | {"code": "while True: print('x' * 9999)"}).json()
    assert (output["status"], output["run_result"]["return_code"], output["exogate"]["truncated"]) == ("Failed", -9, True)
    clamped = plain.post("/run_code", VERL | {"code": "print(1)", "memory_limit_MB": 1 << 20}).json()
    assert (clamped["status"], clamped["message"]) == ("Success", "memory_limit_MB 1048576 is 4096 here")


def test_files_go_in_and_come_out_of_the_programs_own_folder(plain: Server) -> None:
    text = base64.b64encode(b"hello\xff").decode()
    code = "import os\nopen('out.txt', 'wb').write(open('a/b.bin', 'rb').read())\nos.symlink('/etc/passwd', 'link')\nprint(7)\nraise SystemExit(4)"
    found = plain.post("/run_code", {"code": code, "files": {"a/b.bin": text, "none": None}, "fetch_files": ["out.txt", "missing", "link"], "stdin": "x"}).json()
    assert found["files"] == {"out.txt": text}
    assert (found["run_result"]["return_code"], found["run_result"]["stdout"]) == (4, "7\n")
    large = plain.post("/run_code", {"code": "for n in (20, 10): open(str(n), 'wb').write(bytes(n << 20))", "fetch_files": ["20", "10"]}).json()
    assert (large["status"], {name: len(data) for name, data in large["files"].items()}) == ("Success", {"10": len(base64.b64encode(bytes(10 << 20)))})
    next_one = plain.post("/run_code", {"code": "import os\nprint(os.listdir('.'))"}).json()
    assert next_one["run_result"]["stdout"] == "['main.py']\n", "nothing is left for the next program"


def test_what_a_program_writes_in_place_of_its_files_is_none(plain: Server) -> None:
    bodies = [
        b"5", b"garbage", b"[0,5]", b'[0,{"o":"x"}]', b'[true,{"d":[]}]', b'[1e999,{"d":[]}]', b'[0,{"d":[["out.txt",5]]}]',
        b'[0,{"d":[["out.txt","no base64!"]]}]', b'[0,{"d":[["out.txt",{"b":"00"}]]}]', b'[0,{"d":[["other","eA=="]]}]',
        b"[" + b"[]," * 1_000_000 + b"[]]",
    ]  # fmt: skip
    for body in bodies:
        code = f"import os, zlib\nbody = zlib.decompress({zlib.compress(body)!r})\nleft = b'R' + len(body).to_bytes(4, 'big') + body\nwhile left: left = left[os.write(4, left):]\nwhile True: pass"
        said = plain.post("/run_code", {"code": code, "fetch_files": ["out.txt"]})
        found = said.json()
        assert (said.status_code, found["status"], found["files"]) == (200, "Failed", {}), (body[:40], said.text[:300])


@pytest.mark.parametrize("about", [
    {"files": {"/etc/passwd": "eA=="}}, {"files": {"../x": "eA=="}}, {"files": {"a": "no base64!"}}, {"files": {"": "eA=="}},
    {"fetch_files": ["/etc/passwd"]}, {"fetch_files": ["a/../../b"]}, {"fetch_files": ["a\0b"]},
])  # fmt: skip
def test_files_elsewhere_are_refused(plain: Server, about: dict[str, Any]) -> None:
    said = plain.post("/run_code", {"code": "print(1)"} | about)
    found = said.json()
    assert (said.status_code, found["status"], found["run_result"]) == (200, "Failed", None)
    assert "folder" in found["message"] or "base64" in found["message"]


@pytest.mark.parametrize(("body", "field"), [
    ({}, "code"), ({"code": 1}, "code"), ({"code": "", "language": "cpp"}, "language"), ({"code": "", "run_timeout": 0}, "run_timeout"),
    ({"code": "", "run_timeout": "x"}, "run_timeout"), ({"code": "", "run_timeout": 1e9}, "run_timeout"),
    ({"code": "", "files": []}, "files"), ({"code": "", "stdin": 5}, "stdin"), ([], None), ("x", None), (None, None),
])  # fmt: skip
def test_what_does_not_fit_is_422_as_of_fastapi(plain: Server, body: Any, field: str | None) -> None:
    said = plain.post("/run_code", body)
    assert said.status_code == 422
    (first, *_) = said.json()["detail"]
    assert {"type", "loc", "msg", "input"} <= set(first)
    assert first["loc"][0] == "body"
    assert field in first["loc"] or field is None


def test_422_says_what_pydantic_says_of_sandbox_fusions_own_models(plain: Server) -> None:
    for text, wanted in (
        ('{"code": "", "language": "cpp"}', {"type": "enum", "loc": ["body", "language"], "input": "cpp", "ctx": {"expected": "'python'"}}),
        ('{"code": "", "run_timeout": 0}', {"type": "greater_than", "loc": ["body", "run_timeout"], "input": 0, "ctx": {"gt": 0.0}}),
        ("null", {"type": "missing", "loc": ["body"], "input": None}), ("[]", {"type": "model_attributes_type", "loc": ["body"], "input": []}),
        ('{"code": "", "run_timeout": NaN}', {"type": "finite_number", "loc": ["body", "run_timeout"], "input": "nan"}),
    ):  # fmt: skip
        (said,) = plain.post("/run_code", None, data=text).json(parse_constant=pytest.fail)["detail"]
        assert said.pop("msg")
        assert said == wanted


def test_the_data_sets_of_sandbox_fusion(plain: Server) -> None:
    assert plain.get("/v1/ping").json() == "pong"
    assert "humaneval" in plain.get("/list_datasets").json()
    asked = {"dataset": "humaneval", "config": {}}
    assert plain.post("/list_ids", asked | {"offset": 1, "limit": 2}).json() == ["HumanEval/1", "HumanEval/2"]
    (prompt,) = plain.post("/get_prompts", asked | {"offset": 53, "limit": 1}).json()
    assert prompt == plain.post("/get_prompt_by_id", {**asked, "id": 53}).json()
    assert set(prompt) == {"id", "prompt", "labels"}
    right, wrong = (
        plain.post("/submit", {**asked, "id": "HumanEval/53", "completion": f"```python\ndef add(x, y):\n    return x {sign} y\n```"}).json()
        for sign in "+-"
    )
    assert (right["accepted"], wrong["accepted"]) == (True, False)
    assert set(right) == {"id", "accepted", "extracted_code", "full_code", "test_code", "tests", "extracted_type", "extra"}
    assert set(right["tests"][0]["exec_info"]) == SHAPE
    assert right["extracted_type"] == "fenced"
    assert plain.post("/get_metrics", asked | {"results": [right, wrong]}).json() == {"pass@1": 0.5}
    assert plain.post("/get_metrics_function", asked).json() == {"function": None}
    test = [{"input": {"stdin": "4"}, "output": {"stdout": "8"}}]
    config = {"dataset_type": "CommonOJDataset", "provided_data": {"id": 1, "content": "double", "test": test}}
    own = plain.post("/submit", {"dataset": "mine", "id": 1, "completion": "```python\nprint(2 * int(input()))\n```", "config": config})
    assert own.json()["accepted"] is True
    assert plain.post("/submit", {"dataset": "nothing", "id": 1, "completion": "", "config": {}}).status_code == 400
    assert plain.post("/submit", {**asked, "id": 999, "completion": ""}).status_code == 400
    assert plain.post("/run_jupyter", {"cells": ["1"]}).status_code == 422
