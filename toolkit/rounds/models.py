"""The models of a machine: what they write, how they are trained, and what gates ask them."""

import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gates import fields_of
from toolkit.commands.generate import answer
from toolkit.errors import UsageError
from toolkit.models.generators import Generation, Generator, Prompt, Sampling, kind_of, resolve
from toolkit.models.source import Source
from toolkit.progress import Advance
from toolkit.records import Task
from toolkit.rounds.settings import RoundsSettings
from toolkit.store.files import file_hash, read_rows, writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A model, as `--model` takes it, with an adapter on top.

    Attributes:
        digest: hash of the training that produced the weights; a stage compares it to notice a change.
        folder: where a training of this run left them; None if they came from elsewhere.
    """

    model: str
    adapter: Path | None = None
    digest: str = ""
    folder: Path | None = None


class Models:
    """Loads models when they are first needed, and keeps the last one and the judge."""

    def __init__(self, settings: RoundsSettings, advance: Advance) -> None:
        self.settings, self.advance = settings, advance
        self._loaded: tuple[Weights, Any] | None = None
        self._writes: tuple[Weights, Generator] | None = None
        self._judge: Any = None
        self.first = Weights(model=settings.model, digest=settings.model or "default")

    def _source(self, weights: Weights) -> Source:
        adapter = str(weights.adapter) if weights.adapter else None
        return Source(
            model=weights.model or "smollm2", adapter=adapter, device=self.settings.device or None,
            dtype=self.settings.dtype or None, generator=self.settings.generator or None,
        )  # fmt: skip

    def _load(self, weights: Weights) -> Any:
        """Return a loaded model; keep the last one."""
        if self._loaded is None or self._loaded[0] != weights:
            from toolkit.models.load import load

            gone = weights.folder is not None and not weights.folder.exists()
            if gone:
                raise UsageError(f"{weights.folder}: these weights were not kept (keep_weights); use another --output")
            self._loaded = None
            self._loaded = weights, load(self._source(weights))
        return self._loaded[1]

    def _generator(self, weights: Weights) -> Generator:
        """Return what writes for a model; keep the last one. Raises as `resolve`."""
        source = self._source(weights)
        if self.settings.base_url:
            return self._served(weights, source)
        if kind_of(source) == "transformers":  # which shares the model with gates that ask it
            from toolkit.models.generators.transformers_ import TransformersGenerator

            return TransformersGenerator(source, self._load(weights))
        if self._writes is None or self._writes[0] != weights:
            self.let_go()
            self._writes = weights, resolve(source)
        return self._writes[1]

    def _served(self, weights: Weights, source: Source) -> Generator:
        if self._writes is None or self._writes[0] != weights:
            from toolkit.models.generators.served import ServedGenerator
            from toolkit.models.load import tokenizer

            self.let_go()
            at = replace(source, model=self.settings.served or source.model, base_url=self.settings.base_url, generator=None)
            generator = ServedGenerator(at, tokenizer(self._source(self.first)), f"exogate-{weights.digest}")
            self._writes = weights, generator
        return self._writes[1]

    def let_go(self) -> None:
        """Free models and what writes with them."""
        self._loaded = None
        if self._writes is not None:
            self._writes[1].close()
            self._writes = None

    def _prompts(self, weights: Weights, tasks: Sequence[Task], **more: bool) -> tuple[Any, list[Prompt], tuple[str, ...]]:
        """Return the generator, a prompt for each task, and the strings that end an answer."""
        from toolkit.models import prompts
        from toolkit.models.load import explained

        with explained():
            generator = self._generator(weights)
            return generator, *prompts.for_tasks(tasks, self.settings.prompt or None, generator, **more)

    def generate(
        self, weights: Weights, tasks: Sequence[Task], output: Path, *, temperature: float, max_new_tokens: int, seed: int,
        n: int = 1, **how: bool,
    ) -> dict[str, Any]:  # fmt: skip
        """Write `n` samples of each task, in order, to a file that `toolkit eval --samples` reads; resume after a kill.

        Args:
            how: `strip` and `stops`, as `prompts.for_tasks` has them.

        Raises:
            UsageError, InfrastructureError: the model cannot be loaded, or generation failed.
        """
        from toolkit.models.load import explained

        started = time.monotonic()
        generator, asked, stop = self._prompts(weights, tasks, **how)
        with explained():
            times: Counter[str] = Counter()
            for i, task in enumerate(tasks):  # a repeated task draws anew
                asked[i] = replace(asked[i], task_id=f"{task.task_id}#{times[task.task_id]}")
                times[task.task_id] += 1
            top_p = self.settings.top_p if temperature else 1.0
            sampling = Sampling(
                n=n, temperature=temperature, top_p=top_p, max_new_tokens=max_new_tokens, seed=seed, stop=stop
            )

            def row(one: Generation) -> dict[str, Any]:
                return {
                    "task_id": tasks[one.index].task_id, one.field: one.completion, "written": one.completion,
                    "prompt": one.prompt, "chat": asked[one.index].chat, "n_prompt_tokens": one.n_prompt_tokens,
                    "n_tokens": one.n_tokens, "finished": one.finished, "mean_logprob": one.mean_logprob,
                }  # fmt: skip

            def advance(_what: str, done: int, total: int, *_: object) -> None:
                self.advance("generate", done, total)

            answer(generator, asked, sampling, output, row, advance)
        rows = read_rows(output)
        tokens = sum(row["n_tokens"] for row in rows)
        finished = sum(row["finished"] for row in rows) / len(rows)
        seconds = round(time.monotonic() - started, 3)
        return {"sha256": file_hash(output), "tokens": tokens, "finished": round(finished, 4), "seconds": seconds}

    def train(self, weights: Weights, data: Path, output: Path, *, seed: int, first_round: bool) -> dict[str, Any]:
        """Train on a file's rows and write the weights to a folder. Raises `UsageError` or `InfrastructureError`."""
        from toolkit.training.launch import train
        from toolkit.training.settings import TrainSettings

        settings, source = self.settings, self._source(weights)
        self.let_go()
        outcome = train(
            TrainSettings(
                data=(data,), output=output, model=source.model, adapter=source.adapter, full=settings.full,
                batch=settings.batch_size, micro_batch=settings.micro_batch, sequence=settings.sequence,
                lr=settings.learning_rate, warmup=settings.warmup if first_round else 0, weight_decay=settings.weight_decay,
                fim_rate=settings.fim_rate, spm_rate=settings.spm_rate, unfinished=settings.unfinished, loss="all",
                document_mask=settings.document_mask,
                gradient_checkpointing=settings.gradient_checkpointing, checkpoint_every=settings.checkpoint_every,
                seed=seed, device=source.device, dtype=source.dtype, resume=output.exists(),
                **({"epochs": settings.epochs} if settings.epochs else {"steps": settings.steps}),
            ),
            settings.processes,
            self.advance,
        )  # fmt: skip
        return {
            "loss": [outcome.losses[0], outcome.losses[-1]], "tokens": outcome.tokens, "seconds": outcome.seconds,
            "weights": str(outcome.weights.relative_to(settings.output)),
        }  # fmt: skip

    def seen(self, weights: Weights, texts: Sequence[str]) -> dict[str, Any]:
        """Return what `hidden.measured` says, beside the first model. Raises `UsageError` or `InfrastructureError`."""
        from toolkit.models.hidden import measured
        from toolkit.models.load import load

        self._writes = None
        loaded = self._load(weights)
        return measured(loaded, texts, first=loaded if weights == self.first else load(self._source(self.first)))

    def trained(self, done: Mapping[str, Any], weights: Weights) -> Weights:
        """Return the model that came out of a training that began with `weights`."""
        folder = self.settings.output / done["weights"]
        if self.settings.full:
            return Weights(model=str(folder), folder=folder)
        return replace(weights, adapter=folder, folder=folder)

    def drop(self, weights: Weights) -> None:
        """Delete weights that were trained here. Raises `InfrastructureError`."""
        if weights in [kept[0] for kept in (self._loaded, self._writes) if kept is not None]:
            self.let_go()
        if weights.folder is not None and weights.folder.exists():
            with writing(weights.folder):
                shutil.rmtree(weights.folder)

    def given(self, kind: str, weights: Weights, seed: int) -> dict[str, object]:
        """Return what the gates of `kind` need besides programs: models, known benchmarks, and the seed of noise."""
        from toolkit.models.scorer import ModelScorer

        wanted = fields_of(kind)
        found: dict[str, object] = {"seed": seed} | ({"empty": self.settings.empty} if "empty" in wanted else {})
        if "model" in wanted:
            found["model"] = ModelScorer(loaded=self._load(weights))
        if "judge_model" in wanted:
            judge = replace(self.first, model=self.settings.judge_model or self.first.model)
            if self._judge is None:
                from toolkit.models.load import load

                self._judge = ModelScorer(loaded=load(self._source(judge)))
            found |= {"judge_model": self._judge, "cot": self.settings.cot}
        if "corpus" in wanted:
            from toolkit.benchmarks.corpus import known_benchmarks

            found["corpus"] = known_benchmarks()
        return found
