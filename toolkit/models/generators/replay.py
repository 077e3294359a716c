"""Replay a samples file in place of a model."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from toolkit.models.generators.base import Generation, Prompt, Sampling, Tick
from toolkit.models.source import BadModel, GenerationFailed, Source
from toolkit.samples.extract import FIELDS
from toolkit.samples.lines import Problems, lines


class ReplayGenerator:
    """Yield a task's samples in the file's order, whatever the prompt and the sampling.

    `raw_response` is preferred to `completion` and `solution`: it is what the model wrote.
    """

    chat = False
    prefills = False
    machine = None

    @classmethod
    def takes(cls, source: Source) -> bool:
        """Return whether the model is a samples file."""
        return source.model.endswith((".jsonl", ".jsonl.gz"))

    def __init__(self, source: Source) -> None:
        """Read the file."""
        problems = Problems()
        self._rows: dict[str, list[dict[str, object]]] = defaultdict(list)
        for place, _, row in lines(Path(source.model), problems):
            if not isinstance(row.get("task_id"), str) or not FIELDS.keys() & row.keys():
                problems.add(place, f"no sample: task_id and one of {', '.join(FIELDS)} are wanted")
            else:
                self._rows[row["task_id"]].append(row)
        if problems:
            raise BadModel("\n".join(problems.listed()))
        self.path = source.model
        self.about = {"model": source.model}

    def close(self) -> None:
        """Forget the file."""
        self._rows.clear()

    def generate(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        *,
        done: Collection[tuple[int, int]] = (),
        tick: Tick = lambda *_: None,
    ) -> Iterator[list[Generation]]:
        """Yield the first n samples of each prompt's task; see `Generator`.

        Raises:
            GenerationFailed: the file has fewer samples of a task. Those of earlier prompts have been yielded.
        """
        for index, prompt in enumerate(prompts):
            rows = self._rows.get(prompt.task_id, [])
            if len(rows) < sampling.n:
                raise GenerationFailed(f"{self.path} has {len(rows)} samples of {prompt.task_id}, fewer than {sampling.n}")
            batch = []
            for sample_id, row in enumerate(rows[: sampling.n]):
                if (index, sample_id) in done:
                    continue
                field = next(name for name in ("raw_response", "completion", "solution") if name in row)
                logprob = row.get("mean_logprob")
                batch.append(
                    Generation(
                        index=index,
                        sample_id=sample_id,
                        prompt=str(row.get("prompt", prompt.text)),
                        completion=str(row[field]),
                        n_prompt_tokens=_number(row.get("n_prompt_tokens")),
                        n_tokens=_number(row.get("n_tokens")),
                        finished=bool(row.get("finished", True)),
                        mean_logprob=logprob if isinstance(logprob, float) else None,
                        field=field,
                    )
                )
            tick(sum(generation.n_tokens for generation in batch), len(batch))
            if batch:
                yield batch


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
