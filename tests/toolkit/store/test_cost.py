"""What it costs to write samples: noted batch by batch beside the file, added up over starts, never made up."""

import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.toolkit.commands.test_generate import Planted, body, writer
from toolkit.errors import InfrastructureError, UsageError
from toolkit.models.generators import Generation, GenerationFailed
from toolkit.report import words
from toolkit.store import cost

HERE = {"device": None, "batch_size": 2, "n_parameters": 10, "n_active": 5}


def answers(*tokens: int, seconds: float | None = 1.5) -> list[Generation]:
    return [
        Generation(
            index=0, sample_id=i, prompt="", completion="", n_prompt_tokens=3, n_tokens=n, finished=True, mean_logprob=None,
            field="completion", seconds=seconds,
        )
        for i, n in enumerate(tokens)
    ]  # fmt: skip


def metered(file: Path, *batches: list[Generation], **machine: Any) -> list[cost.Part]:
    """Each batch takes two seconds of a clock that counts calls, and what is done with it one."""
    ticks = count(0, 2)
    list(cost.Meter(file, HERE | machine, lambda: next(ticks)).timed(batches))
    return cost.read(file)


def test_starts_add_up(tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"
    metered(file, answers(10, 20), answers(30), hardware="A")
    parts = metered(file, answers(40, 20), hardware="B", batch_size=8)
    assert [(part.n_samples, part.n_tokens, part.seconds, part.answer_seconds) for part in parts] == [(3, 60, 4, 4.5), (2, 60, 2, 3)]
    found = cost.total(parts)
    assert found == {
        "n_parts": 2, "n_samples": 5, "n_prompt_tokens": 15, "n_tokens": 120, "seconds": 6, "tokens_per_s": 20,
        "ms_per_token": 62.5, "s_per_answer": 1.5, "memory_mb": None, "memory": None, "model": None, "device": None, "hardware": "A + B",
        "batch_size": None, "n_parameters": 10, "n_active": 5,
    }  # fmt: skip
    assert words.generation(found) == "written: 20.0 tokens/s · 62.5 ms a token · 1.50 s an answer · A + B"
    assert cost.total([]) is None
    assert words.generation(None) == words.generation({"n_judged": 3, "n_judged_tokens": 4}) == ""


def test_what_one_answer_does_not_say_is_not_known(tmp_path: Path) -> None:
    found = cost.total(metered(tmp_path / "a", answers(10), answers(0, seconds=None), answers(10)))
    assert found is not None
    assert (found["n_samples"], found["seconds"]) == (3, 6)
    assert [found[name] for name in ("n_tokens", "tokens_per_s", "ms_per_token", "s_per_answer")] == [None] * 4


def test_the_peak_is_that_since_writing_began(tmp_path: Path) -> None:
    large = b"x" * (300 << 20)
    before = metered(tmp_path / "a", answers(1), device="cpu")[0].memory_bytes or 0
    del large
    (part,) = metered(tmp_path / "b", answers(1), device="cpu")
    assert part.memory == "rss"
    assert 10 << 20 < (part.memory_bytes or 0) < before - (250 << 20)


def test_on_a_gpu_the_peak_is_what_is_allocated_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    peak = {"cuda:1": 9 << 30}
    cuda = SimpleNamespace(reset_peak_memory_stats=lambda device: peak.update({device: 3 << 30}), max_memory_allocated=peak.__getitem__)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    (part,) = metered(tmp_path / "a", answers(1), device="cuda:1")
    assert (part.memory, part.memory_bytes) == ("gpu", 3 << 30)
    found = cost.total([part, *metered(tmp_path / "b", answers(1))])
    assert found is not None
    assert found["memory_mb"] is None, "of one part it is not known"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GenerationFailed("the endpoint is gone")])
def test_a_file_that_was_interrupted_costs_both_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException) -> None:
    file = tmp_path / "s.jsonl"
    with pytest.raises((KeyboardInterrupt, InfrastructureError)):
        writer(monkeypatch, Planted(body, 2, error)).write(file)
    assert [part.n_samples for part in cost.read(file)] == [4]
    writer(monkeypatch, Planted(body)).write(file, resume=True)
    writer(monkeypatch, Planted(body)).write(file, resume=True)  # nothing is left to be written
    assert [(part.n_samples, part.n_tokens) for part in cost.read(file)] == [(4, 8), (8, 16)]
    writer(monkeypatch, Planted(body)).write(file, overwrite=True)
    assert [part.n_samples for part in cost.read(file)] == [12]
    file.unlink()
    planted: Any = Planted(body)
    planted.machine = None
    writer(monkeypatch, planted).write(file)
    assert cost.read(file) == [], "that of samples which are no longer there, and these took no time of a model"


def test_a_batch_that_was_not_kept_is_not_counted(tmp_path: Path) -> None:
    file = tmp_path / "s.jsonl"
    batches = cost.Meter(file, HERE).timed([answers(1), answers(2)])
    next(batches)
    assert cost.read(file) == []
    next(batches)
    batches.close()
    assert [part.n_tokens for part in cost.read(file)] == [1]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"parts": 3}', '{"parts": [{"n_sample": 1}]}', '{"parts": [{"n_samples": 0}]}', '{"parts": [{"n_samples": "1"}]}',
             '{"parts": [{"n_samples": 1, "seconds": null}]}', '{"parts": [{"n_samples": 1, "n_tokens": "2"}]}', "\ud800"]
)  # fmt: skip
def test_what_we_did_not_write_is_refused(tmp_path: Path, text: str) -> None:
    cost.beside(tmp_path / "s").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UsageError, match=r"s\.cost\.json is not as toolkit generate writes it"):
        cost.read(tmp_path / "s")
