"""What is made out of model text, and what a hostile text can do: nothing but lose its own chance."""

import os
import random
import resource
import signal
import sys
import time
from collections.abc import Iterator
from itertools import combinations, count, islice
from pathlib import Path

import pytest

from toolkit.records import Task
from toolkit.samples.extract import longest_program, without_thoughts
from toolkit.samples.sanitize import Sanitizer, SanitizerFailed

PROMPT = (
    'from typing import List\n\n\ndef helper(x):\n    return x\n\n\ndef total(xs: List[int]) -> int:\n    """Sum."""\n'
)
BODY = "    return sum(map(helper, xs))\n"
PROGRAM = "def total(xs: List[int]) -> int:\n    return sum(map(helper, xs))"
HEAD = PROMPT[: PROMPT.index("def total")]
TASK = Task(task_id="T/0", prompt=PROMPT, entry_point="total", canonical_solution=BODY)
SLOW = "\n".join(["((", "'''", "x"] * 40_000)
"""Takes a parser far longer than it gets."""
FENCED = f"Here you are:\n\n```python\n{PROGRAM}\n```\n\nIt's a sum; don't worry.\n"


@pytest.fixture(scope="module")
def sanitizer() -> Iterator[Sanitizer]:
    with Sanitizer() as made:
        yield made


@pytest.mark.parametrize(
    "program",
    [
        "import os\n\n\nprint( 'x' )\n\n\n",
        "x = '\\d'\r\n",
        "",
        "# only a comment",
        "s = '''\n<think>\nhm</think>\n'''\n",
        "def other():\n    pass",
    ],
)
def test_a_solution_that_parses_is_left_byte_for_byte(sanitizer: Sanitizer, program: str) -> None:
    assert sanitizer.solution(TASK, "solution", program) == program


@pytest.mark.parametrize("field", ["solution", "raw_response"])
@pytest.mark.parametrize(
    "text",
    [
        FENCED,
        f"<think>\n```python\ndef total(xs):\n    y = 1\n    z = 2\n    return y\n```\n</think>\n{FENCED}",
        f"<thinking>maybe not</thinking>{FENCED}",
        f"maybe def total\n</think>\n{FENCED}",
        f"{FENCED}<think> was that right? I'd",
        f"{PROGRAM}\n```\nIt's done",
    ],
)
def test_a_whole_answer_gives_its_program(sanitizer: Sanitizer, field: str, text: str) -> None:
    assert sanitizer.solution(TASK, field, text) == PROGRAM


@pytest.mark.parametrize(
    "text", ["I can't do that.", "def total(xs:\n    return 1", "<think>it's", "```\nx = 1\ny = 2\n```"]
)
def test_a_text_without_the_entry_point_stays_as_it_came(sanitizer: Sanitizer, text: str) -> None:
    assert sanitizer.solution(TASK, "solution", text) == text
    assert sanitizer.solution(TASK, "completion", text) == PROMPT + text


def test_a_decorated_entry_point_is_found_although_evalplus_leaves_it_out(sanitizer: Sanitizer) -> None:
    program = "from functools import cache\n@cache\ndef total(xs):\n    return 1"
    assert sanitizer.solution(TASK, "solution", f"```\n{program}\n```") == program


@pytest.mark.parametrize(
    "completion",
    [
        BODY,
        f"{BODY}\nif __name__ == '__main__':\n    print(total([1]))\n",
        PROMPT + BODY,
        f"{PROGRAM}\nx = total([])\n",
    ],
)
def test_a_completion_that_continues_the_prompt_is_appended(sanitizer: Sanitizer, completion: str) -> None:
    assert sanitizer.solution(TASK, "completion", completion) == PROMPT + completion


@pytest.mark.parametrize("completion", [f"```python\n{BODY}```", f"Here it is:\n```\n{BODY}```\nIt's fine."])
def test_a_body_is_taken_out_of_its_fences(sanitizer: Sanitizer, completion: str) -> None:
    assert sanitizer.solution(TASK, "completion", completion) == PROMPT + BODY


@pytest.mark.parametrize("completion", [FENCED, f" {FENCED}", f"<think>\nit's\n</think>\n{FENCED}"])
def test_a_whole_answer_gets_what_the_prompt_has_before_the_entry_point(sanitizer: Sanitizer, completion: str) -> None:
    assert sanitizer.solution(TASK, "completion", completion) == HEAD + PROGRAM


@pytest.mark.parametrize(
    "tail", ["```\n\nIt's fine.\n```python\nprint(total([1]))\n```", "\ndef total(xs):\n    return (", "It's done."]
)
def test_what_is_unreadable_behind_a_body_is_cut_as_evalplus_cuts_it(sanitizer: Sanitizer, tail: str) -> None:
    cut = sanitizer.solution(TASK, "completion", BODY + tail)
    assert cut == sanitizer.solution(TASK, "raw_response", f"{PROMPT}\n{BODY}{tail}")
    assert cut.endswith(f'    """Sum."""\n\n{BODY.rstrip()}')
    assert "import List\ndef helper(x):" in cut


def test_without_an_entry_point_a_program_is_taken_as_it_is_found(sanitizer: Sanitizer) -> None:
    task = Task(task_id="T/1", prompt="Read n.", entry_point="", canonical_solution="")
    assert sanitizer.solution(task, "solution", "It's:\n```\nimport sys\nx = 1\n```") == "import sys\nx = 1"


