"""`toolkit gate`, as a function: from programs to those that the gates accept, those they refuse, and why.

The input is read twice: once to find everything wrong with it before anything runs, then to judge it. No program is kept in
between, so memory does not grow with their number.
"""

import contextlib
import json
import math
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gates import GATES, All, Report, Solution, fields_of, parse
from gates.base import DEFECT
from sandbox import Sandbox, open_engine
from toolkit import __version__
from toolkit.benchmarks.load import LocalTasks
from toolkit.errors import UsageError, room
from toolkit.progress import Advance
from toolkit.records import Task
from toolkit.report.annotations import Located
from toolkit.report.gate import Tally
from toolkit.samples import truth as truths
from toolkit.samples.lines import Problems
from toolkit.samples.rows import ADDED, JUDGED, Program, programs, sources
from toolkit.samples.sanitize import Item, Sanitizer
from toolkit.store import gate_folder
from toolkit.store.cache import VerdictCache
from toolkit.store.files import writing

BATCH_PROGRAMS, BATCH_BYTES = 32, 4 << 20
"""Most programs, and most bytes of them, that are read ahead before the first is judged."""
MODELS = ("model", "judge_model")
"""Fields of gates that need a model."""
_KEY = re.compile(r'[\s,]*("(?:[^"\\]++|\\.)*+")\s*:\s*')


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of `toolkit gate`; see its help."""

    kind: str
    files: tuple[str, ...] = ()
    thresholds: tuple[str, ...] = ()
    output: Path | None = None
    overwrite: bool = False
    against: tuple[Path, ...] = ()
    all_findings: bool = False
    skip_bad: bool = False
    parallel: int = 2
    use_cache: bool = True
    runtime: str | None = None
    model: str | None = None
    judge_model: str | None = None
    cot: bool = False
    ray: str | None = None
    boxes_a_node: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A finished run.

    Attributes:
        problems: bad lines of the input that were left out.
        defects: tracebacks of the first defects of ours, whether or not they cost a program its report.
    """

    folder: Path
    summary: dict[str, Any]
    problems: Problems
    defects: list[str]


@room()
def gate(
    settings: Settings, advance: Advance = lambda *_: None, keep: Callable[[Located], None] = lambda _: None
) -> Outcome:
    """Judge programs by gates, and write which were accepted, which were rejected, and a summary.

    Args:
        keep: called with each finding, in the order of the input.

    Raises:
        UsageError: bad input or settings; nothing was run.
        InfrastructureError: no engine, image or disk. Nothing is written then, nor when interrupted, but the next run reuses
            the reports that were made (unless `use_cache` is false).
    """
    started = time.monotonic()
    if settings.parallel < 1:
        raise UsageError(f"--parallel must be at least 1, not {settings.parallel}")
    folder = gate_folder.choose(settings.output, overwrite=settings.overwrite)
    with contextlib.ExitStack() as stack:
        memo = _Memo() if settings.use_cache else None
        if memo is not None:
            stack.callback(memo.close)
        gates, left_out = gates_of(settings, memo)
        truth = truths.read(settings.against)
        files = list(sources(settings.files, stack))
        problems = Problems()
        tasks = {task_id for task_id, _ in truth}
        n = n_known = 0
        for program in programs(files, problems, tasks):
            n += 1
            n_known += program.key in truth
        if problems and not (settings.skip_bad and n):
            raise UsageError("\n".join(["the programs cannot be used; nothing was run", *problems.listed()]))
        if settings.against and not n_known:
            raise UsageError(f"--against {settings.against[0]} has none of these samples (by task_id and sample_id)")
        tally = Tally(gates, truth)
        boxes: Any = None
        images = {}
        if gates.needs_boxes:
            gates, boxes = _boxes(settings, gates, stack)
            images = {it: boxes.engine.image_digest(it) for it in sorted({one.image for one in gates.gates if one.image})}
        judging = time.monotonic()
        with gate_folder.written(folder) as written:
            for program, reports in judged(gates, programs(files, Problems(), tasks), boxes):
                passed = tally.add(program, reports)
                with writing(folder, gate_folder.REMEDY):
                    written[gate_folder.ACCEPTED if passed else gate_folder.REJECTED].write(_line(program, reports))
                for report in reports:
                    for found in report.findings:
                        keep(Located(file=program.file, row=program.number, gate=report.gate, finding=found))
                advance(settings.kind, tally.n, n)
            if tally.n != n:
                raise UsageError(f"the input changed while it was read: first {n} programs, then {tally.n}")
            done = time.monotonic()
            summary = {
                "kind": settings.kind,
                "inputs": list(settings.files) or [file.name for file in files],
                "folder": str(folder),
                "thresholds": {
                    one.name: {name: it for name, it in one.settings().items() if isinstance(it, int | float)}
                    for one in gates.gates
                },
                "all_findings": settings.all_findings,
                **tally.summary(),
                "n_defects": tally.n_defects,
                "n_skipped": len(problems),
                "n_known": memo.n_known if memo else 0,
                "seconds": round(done - started, 3),
                "programs_per_s": round(n / (done - judging), 3),
                "parallel": settings.parallel,
                "versions": {"exogate": __version__, **dict(sorted(tally.versions.items()))},
                "images": images,
                "left_out": left_out,
                "warnings": warnings_of(gates),
            }
            if settings.against:
                summary["against"] = {"with": [str(path) for path in settings.against], **tally.agreement()}
            with writing(folder, gate_folder.REMEDY):
                written[gate_folder.SUMMARY].write(json.dumps(summary, indent=2).encode() + b"\n")
    return Outcome(folder=folder, summary=summary, problems=problems, defects=gates.defects)


