"""A short fuzz: what was found before, then new cases for some seconds. The long one is `make fuzz`."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import DockerEngine
from tests import fuzz

HOST_S, BOXES_S = 8.0, 16.0
SEED = 1


@pytest.fixture(scope="module")
def boxes(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[fuzz.Boxes]:
    patch = pytest.MonkeyPatch()
    patch.setenv("TOOLKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
    boxes = fuzz.Boxes(engine)
    try:
        boxes.start()
        yield boxes
    finally:
        boxes.close()
        patch.undo()


@pytest.mark.parametrize("path", fuzz.kept(), ids=lambda path: path.stem)
def test_what_was_found_before(path: Path, boxes: fuzz.Boxes) -> None:
    fuzz.again(fuzz.load(path), boxes)


def test_comparison() -> None:
    n_cases, n_right = fuzz.run_host(random.Random(SEED), HOST_S)
    print(f"{n_cases} comparisons, {n_right} right")
    assert 0 < n_right < n_cases


def test_programs(boxes: fuzz.Boxes) -> None:
    rng = random.Random(SEED)
    boxes.check(boxes.case(rng) for _ in range(8))
    before = fuzz.rss()
    n_cases, n_passed = fuzz.run_boxes(boxes, rng, BOXES_S)
    grown = fuzz.rss() - before
    print(f"{n_cases} programs, {n_passed} passed, {grown >> 20:+d} MiB")
    assert 0 < n_passed < n_cases
    assert grown < fuzz.MOST_GROWTH


def test_a_failure_is_kept_and_rerun(boxes: fuzz.Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "SEEDS", tmp_path / "seeds")
    case = fuzz.Case(part="box", name="Fuzz/single", solution="def single(x):\n    return x + 1\n", right=[True, False], note="a test")
    with pytest.raises(fuzz.Failed) as failed:
        boxes.check([case])
    path = fuzz.keep(failed.value)
    assert fuzz.kept() == [path]
    with pytest.raises(fuzz.Failed, match="passed"):
        fuzz.again(fuzz.load(path), boxes)
