"""A short fuzz: what was found before, then new cases for some seconds. The long one is `make fuzz`."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import DockerEngine
from tests.fuzz import boxes as in_boxes
from tests.fuzz import cases, host

HOST_S, BOXES_S = 8.0, 16.0
SEED = 1


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
def test_comparison() -> None:
    n_cases, n_right = host.run_host(random.Random(SEED), HOST_S)
    print(f"{n_cases} comparisons, {n_right} right")
    assert 0 < n_right < n_cases


def test_programs(boxes: in_boxes.Boxes) -> None:
    rng = random.Random(SEED)
    boxes.check(boxes.case(rng) for _ in range(8))
    before = cases.rss()
    n_cases, n_passed = in_boxes.run_boxes(boxes, rng, BOXES_S)
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
