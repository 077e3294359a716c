"""`toolkit mcp` and `shim`: boxes for agents, and for other people's harnesses."""

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import Parallel, Runtime, refuse
from toolkit.errors import check_one_of

TRANSPORTS, SHIMS = ("stdio", "streamable-http"), ("code_eval",)


def mcp(
    context: typer.Context,
    transport: Annotated[str, typer.Option("--transport", help="stdio or streamable-http (at /mcp).")] = "stdio",
    host: Annotated[str, typer.Option("--host", help="Address to bind: a loopback one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to bind.")] = 8765,
    parallel: Parallel = None,
    runtime: Runtime = None,
) -> None:
    """Serve the tools run_python_code and judge to agents, by the Model Context Protocol."""
    from toolkit.reward import mcp_

    check_one_of("--transport", transport, TRANSPORTS)
    refuse(context, ["host", "port"] if transport == "stdio" else [], "with --transport stdio")
    mcp_.serve(transport, host, port, parallel=parallel, runtime=runtime)


def shim(
    metric: Annotated[str, typer.Argument(help="code_eval")],
    folder: Annotated[Path, typer.Argument(help="Where the harness is started.")],
) -> None:
    """Write a metric that a harness loads instead of its own, and that judges in boxes."""
    from toolkit.reward import code_eval

    check_one_of("METRIC", metric, SHIMS)
    print(code_eval.write(folder))
