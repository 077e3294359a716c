"""A generator that asks a command: it is given model and adapter, reads a prompt, and prints the completion."""

import shlex
from collections.abc import Collection, Iterator, Sequence
from os import environ
from subprocess import run

from toolkit.models.generators import BadModel, Generation, GenerationFailed, Prompt, Sampling, Source, Tick


class Piped:
    """Runs the command in `PIPED` once for each sample."""

    chat = prefills = False

    @classmethod
    def takes(cls, source: Source) -> bool:
        return source.model.startswith("piped:")

    def __init__(self, source: Source) -> None:
        if not environ.get("PIPED"):
            raise BadModel("PIPED names the command that is asked; it is not set")
        self.command = [*shlex.split(environ["PIPED"]), source.model.removeprefix("piped:"), source.adapter or ""]
        self.about = {"model": source.model, "adapter": source.adapter, "command": environ["PIPED"]}

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling, *, done: Collection[tuple[int, int]] = (),
                 tick: Tick = lambda *_: None) -> Iterator[list[Generation]]:  # fmt: skip
        for index, n in [(index, n) for index in range(len(prompts)) for n in range(sampling.n)]:
            prompt = prompts[index]
            if (index, n) not in done:
                ran = run(self.command, input=prompt.text, capture_output=True, text=True, check=False)
                if ran.returncode:
                    raise GenerationFailed(f"{shlex.join(self.command)}: {ran.stderr[-300:]}")
                tick(0, 1)
                yield [Generation(index=index, sample_id=n, prompt=prompt.text, completion=ran.stdout, n_prompt_tokens=0,
                                  n_tokens=0, finished=True, mean_logprob=None, field=prompt.field)]  # fmt: skip

    def close(self) -> None:
        pass
