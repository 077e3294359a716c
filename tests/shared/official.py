"""What official tests say of programs: checkers of others, run as they are where they are at hand, and asserts run plainly.

Programs that a model wrote run in boxes, with the checker; only mutants of official solutions run here, in forks. The checkers
of LiveCodeBench and CodeEval-Pro are read from clones of their repositories beside the checkout, or where LIVECODEBENCH_CLONE
and CODEEVAL_PRO_CLONE say; nothing of them is in this project.
"""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox import Box, Execution, Limits, Sandbox, Status
from toolkit.benchmarks.livecodebench import PRELUDE

CLONES = {"LIVECODEBENCH_CLONE": "LiveCodeBench", "CODEEVAL_PRO_CLONE": "CodeEval-Pro"}
_MARK = "\n\x01said by the checker: "


def peer(variable: str, path: str) -> str:
    """Return the text of a file of a clone; skip, loudly, where there is none."""
    folder = Path(os.environ.get(variable) or Path(__file__).parents[3] / CLONES[variable])
    if not (folder / path).is_file():
        pytest.skip(f"NOT CHECKED: there is no {path} in {folder}; clone {CLONES[variable]} there, or set {variable}")
    return (folder / path).read_text()


# -- here, in forks ----------------------------------------------------------------------------------------------------

PLAIN = """
import json, os, resource, signal, sys
out = os.dup(1)
null = os.open(os.devnull, os.O_RDWR)
for line in sys.stdin.read().splitlines():
    pid = os.fork()
    if not pid:
        for fd in (0, 1, 2): os.dup2(null, fd)
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (5, 6))
        signal.alarm(120)
        try:
            exec(compile(json.loads(line), "case.py", "exec"), {"__name__": "__main__"})
        except SystemExit as error: os._exit(bool(error.code))
        except BaseException: os._exit(1)
        os._exit(0)
    os.write(out, b"0" if os.waitpid(pid, 0)[1] else b"1")
"""
"""The program and its asserts in one process, whose end decides. Bounded by processor time, so that a busy machine kills none."""

EVALPLUS = """
import json, os, sys
from evalplus.data import get_human_eval_plus, get_mbpp_plus
from evalplus.eval import PASS, untrusted_check
from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS
from evalplus.gen.util import trusted_exec
out = os.dup(1)
os.dup2(2, 1)
name, seconds = sys.argv[1], float(sys.argv[2])
problems = {"humaneval": get_human_eval_plus, "mbpp": get_mbpp_plus}[name]()
known = {}
for line in sys.stdin.read().splitlines():
    task_id, text = json.loads(line)
    problem = problems[task_id]
    passed = True
    for part in ("base_input", "plus_input"):
        if (task_id, part) not in known:
            whole, entry = problem["prompt"] + problem["canonical_solution"], problem["entry_point"]
            known[task_id, part] = trusted_exec(whole, problem[part], entry, True, entry in MBPP_OUTPUT_NOT_NONE_TASKS)
        expected, times = known[task_id, part]
        passed = passed and untrusted_check(
            name, text, problem[part], problem["entry_point"], expected, problem["atol"], times,
            fast_check=True, min_time_limit=seconds, gt_time_limit_factor=4 * seconds)[0] == PASS
    os.write(out, b"1" if passed else b"0")
"""
"""evalplus's own check, of one program after the other."""


def _here(script: str, rows: Sequence[Any], *arguments: str, environment: Mapping[str, str] = {}) -> list[bool]:
    """Return what a script says of each row, half of the rows in each of two processes."""
    def half(part: Sequence[Any]) -> list[bool]:
        lines = "".join(json.dumps(row) + "\n" for row in part)
        done = subprocess.run([sys.executable, "-c", script, *arguments], input=lines, text=True, capture_output=True, check=False, env={**os.environ, **environment})
        said = done.stdout.strip()
        assert (done.returncode, len(said)) == (0, len(part)), done.stderr[-800:]
        return [one == "1" for one in said]

    middle = (len(rows) + 1) // 2
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(half, (rows[:middle], rows[middle:]))
    return first + second


def plainly(programs: Sequence[str]) -> list[bool]:
    """Say of each program, its asserts included, whether it ends as it should."""
    return _here(PLAIN, programs)


def by_evalplus(name: str, rows: Sequence[tuple[str, str]], data: Path, seconds: float = 1.0) -> list[bool]:
    """Say of each task's program whether evalplus passes it, base and plus; `seconds` are a call's least limit."""
    variable = {"humaneval+": "HUMANEVAL_OVERRIDE_PATH", "mbpp+": "MBPP_OVERRIDE_PATH"}[name]
    return _here(EVALPLUS, rows, name.rstrip("+"), str(seconds), environment={variable: str(data)})


# -- in boxes ----------------------------------------------------------------------------------------------------------

