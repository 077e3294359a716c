"""What every generator promises: each sample once, the same each time, and none of those that are there already."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from toolkit.models.generators import Generation, Generator, Prompt, Sampling, Source
from toolkit.testing.suite import Suite, equal, held

_TEXTS = ("def f(x):\n", "x =", "# a comment that is longer than the others\nimport math\n", "class A:\n")
PROMPTS = tuple(Prompt(task_id=f"Own/{n}", text=text) for n, text in enumerate(_TEXTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A generator that is open, what it is asked, and how."""

    generator: Generator
    prompts: Sequence[Prompt]
    sampling: Sampling

    def everything(self, done: Collection[tuple[int, int]] = ()) -> list[Generation]:
        """Return all that it yields, sorted."""
        found = [one for batch in self.generator.generate(self.prompts, self.sampling, done=done) for one in batch]
        return sorted(found, key=lambda one: (one.index, one.sample_id))

    @property
    def places(self) -> list[tuple[int, int]]:
        """What should come."""
        return [(index, n) for index in range(len(self.prompts)) for n in range(self.sampling.n)]


GENERATOR: Suite[Subject] = Suite()
"""The checks."""


def check_generator(
    generator: Generator,
    prompts: Sequence[Prompt] = PROMPTS,
    sampling: Sampling | None = None,
    skip: Collection[str] = (),
) -> None:
    """Try what generators promise. The generator stays open.

    Args:
        prompts: what it is asked.
        sampling: how; None is two samples of each, of at most 4 tokens.
        skip: names of checks in `GENERATOR`.

    Raises:
        Nonconforming: one line for each check that failed.
    """
    sampling = sampling or Sampling(n=2, temperature=1.0, max_new_tokens=4)
    GENERATOR.run(Subject(generator=generator, prompts=prompts, sampling=sampling), skip)


@GENERATOR
def it_is_what_it_says_of_itself(it: Subject) -> None:
    about = dict(it.generator.about)
    equal(json.loads(json.dumps(about)), about, "about, written and read,")
    held("model" in about, f"about has no model: {about}")
    held(type(it.generator.chat) is bool and type(it.generator.prefills) is bool, "chat and prefills are true or false")
    for model in ("smollm2", "owner/name", "a.jsonl", "no such thing: \0", ""):
        taken = type(it.generator).takes(Source(model=model))
        held(type(taken) is bool, f"whether it takes {model!r} is {taken!r}")


@GENERATOR
def each_sample_comes_once(it: Subject) -> None:
    found = it.everything()
    equal([(one.index, one.sample_id) for one in found], it.places, "what came")
    for one in found:
        held(type(one) is Generation and isinstance(one.completion, str), one)
        held(one.n_tokens >= 0 and one.n_prompt_tokens >= 0 and type(one.finished) is bool, one)
        held(one.field in ("completion", "raw_response", "solution"), f"how to read a completion is {one.field!r}")


@GENERATOR
def equal_calls_give_equal_samples(it: Subject) -> None:
    equal(it.everything(), it.everything(), "what came the second time")


@GENERATOR
def what_is_done_is_not_done_again(it: Subject) -> None:
    equal(it.everything(done=it.places), [], "what came when all was there")
    last = len(it.prompts) - 1
    left = {(one.index, one.sample_id) for one in it.everything(done=[place for place in it.places if place[0] != last])}
    held({place for place in it.places if place[0] == last} <= left, f"of the last prompt, only {sorted(left)} came")


@GENERATOR
def ticks_count_what_was_written(it: Subject) -> None:
    n_samples = 0

    def tick(n_tokens: int, n_ready: int) -> None:
        nonlocal n_samples
        held(n_tokens >= 0, f"{n_tokens} tokens")
        n_samples += n_ready

    for _ in it.generator.generate(it.prompts, it.sampling, tick=tick):
        pass
    equal(n_samples, len(it.places), "the number of samples that were announced")