def _boxes(settings: Settings, gates: All, stack: contextlib.ExitStack) -> tuple[All, Any]:
    """Return the gates and their boxes, local or on the nodes of a cluster. Raises as `gate`."""
    if not settings.ray:
        engine = open_engine(settings.runtime)
        stack.callback(engine.close)
        return gates, stack.enter_context(Sandbox(engine, settings.parallel))
    from toolkit.oracle.ray_gates import Nodes

    if settings.runtime:
        raise UsageError("--runtime is for boxes here: with --ray each node's engine decides (TOOLKIT_ENGINE there)")
    nodes = Nodes(settings.ray, gates, settings.boxes_a_node)
    stack.callback(nodes.close)
    return nodes.over(gates), nodes


class _Memo(VerdictCache):
    """A memo that counts its hits."""

    n_known = 0

    def get(self, key: str) -> dict[str, Any] | None:
        """Return what was stored under `key`, or None."""
        found = super().get(key)
        self.n_known += found is not None
        return found


def gates_of(settings: Settings, memo: VerdictCache | None) -> tuple[All, list[str]]:
    """Return the gates with their models, and the benchmarks that the corpus lacks. Raises as `gate`."""
    check(settings)
    given: dict[str, Any] = {"cot": settings.cot}
    left_out: list[str] = []
    wanted = fields_of(settings.kind)
    if "corpus" in wanted:
        from toolkit.benchmarks.corpus import known_benchmarks

        given["corpus"] = known_benchmarks()
        left_out = list(given["corpus"].left_out)
    asked = dict(zip(MODELS, (settings.model, settings.judge_model or settings.model), strict=True))
    given |= {name: _scorer(model) for name, model in asked.items() if name in wanted}
    return parse(settings.kind, _thresholds(settings), all_findings=settings.all_findings, memo=memo, given=given), left_out


def warnings_of(gates: All) -> list[str]:
    """Return warnings about defects of our own, each to be shown once; no program is to blame for them."""
    last = [one.strip().rpartition("\n")[2] for one in gates.defects[:1]]
    return [f"a defect of the toolkit, which cost no program but those that are marked {DEFECT}: {it}" for it in last]


def check(settings: Settings) -> None:
    """Raise `UsageError` for invalid settings, before data or a model is loaded."""
    parse(settings.kind, _thresholds(settings), given=dict.fromkeys((*MODELS, "corpus")))
    wanted = fields_of(settings.kind)
    for flag, is_set, uses in (
        ("--model", settings.model, MODELS), ("--judge-model", settings.judge_model, MODELS[1:]),
        ("--cot", settings.cot, ("cot",)),
    ):  # fmt: skip
        if is_set and not wanted & set(uses):
            asks = [name for name in GATES if fields_of(name) & set(uses)]
            those = f"the gate{'s' * (len(asks) > 1)} {', '.join(asks)}"
            raise UsageError(f"{flag} has no effect with {settings.kind!r}: it is for {those}")


