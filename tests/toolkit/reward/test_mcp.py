"""The MCP server, asked by an unchanged client: on its standard input, over HTTP, and in this process."""

import asyncio
import subprocess
import sys
import time
from contextlib import closing
from socket import create_server
from typing import Any

import pytest

from tests import inside

mcp = pytest.importorskip("mcp", reason="NOT CHECKED: mcp is not here")

pytestmark = pytest.mark.filterwarnings("ignore")  # of other packages, about each other


async def asked(server: Any) -> dict[str, Any]:
    async with mcp.Client(server) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        ran = await client.call_tool("run_python_code", {"python_code": "print(6 * int(input()))", "stdin": "7"})
        endless = await client.call_tool("run_python_code", {"python_code": "while True: pass", "timeout": 0.3})
        wrong = await client.call_tool("run_python_code", {"python_code": "1", "timeout": 0})
        about = {"benchmark": "humaneval", "task_id": "HumanEval/2"}
        judged = [await client.call_tool("judge", {**about, "solution": f"def truncate_number(number):\n    {end}\n"})
                  for end in ("return number % 1.0", "import sys; sys.exit(0)")]  # fmt: skip
        return {"tools": tools, "ran": ran, "endless": endless, "wrong": wrong, "judged": judged}


def check(found: dict[str, Any]) -> None:
    assert set(found["tools"]) == {"run_python_code", "judge"}
    schema = found["tools"]["run_python_code"].input_schema
    assert {name: about.get("default") for name, about in schema["properties"].items()} == {"python_code": None, "stdin": "", "timeout": 10.0}
    assert schema["required"] == ["python_code"]
    for tool in found["tools"].values():
        assert (tool.annotations.read_only_hint, tool.annotations.open_world_hint) == (True, False)
    assert found["ran"].structured_content["stdout"] == "42\n"
    assert found["ran"].structured_content["status"] == "exited"
    assert found["endless"].structured_content["status"] == "timed_out"
    assert found["wrong"].is_error
    right, forged = (each.structured_content for each in found["judged"])
    assert right == {"verdict": "passed", "passed": True, "score": 1.0, "error": None}
    assert (forged["verdict"], forged["score"]) == ("runtime_error", 0.0)


def test_tools_in_this_process(boxes: None) -> None:
    from toolkit.reward.mcp_ import server

    check(asyncio.run(asked(server(parallel=2))))


def test_tools_on_standard_input(boxes: None) -> None:
    import os

    command = mcp.StdioServerParameters(
        command=sys.executable, args=["-m", "toolkit.cli", "mcp", "--parallel", "1"], env=dict(os.environ)
    )  # fmt: skip
    check(asyncio.run(asked(command)))


def test_tools_over_http(boxes: None) -> None:
    with closing(create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "toolkit.cli", "mcp", "--transport", "streamable-http", "--port", str(port), "--parallel", "1"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    found = asyncio.run(asked(f"http://127.0.0.1:{port}/mcp"))
                    break
                except BaseException:  # a group of errors: it does not listen yet
                    assert time.monotonic() < deadline
                    assert process.poll() is None
                    time.sleep(0.3)
            check(found)
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--transport", "sse"], "--transport is one of stdio, streamable-http, not 'sse'"),
        (["--transport", "streamable-http", "--host", "0.0.0.0"], "--host 0.0.0.0: it asks for no key"),
    ],
)
def test_bad_flags(flags: list[str], said: str) -> None:
    ran = inside.toolkit("mcp", *flags)
    assert ran.returncode == 2
    assert said in ran.stderr
