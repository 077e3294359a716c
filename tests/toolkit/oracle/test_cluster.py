"""A cluster's nodes have the images that its work needs. No cluster is needed."""

from types import SimpleNamespace
from typing import Any

import pytest

from sandbox import ImageMissing, Limits
from toolkit.benchmarks import BENCHMARKS
from toolkit.oracle import cluster, ray
from toolkit.service import boxes
from toolkit.service.settings import Settings


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[cluster.Cluster]:
    """The clusters that are made, on a Ray that is not there."""
    there: Any = SimpleNamespace(put=lambda it: it, remote=lambda it: it)
    monkeypatch.setattr(cluster, "connected", lambda _: there)
    found: list[cluster.Cluster] = []
    for module in (ray, boxes):
        monkeypatch.setattr(module, "Cluster", lambda *more, **named: found.append(cluster.Cluster(*more, **named)) or found[-1])
    return found


def test_nodes_have_the_images_of_what_they_judge(made: list[cluster.Cluster]) -> None:
    for name in ("humaneval", "bigcodebench"):
        ray.RayOracle("x", BENCHMARKS[name], {}, "data", limits=Limits())
    for named in (None, ("humaneval", "bigcodebench")):
        boxes.Nodes(Settings(ray="x", benchmarks=named))
    assert [list(each._recipes) for each in made] == [["run"], ["bigcodebench"], ["run"], ["bigcodebench", "run"]]
    with pytest.raises(ImageMissing, match="bigcodebench; serve: name its benchmark"):
        made[2].image_digest("bigcodebench")
