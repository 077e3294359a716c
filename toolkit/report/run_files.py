"""The files that are made of a finished run: its page, and its results in the shapes of evalplus and human-eval."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from toolkit.records import Result, Task
from toolkit.report import evalplus, human_eval, page
from toolkit.store import run_folder as runs


def made(
    folder: runs.RunFolder,
    results: Sequence[Result],
    summary: Mapping[str, Any],
    tasks: Mapping[str, Task],
    inputs: Callable[[str, int], list[Any]] | None = None,
) -> Callable[[runs.Texts], Iterator[tuple[str, Iterable[str]]]]:
    """Return what `RunFolder.finish` asks for further files.

    Args:
        tasks: those that were judged, by id.
        inputs: as for `evalplus.parts`.
    """

    def files(text: runs.Texts) -> Iterator[tuple[str, Iterable[str]]]:
        def solution(key: runs.Key) -> str:
            return text(key)[0] or ""

        yield runs.EVALPLUS, evalplus.parts(results, folder.run, solution, inputs)
        yield runs.HUMAN_EVAL, human_eval.lines(results, tasks, solution)
        judged = page.Judged(
            summary=summary, run=folder.run, results=results, texts=text, facts=runs.facts(folder.path),
            prompts={name: task.question or task.prompt for name, task in tasks.items()},
        )  # fmt: skip
        yield runs.REPORT, [page.html(judged, missing=page.WITHOUT)]

    return files
