"""pylint and radon as anyone runs them, in a container of the lint image: what the gate `quality` must say as well.

Reads a JSON list of programs from standard input and prints a JSON list of what the linters say. `process` starts
`python -m pylint` for each file; `fork` forks, for each file, from a process that has imported pylint and done nothing
else, which comes to the same and is faster.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

FLAGS = ["--rcfile=/box/pylintrc", "--output-format=json2", "solution.py"]


def _pylint(code: str, way: str) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/solution.py", "w", newline="") as file:
            file.write(code)
        if way == "process":
            done = subprocess.run([sys.executable, "-m", "pylint", *FLAGS], cwd=folder, capture_output=True, check=False)
            said = done.stdout
        else:
            read, write = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.chdir(folder)
                sys.stdout = io.StringIO()
                try:
                    from pylint.lint import Run

                    Run(FLAGS, exit=False)
                finally:
                    with os.fdopen(write, "w") as out:
                        out.write(sys.stdout.getvalue())
                    os._exit(0)
            os.close(write)
            with os.fdopen(read, "rb") as answer:
                said = answer.read()
            os.waitpid(pid, 0)
    found = json.loads(said)
    messages = [[m[name] for name in ("symbol", "line", "column", "endLine", "endColumn", "messageId", "obj", "message")]
                for m in found["messages"]]  # fmt: skip
    return {"score": found["statistics"]["score"], "messages": messages}


def _radon(code: str) -> dict[str, object]:
    from radon.complexity import cc_visit
    from radon.metrics import mi_visit

    try:
        return {"cc": [[b.fullname, b.lineno, b.complexity, b.letter] for b in cc_visit(code)], "mi": mi_visit(code, True)}
    except SyntaxError:
        return {"cc": [], "mi": None}


def plain(engine: Any, programs: list[str], way: str) -> dict[str, Any]:
    """Return {seconds, said: one a program} of a run of this file in a container of the lint image."""
    from sandbox import recipes

    command = ["docker", "run", "--rm", "-i", "--network=none", "--entrypoint", "python3", recipes.find(engine.client, "lint")]
    done = subprocess.run(
        [*command, "-c", Path(__file__).read_text(), way], input=json.dumps(programs), capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def different(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Whether the tool `lint` said anything else of a program than plain pylint and radon; messages in any order.

    Where nothing can be read pylint's JSON says 0, and where there is no statement 10; we say that there is no score. Ours
    cuts long messages and names.
    """

    def cut(text: str, most: int) -> str:
        return text if len(text) <= most else text[: most - 1] + "…"

    fields = ("symbol", "line", "column", "end_line", "end_column", "id", "obj", "message")
    messages = [[m[name] for name in fields] for m in ours["messages"]]
    score = ours["score"] if ours["score"] is not None else 0 if ours["error"] else 10.0
    got = {"score": score, "messages": sorted(messages, key=str), "cc": ours["blocks"], "mi": ours["mi"]}
    expected = [[*place, cut(obj, 200), cut(message, 500)] for *place, obj, message in theirs["messages"]]
    cc = [[cut(name, 200), *block] for name, *block in theirs["cc"]]
    return got != {**theirs, "messages": sorted(expected, key=str), "cc": cc}


def main() -> None:
    programs, way = json.load(sys.stdin), sys.argv[1]
    import pylint.lint
    import pylint.reporters.json_reporter  # noqa: F401

    started = time.monotonic()
    if way == "process":
        with ThreadPoolExecutor(2) as threads:
            said = list(threads.map(lambda code: _pylint(code, way), programs))
    else:
        said = [_pylint(code, way) for code in programs]
    seconds = time.monotonic() - started
    print(json.dumps({"seconds": seconds, "said": [one | _radon(code) for one, code in zip(said, programs, strict=True)]}))


if __name__ == "__main__":
    main()
