"""A benchmark whose tests are checks, whose data is a file, and whose ids are numbered in a way of their own."""

import json
from os import environ
from pathlib import Path

from toolkit.benchmarks import Benchmark, DataMissing, Loaded, Options
from toolkit.benchmarks.base import file_hash
from toolkit.records import Check, Task

OVERRIDE = "GREETINGS_PATH"


def data_file() -> Path:
    """Return the path of a JSON object: {language: greeting}."""
    return Path(environ.get(OVERRIDE) or "greetings.json")


def load(options: Options) -> Loaded:
    """Read the tasks. Raises `DataMissing`."""
    path = options.data or data_file()
    if not path.is_file():
        raise DataMissing(f"there is no {path}: name another file with --data or {OVERRIDE}")
    words = json.loads(path.read_text())
    tasks = {
        f"greet_{n}": Task(
            task_id=f"greet_{n}", prompt=f"# Greet in {language}.\n", entry_point="greet",
            canonical_solution=f"def greet(name):\n    return {word!r} + name\n",
            tests=Check(source=f"def check(candidate):\n    assert candidate('Ada') == {word!r} + 'Ada'\n"),
        )
        for n, (language, word) in enumerate(words.items())
    }  # fmt: skip
    return Loaded(tasks=tasks, data_hash=file_hash(path))


BENCHMARK = Benchmark(
    name="greetings", load=load, data_file=data_file, source="ask the receptionist", override=OVERRIDE,
    number=lambda task_id: int(task_id.removeprefix("greet_")), variants=("noextreme",),
)  # fmt: skip
