"""`Judge`: rewards of programs. It holds settings and nothing else, so it can be pickled, copied and shared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from toolkit.api.threads import awaitable
from toolkit.errors import UsageError
from toolkit.records import SHARED, label
from toolkit.reward.rows import Judgement, Row, asked


@dataclass(frozen=True, init=False)
class Judge:
    """Judge what a model writes, for training: `Judge("humaneval+")`, `Judge.tests()`, `Judge("mbpp+", url="http://HOST:8080")`.

    Nothing happens until the first call; then boxes of this process start, and stay warm for all judges in it with the same
    `parallel` and `runtime`. May be called from any number of threads, tasks and processes at a time; what a process opened
    is closed when it ends, or by `close`.

    Args:
        benchmark: whose tasks are judged. Empty: each row brings its own tests (docs/rl.md has their forms).
        url: of a `toolkit serve`, which judges instead of boxes here.
        key: the server's key.
        timeout, total_timeout: as `toolkit.Oracle`. A server has a `total_timeout` of its own.
        parallel: programs that run at a time here; the number of processors when None.
        partial: what a share of the tests is worth: a program that does not pass scores `partial` times the share that it
            passes, one that does 1.0. With 0 nothing is counted, and a program ends at the first test that it fails.
        fail_fast: leave extra tests out once an original one failed. None: unless `partial`.
        use_cache: use verdicts given before to equal questions, and keep new ones.
        show_detail: say which test failed. Not where a model may see it: tests leak so.
        allow_shared: let a pass be a reward although tests and program shared a process (a pass that can be forged).
        data: the benchmark's data file, instead of the usual one.
        runtime: OCI runtime of the boxes, such as `runsc`.
        patience: seconds that a busy or absent server is asked again before a text counts as not judged.

    Raises:
        UsageError: from calls: no such benchmark or task, a row that says nothing, a setting out of range.
        InfrastructureError: from calls: boxes cannot be started, or judge known programs wrongly. Once they run, what cannot
            be judged is None.
    """

    benchmark: str
    url: str | None
    key: str | None = field(repr=False)
    timeout: float
    total_timeout: float
    parallel: int | None
    partial: float
    fail_fast: bool
    use_cache: bool
    show_detail: bool
    allow_shared: bool
    data: str | None
    runtime: str | None
    patience: float

    def __init__(
        self,
        benchmark: str = "",
        *,
        url: str | None = None,
        key: str | None = None,
        timeout: float = 5.0,
        total_timeout: float = 60.0,
        parallel: int | None = None,
        partial: float = 0.0,
        fail_fast: bool | None = None,
        use_cache: bool = True,
        show_detail: bool = False,
        allow_shared: bool = False,
        data: str | None = None,
        runtime: str | None = None,
        patience: float = 120.0,
    ) -> None:
        if not 0 <= partial <= 1:
            raise UsageError(f"partial must be 0 to 1, not {partial}")
        if partial and fail_fast:
            raise UsageError("fail_fast leaves tests out, and partial counts them all: choose one")
        for name, seconds in (("timeout", timeout), ("total_timeout", total_timeout), ("patience", patience)):
            if not 0 < seconds < 3600:
                raise UsageError(f"{name} must be seconds above 0 and below 3600, not {seconds}")
        if parallel is not None and parallel < 1:
            raise UsageError(f"parallel must be at least 1, not {parallel}")
        given = dict(locals())
        given["fail_fast"] = not partial if fail_fast is None else fail_fast
        for name in type(self).__dataclass_fields__:
            object.__setattr__(self, name, given[name])

    @classmethod
    def tests(cls, **settings: Any) -> Self:
        """Return a judge of rows that bring their own tests; `settings` as of the class."""
        return cls("", **settings)

    def judge(self, rows: Iterable[Row]) -> list[Judgement]:
        """Judge texts, and return a judgement for each, in order. Equal ones are judged once.

        Args:
            rows: mappings with `task_id` (or `tests`) and one of `solution`, `completion`, `raw_response`; or pairs (task,
                text), where the text is a `completion`: a body, a whole program, or either of them in a chat's answer.
        """
        return self._judge(rows, visible=False)

    judge_async = awaitable(judge)

    def visible(self, rows: Iterable[Row]) -> list[Judgement]:
        """Judge by visible tests alone: what may be told to a model, with details.

        They are the examples in a task's prompt; of a row with own tests, its `visible_tests`. Hidden tests are not run. A
        row that has none is not judged.
        """
        return replace(self, show_detail=True)._judge(rows, visible=True)

    visible_async = awaitable(visible)

    def scores(self, rows: Iterable[Row]) -> list[float | None]:
        """Return the reward of each text, 0 to 1, as `judge`; None where it was not judged, which is no 0."""
        return [each.score for each in self.judge(rows)]

    scores_async = awaitable(scores)

    def score(self, task: str | Mapping[str, Any], text: str) -> float | None:
        """Return the reward of one text: `task` is a task's id, or the row's own tests."""
        return self.scores([(task, text)])[0]

    score_async = awaitable(score)

    def close(self) -> None:
        """Remove the boxes of this process that judges with these settings use. The next call starts new ones."""
        if not self.url:
            from toolkit.reward import local

            local.close(self)

    def _judge(self, rows: Iterable[Row], *, visible: bool) -> list[Judgement]:
        of = "visible_tests" if visible else "tests"
        questions = asked(rows, own=not self.benchmark, of=of)
        if not questions:
            return []
        if self.url:
            from toolkit.reward import remote

            if visible and self.benchmark:
                raise UsageError("a server judges visible tests only of rows that bring them")
            found = remote.judged(self, list(dict.fromkeys(questions)))
        else:
            from toolkit.reward import local

            found = local.judged(self, list(dict.fromkeys(questions)), visible=visible)
        return [found[question] for question in questions]

    def scored(
        self, verdict: str | None, *, passed_tests: int | None, tests: int, detail: str, error: str | None, shared: bool
    ) -> Judgement:
        """Return the judgement that facts amount to, under these settings: the only place that makes a reward."""
        right = label(verdict, shared, self.allow_shared)
        if right is None:
            error = f"{SHARED} (allow_shared)" if verdict else error or "not judged"
            return Judgement(verdict=None, score=None, tests=tests, error=error)
        if not right and passed_tests is not None:
            passed_tests = max(min(passed_tests, tests - 1), 0)  # each alone, perhaps, but not all together
        share = (passed_tests or 0) / tests if tests else 0.0
        score = 1.0 if right else self.partial * share
        return Judgement(
            verdict=verdict, score=score, tests_passed=passed_tests, tests=tests, detail=detail if self.show_detail else ""
        )
