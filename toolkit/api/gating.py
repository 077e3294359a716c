"""Programs, from texts or rows to decisions with their reasons, without a folder."""

import contextlib
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gates import Report
from sandbox import Sandbox, UsageError, open_engine
from toolkit.api.judging import Progress
from toolkit.api.threads import awaitable, ended_by
from toolkit.commands import gate as command
from toolkit.errors import room
from toolkit.samples import rows
from toolkit.samples.lines import Problems
from toolkit.store.cache import VerdictCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What gates say about one program.

    Attributes:
        accepted: every gate that was asked lets it pass.
        reasons: why not, as `GATE: SYMBOL: MESSAGE`, in the order in which gates were asked; empty if it was accepted.
        reports: of the gates that were asked, in that order, with scores and all findings.
    """

    accepted: bool
    reasons: tuple[str, ...]
    reports: tuple[Report, ...] = field(repr=False)


@room()
def gate(
    kind: str,
    programs: Path | str | Iterable[str | Mapping[str, Any]],
    *,
    thresholds: Mapping[str, float] | None = None,
    all_findings: bool = False,
    parallel: int | None = None,
    model: str | None = None,
    judge_model: str | None = None,
    cot: bool = False,
    use_cache: bool = True,
    runtime: str | None = None,
    progress: Progress | None = None,
) -> list[Decision]:
    """Judge programs by gates, and return a decision for each, in the order given; what `toolkit gate` does, without files.

    Args:
        kind: gates that must all pass, joined by `+`, such as `compile+quality`; the cheapest is asked first.
        programs: texts, or rows as in a file (docs/formats.md), which may have `test`, `task_id` and the like; or a path,
            of which every bad row is an error.
        thresholds: by name, such as `{"pylint": 8}`.
        all_findings: ask every gate, even after a refusal.
        parallel: programs judged at a time; the number of processors when None.
        model, judge_model: for gates that need one: hub id, folder or .gguf file.
        cot: let the gate judge write a line about a program before it scores it.
        use_cache: reuse stored reports on equal programs, and store new ones.
        runtime: OCI runtime of the boxes, such as `runsc`.
        progress: called with (programs done, programs in all).

    Raises:
        UsageError: no such gate or threshold, or a program cannot be read; nothing was run.
        InfrastructureError: no engine, image, model or disk.

    Warns (`RuntimeWarning`, once) of a defect of ours; it costs no program, or those whose reason is `our-defect`.
    """
    settings = command.Settings(
        kind=kind,
        thresholds=tuple(f"{name}={value}" for name, value in (thresholds or {}).items()),
        all_findings=all_findings,
        parallel=(os.cpu_count() or 1) if parallel is None else parallel,
        model=model,
        judge_model=judge_model,
        cot=cot,
    )
    with contextlib.ExitStack() as stack:
        memo = VerdictCache() if use_cache else None
        if memo is not None:
            stack.callback(memo.close)
        gates, _ = command.gates_of(settings, memo)
        problems = Problems()
        if isinstance(programs, str | Path):
            if "\n" in str(programs):
                raise UsageError("programs are a path or a list: give [program] for a single one")
            given = list(rows.programs(rows.sources([str(programs)], stack), problems, ()))
        else:
            given = list(rows.given(programs, problems))
        if problems:
            raise UsageError("\n".join(["the programs cannot be used; nothing was run", *problems.listed()]))
        engine = open_engine(runtime)
        stack.callback(engine.close)
        sandbox = stack.enter_context(Sandbox(engine, settings.parallel))
        stack.enter_context(ended_by(sandbox.close))
        decisions: list[Decision] = []
        for _, reports in command.judged(gates, given, sandbox):
            reasons = [f"{it.gate}: {one.symbol}: {one.message}" for it in reports for one in it.findings if one.decisive]
            accepted = all(report.passed for report in reports)
            decisions.append(Decision(accepted=accepted, reasons=tuple(reasons), reports=tuple(reports)))
            if progress:
                progress(len(decisions), len(given))
    for warning in command.warnings_of(gates):
        warnings.warn(warning, RuntimeWarning, stacklevel=2)
    return decisions


gate_async = awaitable(gate)
