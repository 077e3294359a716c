"""A cluster of simulated nodes: the same bytes as one machine, also when a node is killed half-way and another one joins."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

ray = pytest.importorskip("ray", reason="NOT CHECKED: ray is not here")

from sandbox import DockerEngine, EngineUnavailable, Limits, UsageError, recipes  # noqa: E402
from tests import faults  # noqa: E402
from tests.toolkit.rounds.planted import Planted, right, settings  # noqa: E402
from tests.toolkit.service.live import Server, server  # noqa: E402
from toolkit.benchmarks import BENCHMARKS, Options  # noqa: E402
from toolkit.benchmarks.load import load  # noqa: E402
from toolkit.commands import evaluate, gate  # noqa: E402
from toolkit.oracle import cluster as clusters  # noqa: E402
from toolkit.oracle.ray import RayOracle  # noqa: E402
from toolkit.oracle.ray_run import run_on  # noqa: E402
from toolkit.records import Sample  # noqa: E402
from toolkit.rounds import pool  # noqa: E402
from toolkit.rounds import run as rounds  # noqa: E402
from toolkit.store.cache import VerdictCache  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(900)]
LIMITS = Limits(memory_bytes=512 << 20)


@pytest.fixture(scope="module")
def cluster(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A head without boxes, and two nodes with them."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("TOOLKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
        made = patiently(lambda: Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80 << 20}))
        for _ in range(2):
            join(made)
        ray.init(address=made.address, log_to_driver=False)
        yield made
        ray.shutdown()
        made.shutdown()


def join(cluster: Any) -> Any:
    return patiently(lambda: cluster.add_node(num_cpus=1, resources={"exogate": 1}, object_store_memory=80 << 20))


def patiently(act: Callable[[], Any]) -> Any:
    """Try again what Ray gives 30 seconds and a busy machine does not."""
    for left in reversed(range(4)):
        try:
            return act()
        except Exception:
            if not left:
                raise
    return None


def samples(n: int) -> list[Sample]:
    names = list(faults.TASKS)
    return [
        Sample(task_id=names[i % len(names)], sample_id=i // len(names), solution=f"{faults.SOLUTIONS[names[i % len(names)]]}# {i}\n")
        for i in range(n)
    ]


def oracle(cluster: Any, **settings: Any) -> RayOracle:
    return RayOracle(cluster.address, faults.OWN, faults.TASKS, "own-1", n_boxes=1, limits=LIMITS, timeout_s=2, **settings)


def test_a_run_has_the_same_bytes_as_on_one_machine(cluster: Any, tmp_path: Path) -> None:
    tasks, _ = load(BENCHMARKS["humaneval"], Options())
    file = tmp_path / "samples.jsonl"
    wrong = ["    return None\n", "    raise ValueError\n", "    import os\n    os._exit(0)\n"]
    rows = [{"task_id": name, "completion": text} for name, task in list(tasks.items())[:12] for text in (task.canonical_solution, *wrong)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    common = {"benchmark": "humaneval", "samples": file, "allow_missing": True, "use_cache": False, "parallel": 2, "show_tests": True}
    evaluate.evaluate(evaluate.Settings(output=tmp_path / "here", **common))
    evaluate.evaluate(evaluate.Settings(output=tmp_path / "there", ray=cluster.address, boxes_a_node=1, **common))
    for name in ("results.jsonl", "samples.jsonl", "samples.jsonl_results.jsonl"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
    here, there = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("here", "there"))
    assert here["images"] == there["images"]


def test_a_node_is_killed_half_way_and_another_joins(cluster: Any) -> None:
    given = samples(400)
    judging = oracle(cluster)
    doomed, nodes = join(cluster), set[str]()
    judging.prove()
    try:
        found = {}
        for sample, result, _ in judging.judge_many(given):
            found[sample.task_id, sample.sample_id] = result.verdict
            nodes |= {name for name, node in judging.cluster._nodes.items() if node.about}
            if len(found) == 100:
                cluster.remove_node(doomed, allow_graceful=False)
                join(cluster)
            elif len(found) > 300 and len(nodes) < 4:
                time.sleep(1)  # the newcomer starts meanwhile
        assert found == {(each.task_id, each.sample_id): faults.VERDICTS[each.task_id] for each in given}
        assert len(nodes) == 4
    finally:
        judging.cluster.close()


def test_what_is_stored_needs_no_node_and_the_driver_is_quick(cluster: Any, tmp_path: Path) -> None:
    cache = VerdictCache(tmp_path)
    given = samples(200)
    judging = oracle(cluster, cache=cache)
    try:
        first = {(s.task_id, s.sample_id): result for s, result, _ in judging.judge_many(given)}
        started = time.monotonic()
        again = {(s.task_id, s.sample_id): result for s, result, facts in judging.judge_many(given) if facts.cached}
        seconds = time.monotonic() - started
    finally:
        judging.cluster.close()
        cache.close()
    assert again == first
    print(f"{len(given) / seconds:.0f} verdicts/s from the cache")


def test_gates_say_the_same_as_on_one_machine(cluster: Any, tmp_path: Path) -> None:
    file = tmp_path / "programs.jsonl"
    texts = ["def f(x):\n    return x\n", "import os\n", "def f(:\n", "x = 1\n", "raise ValueError\n"]
    rows = [{"code": f"{text}# {i}\n", "test": "assert f(1) == 1\n"} for i in range(4) for text in texts]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    common = {"kind": "duplicate+import+tests", "files": (str(file),), "use_cache": False, "parallel": 2}
    gate.gate(gate.Settings(output=tmp_path / "here", **common))
    gate.gate(gate.Settings(output=tmp_path / "there", ray=cluster.address, boxes_a_node=1, **common))
    for name in ("accepted.jsonl", "rejected.jsonl"):
        here, there = ((tmp_path / folder / name).read_bytes() for folder in ("here", "there"))
        assert here == there
        assert here
    summaries = [json.loads((tmp_path / folder / "summary.json").read_text()) for folder in ("here", "there")]
    assert summaries[0]["images"] == summaries[1]["images"]


def test_rounds_say_the_same_as_on_one_machine(
    cluster: Any, engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.rounds.run.Machine", Planted)
    monkeypatch.setattr(Planted, "policy", staticmethod(right), raising=False)
    rows = []
    for name, more in (("here", {}), ("there", {"ray": cluster.address})):
        if more:
            monkeypatch.setattr("toolkit.rounds.machine.open_engine", lambda: pytest.fail("the nodes have the boxes"))
        (tmp_path / name).mkdir()
        asked = settings(tmp_path / name, regimes=("compile+import",), rounds=1, accept=4, limit=4, parallel=1, **more)
        rows.append([{**row, "spent": None} for row in rounds.run(asked)["rows"]])
    assert rows[0] == rows[1]
    assert rows[0]
    items = pool.load(pool.STDLIB, partial(run_on, cluster.address))
    assert [item.task for item in items] == [item.task for item in pool.load(pool.STDLIB, engine)]
    assert len(items) > 1000


ROWS = [
    {"solution": "def f(x):\n    return 2 * x\n", "tests": {"asserts": ["assert f(2) == 4", "assert f(0) == 0"]}},
    {"solution": "def f(x):\n    return x\n", "tests": {"asserts": ["assert f(0) == 0", "assert f(2) == 4"]}, "partial": True},
    {"solution": "def f(x):\n    raise SystemExit(0)\n", "tests": {"asserts": ["assert f(2) == 4"]}},
    {"solution": "print(int(input()) * 2)", "tests": {"inputs": ["2", "4"], "outputs": ["4", "8"]}},
    {"solution": "def f(x):\n    return x\n", "tests": {"asserts": ["assert g(2) == 4"]}},
    {"benchmark": "humaneval", "task_id": 53, "solution": "def add(x, y):\n    return x + y\n"},
    {"benchmark": "humaneval", "task_id": 53, "solution": "def add(x, y):\n    while True: pass\n", "timeout": 1},
]
PROGRAMS = [
    {"code": "import sys\nprint(input())\nsys.exit(3)", "stdin": "as given"},
    {"code": "open('b', 'w').write(open('a').read() * 2)", "files": {"a": "YWI="}, "fetch_files": ["b"]},
    {"code": "while True: pass", "run_timeout": 1},
    {"code": "x = 1 / 0"},
]


def said(one: Server) -> list[Any]:
    """Return what a server says of rows and programs, without what is measured."""
    found = [one.post("/judge", [{**row, "id": i} for i, row in enumerate(ROWS)]).json()]
    for body in PROGRAMS:
        answer = one.post("/run_code", body).json()
        run = answer["run_result"]
        assert run.pop("execution_time") >= 0
        run["stderr"] = re.sub(r"/tmp/\d+/", "/tmp/", run["stderr"])  # each program's own folder
        found.append({**answer, "exogate": answer["exogate"]["status"]})
    for row in found[0]:
        row.pop("exogate", None)
    return found


def test_a_server_says_the_same_as_on_one_machine_and_loses_nothing_with_a_node(cluster: Any) -> None:
    with server("--boxes", "1", "--no-cache", "--timeout", "2") as here:
        wanted = said(here)
    doomed = join(cluster)
    with server("--boxes", "1", "--no-cache", "--timeout", "2", "--ray", cluster.address) as one:
        assert said(one) == wanted
        waits_for(lambda: one.metric("exogate_boxes") >= 3)
        n_nodes = one.metric("exogate_boxes")

        def asked(n: int) -> str:
            while (answer := one.post("/run_code", {"code": f"import time\ntime.sleep(.1)\nprint({n})"})).status_code == 504:
                time.sleep(0.5)
            return str(answer.json()["run_result"]["stdout"])

        with ThreadPoolExecutor(8) as threads:
            answers = [threads.submit(asked, n) for n in range(120)]
            answers[20].result()
            cluster.remove_node(doomed, allow_graceful=False)
            assert [answer.result() for answer in answers] == [f"{n}\n" for n in range(120)]
        waits_for(lambda: one.metric("exogate_boxes") == n_nodes - 1)
        join(cluster)
        waits_for(lambda: one.metric("exogate_boxes") == n_nodes)
        assert one.end() == 0


def waits_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_doctor_shows_nodes_boxes_and_rates(cluster: Any) -> None:
    ran = subprocess.run([sys.executable, "-m", "toolkit.cli", "doctor", "--ray", cluster.address, "--json"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert len(found["nodes"]) >= 2
    assert all(node["n_boxes"] and node["programs_per_s"] > 0 and node["images"]["run"] for node in found["nodes"])
    assert found["refused"] == {}


def test_a_stopped_run_ends_its_programs(cluster: Any) -> None:
    from sandbox.errors import Stopped

    judging, stop = oracle(cluster), threading.Event()
    endless = [Sample(task_id="Own/0", sample_id=i, solution=f"def pairs(xs):\n    while True: pass\n# {i}") for i in range(50)]
    judging.start()
    threading.Timer(2, stop.set).start()
    started = time.monotonic()
    try:
        with pytest.raises(Stopped):
            list(judging.judge_many(endless, stop))
    finally:
        judging.cluster.close()
    assert time.monotonic() - started < 30


def test_a_node_with_other_images_is_refused(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "tag", lambda image: f"exogate-{image}:0000")
    judging = oracle(cluster)
    with pytest.raises(EngineUnavailable, match="made of other files"):
        judging.start()
    judging.cluster.close()


def test_a_cluster_without_boxes_says_what_to_do(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "RESOURCE", "another")
    judging = oracle(cluster)
    with pytest.raises(EngineUnavailable, match="has the resource 'another' free: start nodes"):
        judging.start()


def test_no_cluster_is_a_usage_error() -> None:
    if not ray.is_initialized():
        with pytest.raises(UsageError, match="no cluster answers"):
            clusters.connected("127.0.0.1:9")
