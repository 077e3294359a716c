"""`toolkit run`, `images` and `doctor`: boxes, without a benchmark."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from toolkit.cli.options import AsJson, Runtime, fail, refuse


def run(
    file: Annotated[str, typer.Argument(help="A Python file, or - for standard input.")],
    timeout: Annotated[float, typer.Option("--timeout", help="Most seconds charged.")] = 10.0,
    memory: Annotated[int, typer.Option("--memory", help="MiB that one process may use, interpreter included.")] = 1024,
    stdin: Annotated[Path | None, typer.Option("--stdin", help="File that the program reads as standard input.")] = None,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="Run it this many times, in the same box.")] = 1,
    as_json: AsJson = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with the program's own exit code.")] = False,
    runtime: Runtime = None,
) -> None:
    """Run one program in a box and print the facts."""
    from toolkit import Box, Limits

    if not 0 < timeout < 3600:
        fail(f"--timeout wants seconds above 0 and below 3600, not {timeout}", 2)
    if memory < 64:
        fail(f"--memory wants at least 64 MiB, which a Python interpreter needs to start, not {memory}", 2)
    try:
        source = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        given = stdin.read_bytes() if stdin else b""
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", 2)
    with Box(Limits(charged_s=timeout, cpu_s=2 * timeout, memory_bytes=memory << 20), runtime=runtime) as box:
        for _ in range(repeat):
            execution = box.run(source, stdin=given)
            if as_json:
                print(json.dumps(asdict(execution)))
            else:
                _print_execution(execution, memory)
    if exit_code:
        code = execution.exit_code
        raise typer.Exit(code if code is not None and code >= 0 else 128 - code if code else 124)


def _print_execution(execution: Any, memory: int) -> None:
    sys.stdout.write(execution.stdout)
    sys.stderr.write(execution.stderr)
    sys.stdout.flush()
    code = "" if execution.exit_code is None else f" {execution.exit_code}"
    cut = ", output cut" if execution.truncated else ""
    of = f" of {memory}" if execution.status == "memory_exceeded" else ""
    print(
        f"{execution.status}{code} · {execution.charged_s:.3f} s charged · {execution.cpu_s:.3f} s CPU · "
        f"{execution.memory_peak_bytes >> 20}{of} MiB{cut}",
        file=sys.stderr,
    )


def build(
    images: Annotated[
        list[str] | None, typer.Argument(metavar="[IMAGE]...", help="run, lint, toolkit or bigcodebench.")
    ] = None,
) -> None:
    """Build images that do not exist yet: those of boxes and of the toolkit for compose, or those named."""
    from sandbox import DockerEngine, recipes
    from sandbox.registry import listed, nearest

    for name in images or ():
        if name not in recipes.ALL:
            fail(f"there is no image {name!r}: there is {listed(recipes.ALL)}{nearest(name, recipes.ALL)}", 2)
    named = images or recipes.IMAGES
    for tag in recipes.build(DockerEngine().client, named, lambda line: print(line, file=sys.stderr)):
        print(tag)


def doctor(
    context: typer.Context,
    as_json: AsJson = False,
    matrix: Annotated[bool, typer.Option("--matrix", help="Try to break out of a box, on every engine found.")] = False,
    ray: Annotated[
        str | None, typer.Option("--ray", help="Show the nodes of this Ray cluster, their boxes and rates.")
    ] = None,
) -> None:
    """Check this machine: what works, what boxes protect against, and what they do not."""
    if ray:
        refuse(context, ["matrix"], "with --ray, whose nodes have engines of their own")
        _nodes(ray, as_json=as_json)
        return
    if matrix:
        _matrix(as_json=as_json)
        return
    from toolkit.commands.doctor import report as examined

    report = examined()
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        for check in report["checks"]:
            mark = {True: "ok  ", False: "FAIL", None: "weak"}[check["ok"]]
            print(f"{mark} {check['name']}: {check['found']}")
            if check["remedy"]:
                print(f"       -> {check['remedy']}")
        for title in ("protects against", "does not protect against"):
            print(f"\n{title}:")
            for line in report[title.replace(" ", "_")]:
                print(f"  - {line}")
    if any(check["ok"] is False for check in report["checks"]):
        raise typer.Exit(3)


def _nodes(address: str, *, as_json: bool) -> None:
    from toolkit.commands.nodes import nodes

    found = nodes(address)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for node in found["nodes"]:
        images = ", ".join(f"{name} {digest[:19]}" for name, digest in node["images"].items())
        rate = f"{node['n_boxes']} boxes, {node['programs_per_s']:g} programs/s"
        print(f"ok   {node['node'][:8]} {node['host']}: {rate}, {images}")
    for name, why in found["refused"].items():
        print(f"FAIL {name[:8]}: {why}")
    print(f"together {found['programs_per_s']:g} programs/s")


def _matrix(*, as_json: bool) -> None:
    from sandbox.probes import PROBES, SHUT
    from sandbox.probes import matrix as measured

    found = measured()
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print(" | ".join(["engine", *PROBES]), "\n", " | ".join(["---"] * (1 + len(PROBES))), sep="")
        notes = []
        for engine, results in found.items():
            words = [result if result == SHUT else result.partition(":")[0] for result in results.values()]
            print(" | ".join([engine, *words]))
            for result in dict.fromkeys(results.values()):
                where = [name for name, other in results.items() if other == result]
                whole = "" if len(where) == len(PROBES) else f", {', '.join(where)}"
                notes += [f"{engine}{whole}: {result}"] if result != SHUT else []
        print("", *notes, sep="\n")
    if not found or any(result.startswith("OPEN") for results in found.values() for result in results.values()):
        raise typer.Exit(3)
