"""Generators pass the suite that the library ships, and the suite sees one that does not; endpoints have tests of their own."""

import json
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.one_file.piped import Piped
from tests.tiny import tiny
from toolkit.models.generators import Generation, Prompt, Sampling, Source, Tick, resolve
from toolkit.testing import Nonconforming, check_generator
from toolkit.testing.generator import PROMPTS


@pytest.mark.models
def test_generators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "samples.jsonl"
    rows = [{"task_id": p.task_id, "completion": f"{p.task_id} {n}", "n_tokens": 3} for p in PROMPTS for n in range(2)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setenv("PIPED", f"{sys.executable} -c 'import sys; print(sys.stdin.read().upper())'")
    for source in (Source(model=str(file)), Source(model=tiny(tmp_path / "model"), chat=False)):
        check_generator(resolve(source))
    check_generator(Piped(Source(model="piped:x")))


class Wrong(Piped):
    """Forgets what is done, or counts samples twice."""

    how = ""

    def generate(
        self, prompts: Sequence[Prompt], sampling: Sampling, *, done: Collection[tuple[int, int]] = (), tick: Tick = lambda *_: None
    ) -> Iterator[list[Generation]]:
        for batch in super().generate(prompts, sampling, done=() if self.how == "done" else done, tick=tick):
            tick(0, 1) if self.how == "ticks" else None
            yield [replace(one, sample_id=0) if self.how == "ids" else one for one in batch]


@pytest.mark.parametrize(
    ("how", "check"), [("done", "what_is_done_is_not_done_again"), ("ticks", "ticks_count"), ("ids", "each_sample_comes_once")]
)
def test_a_generator_that_does_not_hold_is_seen(how: str, check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPED", "true")
    monkeypatch.setattr(Wrong, "how", how)
    with pytest.raises(Nonconforming, match=f"^{check}"):
        check_generator(Wrong(Source(model="piped:x")), PROMPTS[:2])
