"""`toolkit serve`."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.options import Ray, Runtime, fail


def serve(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; one that others can reach needs keys.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port; 0 takes any free one.")] = 8080,
    boxes: Annotated[int | None, typer.Option("--boxes", help="Programs at a time, with --ray per node [cores].")] = None,
    memory: Annotated[int, typer.Option("--memory", help="MiB that one program may use.")] = 4096,
    benchmarks: Annotated[
        str | None, typer.Option("--benchmarks", help="Benchmarks to serve, comma-separated [all whose data is here].")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds charged, for rows of /judge that set none.")] = 5.0,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", help="File of keys, one per line, optionally with name=, in_flight=, per_minute=."),
    ] = None,
    max_wait: Annotated[float, typer.Option("--max-wait", help="Longest wait of a program for a box, in seconds.")] = 20.0,
    max_body: Annotated[int, typer.Option("--max-body", help="Largest request body, in MiB.")] = 64,
    drain: Annotated[float, typer.Option("--drain", help="Seconds to finish accepted requests once told to stop.")] = 60.0,
    strict_exit: Annotated[
        bool, typer.Option("--strict-exit", help="/run_code: exit 0 before the last statement is exit code 120.")
    ] = False,
    cache: Annotated[bool, typer.Option("--cache/--no-cache", help="Reuse stored verdicts.")] = True,
    allow_shared: Annotated[
        bool, typer.Option("--allow-shared", help="Reward passes of tests that ran in the program's process, too.")
    ] = False,
    access_log: Annotated[bool, typer.Option("--access-log/--no-access-log", help="Log a line per request.")] = True,
    log_programs: Annotated[bool, typer.Option("--log-programs", help="Log the programs of requests, too.")] = False,
    runtime: Runtime = None,
    ray: Ray = None,
) -> None:
    """Judge programs over HTTP: verdicts, rewards for trainers, and SandboxFusion's endpoints."""
    from toolkit.service.settings import Settings, read_keys

    try:
        from toolkit.service.serve import serve as command
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn", "h11", "anyio"):
            raise
        fail(f"{error.name} is missing; toolkit serve needs the extra serve: pip install 'exogate[serve]'", 3)
    settings = Settings(
        host=host,
        port=port,
        boxes=(os.cpu_count() or 1) if boxes is None else boxes,
        memory_bytes=memory << 20,
        keys=read_keys(key_file),
        max_wait_s=max_wait,
        strict_exit=strict_exit,
        benchmarks=None if benchmarks is None else tuple(name.strip() for name in benchmarks.split(",") if name.strip()),
        timeout_s=timeout,
        max_body_bytes=max_body << 20,
        drain_s=drain,
        use_cache=cache,
        allow_shared=allow_shared,
        log_programs=log_programs,
        runtime=runtime,
        ray=ray,
        boxes_a_node=boxes,
    )
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("toolkit.serve").setLevel(logging.INFO)
    logging.getLogger("toolkit.serve.access").setLevel(logging.INFO if access_log else logging.WARNING)
    command(settings, lambda line: print(line, flush=True))
