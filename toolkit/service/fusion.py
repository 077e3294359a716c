"""SandboxFusion's endpoints: the same shapes, statuses and codes, in boxes.

`/run_code` says what a program did; its exit code is in the program's hands, so it is no verdict. `/submit` judges, as
`/judge` does. What differs: our own failure and a full queue are 504, never a status `SandboxError`; only Python; paths of
files stay within the program's folder.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from toolkit.benchmarks.own_asserts import BadTests
from toolkit.records import Check, Task, Verdict
from toolkit.service import shapes
from toolkit.service.admission import MARGIN_S
from toolkit.service.errors import Failed
from toolkit.service.room import POD, Room
from toolkit.service.shapes import read

COMPILE_S, NETWORK_S = 10.0, 10.0
"""What clients allow beside the run: `compile_timeout`, unless they say so, and what verl adds to both."""
SHORT_S = 2.0
"""What SkyRL's client adds to the run, which tries its next server then. It is known by its four fields."""
ALIASES = {"humaneval_python": "humaneval", "humaneval_plus": "humaneval+", "mbpp_plus": "mbpp+"}
NO_NOTEBOOKS = "notebooks keep state from cell to cell, and a box keeps none: run the cells as one program by /run_code"


def patience_s(asked: shapes.RunCode) -> tuple[float, float]:
    """Return (how long the client of a request waits, how long the request may wait for a box), as far as fields tell."""
    whole = asked.compile_timeout + asked.run_timeout + NETWORK_S
    is_short = {"language", "code", "stdin", "run_timeout"} == asked.model_fields_set
    return whole, SHORT_S - MARGIN_S if is_short else whole


async def run_code(room: Room, key: str, body: Any) -> Any:
    """`POST /run_code`."""
    asked = read(shapes.RunCode, body)
    return await room.run_code(key, asked, *patience_s(asked))


async def run_jupyter(_room: Room, _key: str, _body: Any) -> Any:
    """`POST /run_jupyter`: refused."""
    raise Failed(422, [{"type": "unsupported", "loc": ["body"], "msg": NO_NOTEBOOKS, "input": None}])


async def list_datasets(room: Room, _key: str, _body: Any) -> Any:
    """`GET /list_datasets`."""
    return await asyncio.to_thread(room.books.names)


def _dataset(room: Room, name: str) -> Mapping[str, Task]:
    try:
        return room.books.tasks(ALIASES.get(name, name))[1]
    except Failed as error:
        raise Failed(400, error.detail) from None


async def list_ids(room: Room, _key: str, body: Any) -> Any:
    """`POST /list_ids`."""
    asked = read(shapes.GetPrompts, body)
    ids = list(await asyncio.to_thread(_dataset, room, asked.dataset))
    return ids[max(asked.offset, 0) :][: max(asked.limit, 0)]


async def get_prompts(room: Room, _key: str, body: Any) -> Any:
    """`POST /get_prompts`."""
    asked = read(shapes.GetPrompts, body)
    tasks = list((await asyncio.to_thread(_dataset, room, asked.dataset)).values())
    return [_prompt(task) for task in tasks[max(asked.offset, 0) :][: max(asked.limit, 0)]]


async def get_prompt_by_id(room: Room, _key: str, body: Any) -> Any:
    """`POST /get_prompt_by_id`."""
    asked = read(shapes.GetPromptById, body)
    return _prompt((await asyncio.to_thread(_task, room, asked.dataset, asked.id))[1])


def _task(room: Room, dataset: str, task_id: int | str) -> tuple[str, Task]:
    try:
        benchmark, task = room.books.task(ALIASES.get(dataset, dataset), task_id)
    except Failed as error:
        raise Failed(400, error.detail) from None
    return benchmark.name, task


def _prompt(task: Task) -> dict[str, Any]:
    return {"id": task.task_id, "prompt": task.question or task.prompt, "labels": {"entry_point": task.entry_point}}


