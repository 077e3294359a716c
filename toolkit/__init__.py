"""Judge programs that models write: executed in isolated boxes, never in this process. docs/api.md explains what is here.

    import toolkit

    found = toolkit.judge("humaneval", [("HumanEval/0", text)], limit=1)
    kept = [each.accepted for each in toolkit.gate("compile+quality", programs)]
    with toolkit.Box() as box:
        print(box.run("print(6 * 7)").stdout)

Importing this package imports nothing else; each name is imported when it is first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gates.base import Finding, Report
    from sandbox.errors import InfrastructureError, UsageError
    from sandbox.execution import Execution, Status
    from sandbox.limits import Limits
    from toolkit.analysis.stats import pass_at_k
    from toolkit.api.boxes import Box
    from toolkit.api.gating import Decision, gate, gate_async
    from toolkit.api.judging import Estimate, Evaluation, Oracle, judge, judge_async
    from toolkit.records import Result, Task, Verdict

    __version__: str

__all__ = [
    "Box",
    "Decision",
    "Estimate",
    "Evaluation",
    "Execution",
    "Finding",
    "InfrastructureError",
    "Limits",
    "Oracle",
    "Report",
    "Result",
    "Status",
    "Task",
    "UsageError",
    "Verdict",
    "__version__",
    "gate",
    "gate_async",
    "judge",
    "judge_async",
    "pass_at_k",
]

if not TYPE_CHECKING:  # else any name would be taken for one that there is
    _PLACES = {
        "gates.base": ("Finding", "Report"),
        "sandbox.errors": ("InfrastructureError", "UsageError"),
        "sandbox.execution": ("Execution", "Status"),
        "sandbox.limits": ("Limits",),
        "toolkit.analysis.stats": ("pass_at_k",),
        "toolkit.api.boxes": ("Box",),
        "toolkit.api.gating": ("Decision", "gate", "gate_async"),
        "toolkit.api.judging": ("Estimate", "Evaluation", "Oracle", "judge", "judge_async"),
        "toolkit.records": ("Result", "Task", "Verdict"),
    }

    def __getattr__(name):
        import importlib
        from importlib import metadata

        if name == "__version__":
            found = metadata.version("exogate")
        else:
            place = next((place for place, names in _PLACES.items() if name in names), None)
            if place is None:
                raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
            try:
                found = getattr(importlib.import_module(place), name)
            except ImportError as error:
                from toolkit.packages import hidden

                raise (ImportError(said) if (said := hidden()) else error) from None
        globals()[name] = found
        return found

    def __dir__():
        return __all__