def test_tags_inside_a_line_are_no_thoughts() -> None:
    text = 'x = "<think>"\ny = text.split("</think>")[0]\n'
    assert without_thoughts(text) == text


def test_the_longest_program_is_that_of_a_search_over_all_ranges() -> None:
    def searched(text: str) -> str:
        lines = text.split("\n")
        best, span = 0, (0, 0)
        for i, j in combinations(range(len(lines)), 2):
            try:
                compile("\n".join(lines[i : j + 1]), "", "exec", 1 << 10)
            except SyntaxError:
                continue
            if (n := sum(bool(line.strip()) for line in lines[i : j + 1])) > best:
                best, span = n, (i, j)
        return "\n".join(lines[span[0] : span[1] + 1])

    pieces = (
        '"""|x = (1,|)|]|f(|    return 1|def f():|It\'s so|```||# c|\\|if x:|else:|try:|@d|x = """a|f"{|   |}|y = 1'
    )
    draw = random.Random(0)
    for _ in range(2_000):
        text = "\n".join(draw.choices(pieces.split("|"), k=draw.randrange(1, 12)))
        assert longest_program(text) == searched(text), text


def test_hostile_texts_come_back_and_the_others_get_theirs() -> None:
    hostile = ["(" * 500_000, "-" * 500_000 + "1", "x = " + "[" * 90 + "]" * 90, SLOW]
    with Sanitizer() as sanitizer:
        start = time.monotonic()
        found = list(sanitizer.solutions((TASK, "solution", text) for text in [FENCED, *hostile, FENCED]))
    assert found == [PROGRAM, *hostile, PROGRAM]
    assert time.monotonic() - start < 60


@pytest.mark.slow
def test_a_text_gets_a_second_of_cpu_and_no_more() -> None:
    with Sanitizer(workers=1) as sanitizer:
        assert sanitizer.solution(TASK, "solution", FENCED) == PROGRAM
        before = cpu_of_children()
        assert list(sanitizer.solutions([(TASK, "solution", SLOW), (TASK, "completion", SLOW)])) == [SLOW, PROMPT + SLOW]
    assert 2 < cpu_of_children() - before < 3.5  # that of the processes started anew included


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_the_import_of_evalplus_is_charged_to_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wget.py").write_text("import time\nwhile time.process_time() < 1: pass\n")  # evalplus imports it
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Sanitizer(cpu_s=0.5) as sanitizer:
        before = cpu_of_children()
        assert sanitizer.solution(TASK, "solution", FENCED) == PROGRAM
    assert cpu_of_children() - before > 1


def test_several_workers_give_programs_in_order_and_read_a_bounded_number_ahead() -> None:
    n_read = 0

    def items() -> Iterator[tuple[Task, str, str]]:
        nonlocal n_read
        for n_read in count(1):
            yield TASK, "solution", SLOW if n_read == 1 else f"It is {n_read}:\n```\ndef total(xs):\n    return {n_read}\n```"

    with Sanitizer(workers=3) as sanitizer:
        found = list(islice(sanitizer.solutions(items()), 100))
        assert found == [SLOW, *(f"def total(xs):\n    return {n}" for n in range(2, 101))]
        assert n_read <= 100 + 6 * 8
        processes = [worker.process for worker in sanitizer._workers]
        assert all(processes)
    assert all(process.returncode is not None for process in processes if process)


def test_a_sanitizer_that_is_left_waits_for_no_text() -> None:
    start = time.monotonic()
    with Sanitizer(cpu_s=100, workers=2) as sanitizer:
        programs = sanitizer.solutions([(TASK, "solution", FENCED)] * 8 + [(TASK, "solution", SLOW)] * 20)
        assert next(programs) == PROGRAM
    assert time.monotonic() - start < 20
    assert sanitizer.solution(TASK, "solution", FENCED) == PROGRAM
    sanitizer.__exit__()


def test_a_worker_that_is_killed_costs_no_text_its_answer(sanitizer: Sanitizer) -> None:
    assert sanitizer.solution(TASK, "solution", FENCED) == PROGRAM
    for worker in sanitizer._workers:
        if worker.process:
            os.kill(worker.process.pid, signal.SIGKILL)
    assert list(sanitizer.solutions([(TASK, "solution", FENCED)] * 30)) == [PROGRAM] * 30


def test_a_worker_that_cannot_start_is_our_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Sanitizer() as sanitizer, pytest.raises(SanitizerFailed, match="exit code 1"):
        sanitizer.solution(TASK, "solution", "x = 1")


def test_answers_nobody_read_are_not_given_to_the_next_text(sanitizer: Sanitizer) -> None:
    items = [(TASK, "solution", f"x = {i}") for i in range(200)]
    assert next(sanitizer.solutions(items)) == "x = 0"
    assert list(sanitizer.solutions(items)) == [text for _, _, text in items]


def test_an_unknown_field_is_refused(sanitizer: Sanitizer) -> None:
    with pytest.raises(ValueError, match="unknown field 'code'"):
        sanitizer.solution(TASK, "code", "x = 1")


def test_a_sanitizer_needs_some_time() -> None:
    with pytest.raises(ValueError, match="cpu_s"):
        Sanitizer(cpu_s=0)
