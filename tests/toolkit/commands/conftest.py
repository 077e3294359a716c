"""An oracle that believes the samples, for those who ask for it."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.toolkit.commands import believed
from tests.toolkit.models.conftest import endpoint as endpoint
from toolkit.benchmarks import Benchmark
from toolkit.commands import evaluate, validate
from toolkit.oracle import Facts
from toolkit.records import Result, Sample
from toolkit.samples import read as sample_files
from toolkit.samples.sanitize import Sanitizer


@pytest.fixture(scope="session")
def sanitizer() -> Iterator[Sanitizer]:
    """One whose processes stay: starting them is most of what a small run takes."""
    with Sanitizer() as made:
        yield made


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sanitizer: Sanitizer) -> None:
    """Put an oracle in place that believes the samples."""

    @contextlib.contextmanager
    def oracle(_settings: Any, benchmark: Benchmark, tasks: Any, _data_hash: str) -> Iterator[Any]:
        def judge_many(samples: Iterable[Sample]) -> Iterator[tuple[Sample, Result, Facts]]:
            return ((sample, believed.judged(sample), Facts()) for sample in samples)

        engine = SimpleNamespace(image_digest=lambda _: "sha256:0")
        pool = SimpleNamespace(engine=engine, close=lambda: None)
        rules = SimpleNamespace(benchmark=benchmark)
        yield SimpleNamespace(tasks=tasks, pool=pool, judge_many=judge_many, start=lambda: None, defects=[], rules=rules)

    monkeypatch.setattr(evaluate, "open_oracle", oracle)
    monkeypatch.setattr(validate, "open_oracle", oracle)
    monkeypatch.setattr(evaluate, "prove", lambda _: None)
    monkeypatch.setattr(sample_files, "Sanitizer", lambda: contextlib.nullcontext(sanitizer))
    monkeypatch.chdir(tmp_path)
