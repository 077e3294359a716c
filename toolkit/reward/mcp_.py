"""A Model Context Protocol server: `run_python_code` for agents, and `judge` for those that train them."""

from typing import Any

from toolkit.errors import InfrastructureError, UsageError
from toolkit.reward.judge import Judge
from toolkit.reward.running import plain, run_python_async

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def server(*, parallel: int | None = None, runtime: str | None = None) -> Any:
    """Return an `mcp.server.MCPServer` with both tools. Raises `UsageError` without the extra `mcp`."""
    try:
        from mcp.server import MCPServer
        from mcp_types import ToolAnnotations
    except ImportError as error:
        raise UsageError(f'{error}; the server needs more packages: pip install "exogate[mcp]"') from None
    made = MCPServer("exogate", instructions="Programs run in boxes without network; each begins from nothing.")
    harmless = ToolAnnotations(readOnlyHint=True, openWorldHint=False)

    @made.tool(annotations=harmless)
    async def run_python_code(python_code: str, stdin: str = "", timeout: float = 10.0) -> dict[str, Any]:
        """Run a whole Python 3 program in an isolated box, without network, and say what happened.

        Nothing is kept between calls. Returns status (exited, signaled, timed_out, memory_exceeded, output_exceeded or
        violated), exit_code, stdout, stderr, charged_s, cpu_s, memory_peak_bytes, truncated.
        """
        return plain(await run_python_async(python_code, stdin=stdin, timeout=timeout, parallel=parallel, runtime=runtime))

    @made.tool(annotations=harmless)
    async def judge(benchmark: str, task_id: str, solution: str) -> dict[str, Any]:
        """Judge a solution of a benchmark's task, such as humaneval+ and HumanEval/0, by all its tests.

        Returns verdict (passed, wrong_answer, ...), passed and score; all are null if it could not be judged: see error.
        """
        asked = Judge(benchmark, parallel=parallel, runtime=runtime)
        (found,) = await asked.judge_async([{"task_id": task_id, "solution": solution}])
        return {"verdict": found.verdict, "passed": found.passed, "score": found.score, "error": found.error}

    return made


def serve(transport: str, host: str, port: int, *, parallel: int | None = None, runtime: str | None = None) -> None:
    """Serve until the client goes, or Ctrl-C. Raises `UsageError` if anybody on the network could use it."""
    if transport == "streamable-http" and host not in LOOPBACK:
        raise UsageError(f"--host {host}: it asks for no key; bind {LOOPBACK[0]}, and put what authenticates in front of it")
    made = server(parallel=parallel, runtime=runtime)
    if transport == "stdio":
        made.run("stdio")
        return
    try:
        made.run("streamable-http", host=host, port=port, stateless_http=True, json_response=True)
    except (OSError, SystemExit) as error:
        raise InfrastructureError(f"{host}:{port} cannot be served: {error}") from None