def _thresholds(settings: Settings) -> dict[str, float]:
    thresholds = {}
    for word in settings.thresholds:
        name, _, value = word.partition("=")
        try:
            thresholds[name] = float(value)
        except ValueError:
            thresholds[name] = math.nan
        if not math.isfinite(thresholds[name]):
            raise UsageError(f"--threshold wants NAME=NUMBER, such as pylint=8; got {word!r}")
    return thresholds


def _scorer(model: str | None) -> Any:
    from toolkit.models.generators import Source, chosen
    from toolkit.models.load import load
    from toolkit.models.scorer import ModelScorer

    return ModelScorer(loaded=load(Source(model=chosen(model))))


# -- what is done with it ----------------------------------------------------------------------------------------------


def judged(gates: All, given: Iterable[Program], sandbox: Sandbox | None) -> Iterator[tuple[Program, list[Report]]]:
    """Yield each program with its reports, in order. Raises `InfrastructureError`."""
    has_tests = any(one.name.partition("~")[0] == "tests" for one in gates.gates)
    tasks = LocalTasks()
    waiting: deque[Program] = deque()

    def solutions() -> Iterator[Solution]:
        for batch in _batches(given):
            waiting.extend(batch)
            yield from _solutions(batch, tasks, sanitizer, has_tests=has_tests)

    with Sanitizer() as sanitizer:
        for reports in gates.check_many(solutions(), sandbox):
            yield waiting.popleft(), reports


def _batches(programs: Iterable[Program]) -> Iterator[list[Program]]:
    """Yield programs in batches that keep the sanitizer's workers busy."""
    batch: list[Program] = []
    n_bytes = 0
    for program in programs:
        batch.append(program)
        n_bytes += len(program.line)
        if len(batch) == BATCH_PROGRAMS or n_bytes > BATCH_BYTES:
            yield batch
            batch, n_bytes = [], 0
    yield batch


def _solutions(
    programs: Sequence[Program], tasks: LocalTasks, sanitizer: Sanitizer, *, has_tests: bool
) -> Iterator[Solution]:
    """Yield the solutions to judge: model text becomes a program as in `toolkit eval`; tests are the public ones."""
    found = [
        tasks.get(each.key[0]) if each.key and (each.field or (has_tests and each.solution.test is None)) else None
        for each in programs
    ]
    items: list[tuple[int, Item]] = []
    for i, (each, task) in enumerate(zip(programs, found, strict=True)):
        if each.field and (task or each.field == "raw_response"):
            blank = Task(task_id="", prompt="", entry_point=each.solution.entry_point or "", canonical_solution="")
            field = "completion" if task and each.solution.prompt is not None else each.field  # an answer to that prompt
            items.append((i, (task or blank, field, each.solution.code)))
    texts = sanitizer.solutions(item for _, item in items)
    codes = dict(zip((i for i, _ in items), texts, strict=True))
    for i, (each, task) in enumerate(zip(programs, found, strict=True)):
        solution = each.solution
        if i in codes:
            solution = replace(solution, code=codes[i], completion=solution.completion or solution.code)
        if task and has_tests and solution.test is None:
            from toolkit.benchmarks.examples import public_tests

            entry_point = solution.entry_point or task.entry_point
            solution = replace(solution, test=public_tests(task), entry_point=entry_point)
        yield solution


# -- what comes out ----------------------------------------------------------------------------------------------------


def _line(program: Program, reports: Sequence[Report]) -> bytes:
    """Return the row as it came, with the hash of what was judged and the reports, less their seconds, added.

    The same input gives the same bytes. Reports take at most 2 MB per gate (`gates.base.MAX_FINDINGS` of bounded length),
    and 14 MB in all, whatever a tool is made to say.
    """
    added = json.dumps([{name: it for name, it in report.to_row().items() if name != "seconds"} for report in reports])
    line = _without_added(program.line.decode()).encode() if program.has_added else program.line.strip()
    return line.removesuffix(b"}").rstrip() + f', "{JUDGED}": "{program.sha256}", "reports": {added}}}\n'.encode()


def _without_added(line: str) -> str:
    """Return a row without the keys in `ADDED`, everything else as it came."""
    members, at = [], line.index("{") + 1
    while key := _KEY.match(line, at):
        at = json.JSONDecoder().raw_decode(line, key.end())[1]
        if json.loads(key[1]) not in ADDED:
            members.append(line[key.start(1) : at])
    return f"{{{', '.join(members)}}}"