async def submit(room: Room, key: str, body: Any) -> Any:
    """`POST /submit`: a task of a benchmark, or the tests in `provided_data` of a `CommonOJDataset`."""
    asked = read(shapes.Submit, body)
    row = await asyncio.to_thread(_row, room, asked)
    try:
        question = await asyncio.to_thread(room.books.question, row)
    except (Failed, BadTests) as error:
        raise Failed(400, getattr(error, "detail", str(error))) from None
    run_s = asked.config.run_timeout or 0.0
    patience = (asked.config.compile_timeout or COMPILE_S) + max(run_s, question.limit_s) + 2 * NETWORK_S
    found = await room.reward(key, question, patience)
    program, task = question.sample.solution, question.oracle.tasks[question.sample.task_id]
    accepted = found["passed"]
    run = {
        "status": "TimeLimitExceeded" if found["status"] is Verdict.TIME_LIMIT else "Finished",
        "execution_time": found["exogate"]["charged_s"],
        "return_code": None if found["status"] is Verdict.TIME_LIMIT else int(not accepted), "stdout": "", "stderr": "",
    }  # fmt: skip
    info = {
        "status": "Success" if accepted else "Failed", "message": found["status"], "compile_result": None, "run_result": run,
        "executor_pod_name": POD, "files": {},
    }  # fmt: skip
    return {
        "id": asked.id,
        "accepted": accepted,
        "extracted_code": program,
        "full_code": program,
        "test_code": task.tests.text if isinstance(task.tests, Check) and "provided_data" not in row else "",
        "tests": [{"passed": accepted, "exec_info": info, "test_info": None}],
        "extracted_type": _extracted(asked.completion, program),
        "extra": {name: found[name] for name in ("status", "tests_passed", "tests", "exogate")},
    }


def _row(room: Room, asked: shapes.Submit) -> dict[str, Any]:
    """Return a submission as a row of `/judge`."""
    config = asked.config
    limits = {"timeout": config.run_timeout} if config.run_timeout else {}
    if config.provided_data is None:
        name, task = _task(room, asked.dataset, asked.id)
        return {"benchmark": name, "task_id": task.task_id, "completion": asked.completion, **limits}
    given = config.provided_data if isinstance(config.provided_data, list) else [config.provided_data]
    data = next((one for one in given if str(one.get("id")) == str(asked.id)), given[0] if len(given) == 1 else None)
    if data is None or config.dataset_type != "CommonOJDataset":
        raise Failed(400, "of provided_data, only the row of this id is read, and only of dataset_type CommonOJDataset")
    cases = data.get("test")
    try:
        pairs = [(case["input"]["stdin"], case["output"]["stdout"]) for case in cases]  # type: ignore[union-attr]
    except (TypeError, KeyError):
        raise Failed(400, "provided_data.test: must be a list of {input: {stdin}, output: {stdout}}") from None
    tests = {"kind": "stdin", "inputs": [one for one, _ in pairs], "outputs": [other for _, other in pairs]}
    return {"tests": tests, "completion": asked.completion, "provided_data": True, **limits}


def _extracted(completion: str, program: str) -> str:
    if not program.strip():
        return "empty"
    return ("fenced" if completion.count("```") > 1 else "incomplete_fenced") if "```" in completion else "heuristic"


async def get_metrics(room: Room, _key: str, body: Any) -> Any:
    """`POST /get_metrics`: the share of accepted results, a mean over tasks."""
    asked = read(shapes.GetMetrics, body)
    await asyncio.to_thread(_dataset, room, asked.dataset)
    by_task: dict[str, list[bool]] = {}
    for result in asked.results:
        by_task.setdefault(str(result.get("id")), []).append(result.get("accepted") is True)
    shares = [sum(found) / len(found) for found in by_task.values()]
    return {"pass@1": sum(shares) / len(shares)} if shares else {}


async def get_metrics_function(_room: Room, _key: str, body: Any) -> Any:
    """`POST /get_metrics_function`: there are none."""
    read(shapes.GetMetrics, body)
    return {"function": None}

