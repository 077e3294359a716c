"""A short fuzz: what was found before, large answers, then new cases, in about a minute. The long one is `make fuzz`."""

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import DockerEngine
from tests.fuzz import boxes as in_boxes
from tests.fuzz import cases, host
from tests.fuzz.hostile import HOSTILE
from toolkit.benchmarks.compare import matches

HOST_S, BOXES_S = 12.0, 36.0
"""Seconds of new cases; `make check-long` has ten minutes of them."""
SEED = 1
LARGE = 3 << 20
PLAIN = ["zeros", "floats", "texts", "long digits"]
"""What right answers mostly are where they are large."""


@pytest.fixture(scope="module")
def boxes(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[in_boxes.Boxes]:
    patch = pytest.MonkeyPatch()
    patch.setenv("TOOLKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
    boxes = in_boxes.Boxes(engine)
    try:
        boxes.start()
        yield boxes
    finally:
        boxes.close()
        patch.undo()


@pytest.mark.parametrize("path", cases.kept(), ids=lambda path: path.stem)
def test_what_was_found_before(path: Path, boxes: in_boxes.Boxes) -> None:
    in_boxes.again(cases.load(path), boxes)


@pytest.mark.slow
def test_comparison(frozen_heap: None) -> None:
    n_cases, n_right = host.run_host(random.Random(SEED), HOST_S)
    print(f"{n_cases} comparisons, {n_right} right")
    assert 0 < n_right < n_cases


@pytest.mark.slow
@pytest.mark.parametrize("which", HOSTILE)
def test_a_large_answer_is_hardly_more_than_read(which: str, frozen_heap: None) -> None:
    """Of some MB, by every rule, where the right answer is short."""
    got = HOSTILE[which](LARGE)
    for name in host.RULES:
        soon_compared(name, b"[1,2,3]", got)


@pytest.mark.slow
@pytest.mark.parametrize("which", PLAIN)
def test_large_plain_answers_are_compared_as_fast(which: str, frozen_heap: None) -> None:
    """By value: equal ones, which have other spaces; one that is longer; and one of another kind."""
    expected = HOSTILE[which](LARGE)
    for name in ("plain", "tolerance"):
        assert soon_compared(name, expected, expected[:-1] + b" " + expected[-1:])
        assert not soon_compared(name, expected, expected[:-1] + b",1]")
        soon_compared(name, expected, HOSTILE["zeros"](LARGE + 1))


def soon_compared(name: str, expected: bytes, got: bytes) -> bool:
    """Return whether an answer is right. Fails where that takes more than 0.2 s and 0.1 s a MB of CPU, each time."""
    case = cases.Case(part="host", name=name, note=f"{expected[:20]!r} and {got[:20]!r}, {len(got)} bytes")
    size, (benchmark, task, arguments) = len(expected) + len(got), host.RULES[name]
    for is_last in (False, False, True):  # whatever else the processor does costs time as well
        with contextlib.suppress(*([] if is_last else [cases.Failed])):
            return host.bounded(
                case, "matches", size, lambda: matches(benchmark, task, arguments, expected, got), is_traced=False, per_mb_s=host.PER_MB_S
            ) is True  # fmt: skip
    raise AssertionError


def test_programs(boxes: in_boxes.Boxes) -> None:
    rng = random.Random(SEED)
    in_boxes.run_boxes(boxes, rng, 0.25 * BOXES_S)  # what is only once allocated
    before = cases.rss()
    n_cases, n_passed = in_boxes.run_boxes(boxes, rng, 0.75 * BOXES_S)
    grown = cases.rss() - before
    print(f"{n_cases} programs, {n_passed} passed, {grown >> 20:+d} MiB")
    assert 0 < n_passed < n_cases
    assert grown < cases.MOST_GROWTH


def test_a_failure_is_kept_and_rerun(boxes: in_boxes.Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "SEEDS", tmp_path / "seeds")
    case = cases.Case(part="box", name="Fuzz/single", solution="def single(x):\n    return x + 1\n", right=[True, False], note="a test")
    with pytest.raises(cases.Failed) as failed:
        boxes.check([case])
    path = cases.keep(failed.value)
    assert cases.kept() == [path]
    with pytest.raises(cases.Failed, match="passed"):
        in_boxes.again(cases.load(path), boxes)
