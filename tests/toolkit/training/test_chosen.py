"""What is kept of a task's samples, and which pairs they make."""

from typing import Any

import pytest

from toolkit.training.chosen import Asked, OfTask, by_task, pairs_of, rows_of

ASKED = Asked(question="Write f.", prefill="```python\n")
PASSED = [{"gate": "compile", "passed": True, "findings": []}, {"gate": "tests", "passed": True, "findings": []}]


def refused(gate: str, symbol: str = "no") -> list[dict[str, Any]]:
    note = {"symbol": "note", "message": "a note", "decisive": False}
    return [{"gate": gate, "passed": False, "findings": [note, {"symbol": symbol, "message": "why", "decisive": True}]}]


def row(sample_id: int, text: str, *, reports: Any = PASSED, finished: bool = True, n_tokens: int = 9, chat: bool = True) -> dict[str, Any]:
    prompt = "<|user|>Write f.<|assistant|>```python\n" if chat else "def f(x):\n"
    return {"task_id": "t", "sample_id": sample_id, "completion": text, "prompt": prompt, "n_tokens": n_tokens,
            "finished": finished, "settings": {"chat": chat}, "test": "assert f(1)", "reports": reports}  # fmt: skip


def of_task(*rows: dict[str, Any]) -> OfTask:
    (task,) = by_task((all(report["passed"] for report in each["reports"]), each) for each in rows)
    return task


def test_different_programs_are_kept_and_none_that_was_cut_off() -> None:
    task = of_task(
        row(0, "def f(x):\n    return x", finished=False),
        row(1, "def f(x):\n    return x + 1"),
        row(2, "def f(x):\n    # the next\n    return x  +  1"),
        row(3, "def f(x):\n    return 1 + x", n_tokens=3),
        row(4, "def f(x):\n    return x - (-1)", n_tokens=2),
        row(5, "def f(x):\n    return x - 1", reports=refused("tests")),
    )
    assert task.choose(2, similarity=1.0, shortest_first=False) == 3
    assert [each["sample_id"] for each in task.kept] == [1, 3]
    assert task.choose(2, similarity=1.0, shortest_first=True) == 3
    assert [each["sample_id"] for each in task.kept] == [4, 3]
    assert task.choose(9, similarity=0.2, shortest_first=False) < 3


def test_rows_to_learn_are_those_that_were_judged_without_their_tests() -> None:
    task = of_task(row(0, "def f(x):\n    return x"))
    task.choose(1, similarity=1.0, shortest_first=False)
    (text,) = rows_of(task, "text", ASKED)
    assert text == {name: value for name, value in row(0, "def f(x):\n    return x").items() if name not in ("reports", "test")}
    (chat,) = rows_of(task, "chat", ASKED)
    assert chat["messages"] == [
        {"role": "user", "content": "Write f."}, {"role": "assistant", "content": "```python\ndef f(x):\n    return x\n```"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"raw_response": "Sure:\n```python\nx = 1\n```"}, "Sure:\n```python\nx = 1\n```"),
        ({"settings": {"chat": False}, "prompt": "def f(x):\n", "completion": "    return x\n"}, "```python\ndef f(x):\n    return x\n```"),
        ({"solution": "x = 2\n"}, "```python\nx = 2\n```"),
    ],
)
def test_an_answer_in_a_chat_is_the_models_own_or_its_program(given: dict[str, Any], answer: str) -> None:
    task = of_task(row(0, "x = 1") | given)
    task.choose(1, similarity=1.0, shortest_first=False)
    assert rows_of(task, "chat", ASKED)[0]["messages"][1]["content"] == answer


def test_pairs_have_what_execution_refused_and_nothing_twice() -> None:
    task = of_task(
        row(0, "right"), row(1, "ri ght"), row(2, "r ight"),
        row(3, "known", reports=refused("decontaminate")),
        row(4, "cut o", reports=refused("compile", "SyntaxError"), finished=False),
        row(5, "wrong", reports=refused("tests", "AssertionError")),
        row(6, "wrong  # again", reports=refused("tests", "AssertionError")),
    )  # fmt: skip
    task.choose(3, similarity=1.0, shortest_first=False)
    first, second = pairs_of(task, "dpo", "text", ASKED)
    assert first == {
        "task_id": "t", "prompt": row(0, "")["prompt"], "chosen": "right\n```", "rejected": "wrong\n```",
        "chosen_verdict": {"passed": ["compile", "tests"]},
        "rejected_verdict": {"gate": "tests", "symbol": "AssertionError"},
    }  # fmt: skip
    assert second["rejected"] == "cut o"
    assert task.reasons() == ["decontaminate: no", "compile: SyntaxError", "tests: AssertionError", "tests: AssertionError"]
    assert second["rejected_verdict"] == {"gate": "compile", "symbol": "SyntaxError", "message": "why"}
    each = pairs_of(task, "kto", "chat", ASKED)
    assert [(one["completion"][0]["content"], one["label"]) for one in each] == [
        ("```python\nright\n```", True), ("```python\nwrong\n```", False), ("```python\nri ght\n```", True), ("```python\ncut o", False)
    ]  # fmt: skip
    assert each[1]["verdict"]["gate"] == "tests"
    assert not pairs_of(of_task(row(0, "right")), "dpo", "text", ASKED)
