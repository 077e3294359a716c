"""Nodes of a cluster are asked for the images that they need, and for no other."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox import ImageMissing, Limits, recipes
from toolkit.benchmarks import BENCHMARKS
from toolkit.errors import UsageError
from toolkit.oracle import cluster
from toolkit.oracle.node import About
from toolkit.oracle.ray import RayOracle
from toolkit.service.boxes import Nodes
from toolkit.service.settings import Settings


@pytest.fixture(autouse=True)
def node(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster whose nodes have all that they are asked for."""

    def ready(self: Any) -> list[About]:
        return [About(node="n", host="h", images={image: f"sha256:{image}" for image in self._recipes}, n_boxes=1)]

    monkeypatch.setattr(cluster, "connected", lambda _: SimpleNamespace(put=lambda it: it, remote=lambda it: it))
    monkeypatch.setattr(cluster.Cluster, "ready", ready)
    monkeypatch.setattr(recipes, "tag", lambda image: f"tag of {image}")


@pytest.mark.parametrize("name", ["humaneval", "bigcodebench"])
def test_a_run_asks_for_the_image_of_its_benchmark(name: str) -> None:
    benchmark = BENCHMARKS[name]
    oracle = RayOracle("auto", benchmark, {}, "hash", limits=Limits())
    assert oracle.pool.engine.image_digest(benchmark.image) == f"sha256:{benchmark.image}"


@pytest.mark.parametrize(("served", "images"), [
    (None, ["run"]), (("mbpp",), ["run"]), (("humaneval", "BigCodeBench-Hard"), ["bigcodebench", "run"]),
])  # fmt: skip
def test_a_server_asks_for_the_images_of_the_benchmarks_that_are_named(served: tuple[str, ...] | None, images: Sequence[str]) -> None:
    nodes = Nodes(Settings(ray="auto", benchmarks=served))
    assert list(nodes.cluster._recipes) == images
    if "bigcodebench" not in images:
        with pytest.raises(ImageMissing, match="--benchmarks"):
            nodes.cluster.image_digest("bigcodebench")


def test_a_benchmark_that_there_is_not_is_named() -> None:
    with pytest.raises(UsageError, match="no benchmark"):
        Nodes(Settings(ray="auto", benchmarks=("nothing",)))


@pytest.mark.parametrize(("boxes", "processors", "most"), [(None, 192, 192), (None, 1, 64), (96, 2, 96)])
def test_a_node_of_a_server_takes_a_call_for_each_of_its_boxes(
    monkeypatch: pytest.MonkeyPatch, boxes: int | None, processors: int, most: int
) -> None:
    """However many they are; Ray may have been told of fewer processors than there are."""
    pytest.importorskip("ray", reason="NOT CHECKED: Ray is not installed")
    asked: list[int] = []

    class Actor:
        def options(self, **more: Any) -> "Actor":
            asked.append(more["max_concurrency"])
            return self

        def remote(self, *_: Any) -> "Actor":
            return self

        ready = property(lambda self: self)

    about = {"NodeID": "a" * 56, "Alive": True, "Resources": {"exogate": 1.0, "CPU": float(processors)}}
    ray = SimpleNamespace(
        put=lambda it: it, remote=lambda _: Actor(), nodes=lambda: [about, {**about, "NodeID": "b", "Resources": {}}],
        wait=lambda *_, **__: ([], []),
    )  # fmt: skip
    monkeypatch.setattr(cluster, "connected", lambda _: ray)
    assert Nodes(Settings(ray="auto", boxes_a_node=boxes)).cluster.look() == []
    assert [n - 2 for n in asked] == [most]