IN_BOX = """
import json, os, sys
given = json.loads(sys.stdin.read())
out = os.dup(1)
os.dup2(2, 1)
scope = {"__name__": "peer"}
exec(compile(given["checker"], "checker.py", "exec"), scope)
"""
LIVECODEBENCH = IN_BOX + """
results, about = scope["run_test"]({"input_output": json.dumps(given["tests"])}, test=given["program"], timeout=given["seconds"])
said = [all(one is True or (type(one) is not bool and one > 0) for one in results), about.get("error_code"), about.get("error_message"), about.get("error")]
os.write(out, (MARK + json.dumps(said, default=str)).encode())
os._exit(0)
""".replace("MARK", repr(_MARK))
CODEEVAL_PRO = IN_BOX + """
os.mkdir("bin")
os.symlink(sys.executable or "/usr/bin/python3", "bin/python")
os.environ["PATH"] = os.path.abspath("bin") + ":" + os.environ.get("PATH", "/usr/bin:/bin")
found = scope["run_generated_py_file"]([given["tests"]], [[given["program"]]], os.getcwd() + "/code_run/")["analysis"][0][0]
os.write(out, (MARK + json.dumps([found["status"] == "Passed", found["error_type"]])).encode())
""".replace("MARK", repr(_MARK))
UNITTEST = """
import json, os, sys, types, unittest
given = json.loads(sys.stdin.read())
out = os.dup(1)
os.dup2(2, 1)
module = sys.modules["__test__"] = types.ModuleType("__test__")
result = unittest.TestResult()
try:
    exec(compile(given["program"] + "\\n" + given["tests"], "__test__.py", "exec", dont_inherit=True), module.__dict__)
    for name in given["classes"]: unittest.TestLoader().loadTestsFromTestCase(getattr(module, name)).run(result)
    passed = not (result.failures or result.errors)
except BaseException: passed = False
os.write(out, (MARK + json.dumps([passed])).encode())
os._exit(0)
""".replace("MARK", repr(_MARK))
"""As BigCodeBench's `unsafe_execute` and CodeEval-Pro's harness: program and tests in one process, without limits of theirs."""
AS_PROCESS = """
import os, sys
given, program = os.open("given", os.O_CREAT | os.O_RDWR | os.O_TRUNC), os.open("program.py", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
os.write(program, PROGRAM.encode("utf-8", "surrogatepass"))
data = sys.stdin.read().encode()
while data: data = data[os.write(given, data):]
os.lseek(given, 0, 0)
source, sink = os.pipe()
where = sys.executable or "/usr/bin/python3"
child = os.posix_spawn(where, [where, "program.py"], {"PATH": "/usr/bin:/bin"}, file_actions=[(os.POSIX_SPAWN_DUP2, given, 0), (os.POSIX_SPAWN_DUP2, sink, 1), (os.POSIX_SPAWN_CLOSE, source)])
os.close(sink)
parts = []
while part := os.read(source, 1 << 16): parts.append(part)
if os.waitpid(child, 0)[1]: raise RuntimeError("it ended with an exit code")
print(b"".join(parts).decode())
"""


def as_process(program: str) -> str:
    """Return a program that runs another one as a process of its own, which the official harness does not."""
    return AS_PROCESS.replace("PROGRAM", repr(PRELUDE + program))


Said = list[Any]
"""Whether a program passes, and what else its checker says; the first is False where the checker did not survive the program."""


def _in_boxes(pool: Sandbox, script: str, asked: Iterable[dict[str, Any]], image: str = "run") -> list[Said]:
    def one(box: Box, row: dict[str, Any]) -> Said:
        seconds = row.pop("whole_s")
        limits = Limits(charged_s=seconds, cpu_s=2 * seconds, memory_bytes=pool.limits.memory_bytes, output_bytes=64 << 20)
        return _said(box.run(script, stdin=json.dumps(row).encode(), limits=limits))

    return list(pool.map(one, asked, image))


def _said(run: Execution) -> Said:
    _, mark, text = run.stdout.rpartition(_MARK)
    try:
        return list(json.loads(text)) if mark and run.status is Status.EXITED else [False, str(run.status)]
    except ValueError:
        return [False, text[:80]]


def by_livecodebench(pool: Sandbox, rows: Sequence[tuple[str, Mapping[str, Any]]], seconds: int = 6) -> list[Said]:
    """Say of each program, with its tests (`inputs`, `outputs`, `fn_name`), what LiveCodeBench's `testing_util` says, in a box."""
    checker = peer("LIVECODEBENCH_CLONE", "lcb_runner/evaluation/testing_util.py")
    return _in_boxes(pool, LIVECODEBENCH, (
        {"checker": checker, "program": program, "tests": tests, "seconds": seconds, "whole_s": (seconds + 1.0) * len(tests["inputs"]) + 5}
        for program, tests in rows
    ))  # fmt: skip


def by_codeeval_pro(pool: Sandbox, rows: Sequence[tuple[str, str]]) -> list[Said]:
    """Say of each program, with its asserts, what CodeEval-Pro's `run_generated_py_file` says, in a box."""
    whole = ast.parse(peer("CODEEVAL_PRO_CLONE", "eval/harness.py"))
    wanted = [node for node in whole.body if isinstance(node, ast.FunctionDef) and node.name in ("generate_py_file", "run_generated_py_file")]
    assert len(wanted) == 2
    imports = "import json, os, re, subprocess\nfrom collections import defaultdict\nfrom pathlib import Path\n"
    checker = imports + "\n".join(map(ast.unparse, wanted))
    return _in_boxes(pool, CODEEVAL_PRO, ({"checker": checker, "program": program, "tests": tests, "whole_s": 40.0} for program, tests in rows))


def by_unittest(pool: Sandbox, rows: Sequence[tuple[str, str, Sequence[str]]], image: str) -> list[Said]:
    """Say of each program, with its tests and their classes, whether they pass in its own process, in a box; without classes, asserts."""
    return _in_boxes(pool, UNITTEST, ({"program": program, "tests": tests, "classes": list(classes), "whole_s": 240.0} for program, tests, classes in rows), image)
