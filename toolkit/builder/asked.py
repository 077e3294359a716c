"""Proposals of a model, which is asked for JSON; what it is told of a refused one is the reason."""

import json
import re
from collections.abc import Sequence

from toolkit.builder.bases import Base
from toolkit.builder.proposals import Attempt, Proposal, parsed
from toolkit.builder.values import Refused
from toolkit.models.generators import Generator, Prompt, Sampling, Source, resolve
from toolkit.models.load import explained

KEYS = ("new_problem", "new_solution", "inputs")
_ASK = '''\
Here is a problem with its solution:

```python
{program}
```

Write a harder problem, related to this one in meaning, whose solution has to call `{entry}` several times. Answer with one
JSON object and nothing else. It has these keys:
- "new_problem": the beginning of a Python function with a name of its own: its `def` line, and a docstring that says exactly
  what it returns, also in edge cases. It ends where the body begins.
- "new_solution": the body of that function, indented by four spaces. It calls `{entry}`, which is defined before it.
- "inputs": a list of at least five different lists of arguments for the new function, with edge cases. Only JSON.
'''
_AGAIN = '''
Your last answer was:

{answer}

It was refused: {reason}
Mend it, and answer with the whole JSON object again.
'''


class Asker:
    """Asks a model once in each round for what is still wanted."""

    def __init__(self, source: Source, sampling: Sampling) -> None:
        """Open the model. Raises `BadModel` or `GenerationFailed`."""
        with explained():
            self.generator: Generator = resolve(source)
        self.sampling = sampling
        self.about = {**self.generator.about, "temperature": sampling.temperature, "top_p": sampling.top_p,
                      "max_new_tokens": sampling.max_new_tokens, "seed": sampling.seed}  # fmt: skip

    def close(self) -> None:
        """Close the model."""
        self.generator.close()

    def propose(self, waiting: Sequence[tuple[Base, Sequence[Attempt]]], number: int) -> list[Proposal | str | None]:
        """See `Proposer`. A round's prompts have ids of their own, so that each round draws anew."""
        chat = self.generator.chat
        prompts = []
        for base, attempts in waiting:
            text = question(base, attempts)
            said = text if chat else f"@@ Instruction\n{text}\n@@ Response\n"
            name = base.task_id if number == 1 else f"{base.task_id} round {number}"
            prompts.append(Prompt(task_id=name, text=said, chat=chat, field="raw_response"))
        found: list[Proposal | str | None] = [None] * len(prompts)
        with explained():
            for batch in self.generator.generate(prompts, self.sampling):
                for one in batch:
                    found[one.index] = read(one.completion)
        return found


def question(base: Base, attempts: Sequence[Attempt]) -> str:
    """Return what a model is asked, with its last answer and why it was refused."""
    text = _ASK.format(program=base.program.strip(), entry=base.entry)
    if not attempts:
        return text
    last = attempts[-1]
    made = {name: each for name, each in last.proposal.row().items() if name in KEYS} if last.proposal else {}
    return text + _AGAIN.format(answer=json.dumps(made) if made else "not usable", reason=last.proof.reason)


def read(text: str) -> Proposal | str:
    """Return the proposal in an answer: one JSON object, alone or in one fenced block. A text says what is wrong with it."""
    fenced = re.fullmatch(r"\s*```(?:json)?\s*\n(.*?)\n\s*```\s*", text, re.DOTALL)
    try:
        row = json.loads(fenced[1] if fenced else text, object_pairs_hook=_pairs)
        if not isinstance(row, dict) or sorted(row) != sorted(KEYS):
            return f"the answer is no JSON object with exactly {', '.join(KEYS)}"
        return parsed(row, "model")
    except (ValueError, RecursionError) as error:
        what = "cannot be used" if isinstance(error, Refused) else "is no JSON"
        return f"the answer {what}: {str(error)[:200]}; it begins {text.strip()[:100]!r}"


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise Refused("a key is there twice")
    return dict(pairs)
