"""inspect_ai: a scorer and a tool, found by the entry point `inspect_ai` (`exogate/judged`, `exogate/python`).

A `SandboxEnvironment` is not here: it is a shell that lives as long as a sample, and a box forgets each program.
"""

from typing import Any

from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState
from inspect_ai.tool import Tool, ToolError, tool

from toolkit.errors import InfrastructureError, UsageError
from toolkit.reward.formats import as_tests
from toolkit.reward.judge import Judge
from toolkit.reward.running import run_python_async


@scorer(metrics=[accuracy(), stderr()], name="judged")
def judged(benchmark: str = "", **settings: Any) -> Scorer:
    """Score the model's answer by the oracle: 1 if it passes; unscored where it could not be judged, which is no 0.

    Args:
        benchmark: whose task the sample is, by its metadata's `task_id`, else its id. Empty: the target, or the metadata's
            `tests`, has tests as docs/rl.md says.
        settings: of `toolkit.reward.Judge`.
    """
    judge = Judge(benchmark, **settings)

    async def score(state: TaskState, target: Target) -> Score:
        named = state.metadata.get("task_id" if benchmark else "tests")
        task: Any = named or (str(state.sample_id) if benchmark else target.text)
        try:
            (found,) = await judge.judge_async([(task if benchmark else as_tests(task), state.output.completion)])
        except ValueError as error:
            raise UsageError(f"sample {state.sample_id}: {error}") from None
        except InfrastructureError as error:
            return Score.unscored(reason="scoring_failed", explanation=str(error))
        if found.score is None:
            return Score.unscored(reason="scoring_failed", explanation=found.error)
        said = f"{found.verdict} {found.detail}".strip()
        return Score(value=found.score, answer=state.output.completion, explanation=said)

    return score


@tool(name="python")
def python(timeout: float = 10.0) -> Tool:
    """Let the model run Python programs in a box; each begins from nothing.

    Args:
        timeout: seconds charged to a program, at most.
    """

    async def execute(code: str) -> str:
        """Run a Python program, without network, and return what it printed. Nothing is kept from one call to the next.

        Args:
            code: The whole program.
        """
        try:
            ran = await run_python_async(code, timeout=timeout)
        except InfrastructureError as error:
            raise ToolError(f"the program could not be run: {error}") from None
        ended = "" if ran.exit_code == 0 else f"\n[{ran.status}, exit code {ran.exit_code}]"
        return f"{ran.stdout}{ran.stderr}{ended}"

    return execute
