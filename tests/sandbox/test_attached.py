"""Boxes that something else started: who may reach them, what becomes of them, and the service that asks them."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import yaml

from sandbox import AttachedEngine, Box, BoxLost, DockerEngine, EngineUnavailable, Limits, Status, recipes
from sandbox.engines import attached
from tests import compose
from tests.processes import started
from toolkit.commands.validate import write_canonical

pytestmark = pytest.mark.skipif(not compose.may_look(), reason="NOT CHECKED: only root may open an engine's volume from outside")
SMALL = Limits(charged_s=2, cpu_s=4, memory_bytes=256 << 20, disk_bytes=8 << 20)

ATTACK = """
import os, shutil, socket
ROOT = "/run/exogate"
def tried(what, act):
    try: act()
    except OSError: return
    print("could", what)
places = [f"{ROOT}/{name}" for name in os.listdir(ROOT)]
assert places, "nothing to attack"
for place in places:
    tried("list", lambda: os.listdir(place))
    for name in ("socket", "alive"):
        tried("stat " + name, lambda: os.stat(f"{place}/{name}"))
        tried("open " + name, lambda: os.open(f"{place}/{name}", os.O_RDONLY))
        tried("unlink " + name, lambda: os.unlink(f"{place}/{name}"))
    tried("connect", lambda: socket.socket(socket.AF_UNIX).connect(f"{place}/socket"))
    tried("rename", lambda: os.rename(place, place + "x"))
    tried("open up", lambda: os.chmod(place, 0o777))
    tried("take over", lambda: os.chown(place, os.getuid(), os.getgid()))
    tried("remove", lambda: os.rmdir(place))
    tried("bind", lambda: socket.socket(socket.AF_UNIX).bind(f"{place}/mine"))
    tried("link", lambda: os.symlink("/tmp", f"{place}/mine"))
tried("fill", lambda: open(f"{ROOT}/full", "w"))
tried("make", lambda: os.mkdir(f"{ROOT}/run.mine"))
tried("mount", lambda: shutil.disk_usage(ROOT) and os.chroot(ROOT))
tried("join the group", lambda: os.setgid(54321))
tried("join the group", lambda: os.setgroups([54321]))
print("tried", len(places))
"""


@pytest.fixture(scope="module")
def folder(docker_engine: DockerEngine) -> Iterator[Path]:
    with compose.boxes(2) as folder:
        yield folder


@pytest.fixture
def own(folder: Path) -> AttachedEngine:
    return AttachedEngine(folder=folder)


def test_a_program_reaches_no_socket(own: AttachedEngine) -> None:
    with Box(own, SMALL) as box:
        assert box.run(ATTACK).stdout == "tried 2\n"


def test_as_many_boxes_as_there_are(own: AttachedEngine) -> None:
    assert own.capacity("run", 64) == 1  # and one for the tests
    assert own.capacity("lint", 64) == 1
    (own.folder / "run.dead").mkdir()
    assert len(own._places("run")) == 2


def test_a_second_client_waits(monkeypatch: pytest.MonkeyPatch, own: AttachedEngine) -> None:
    monkeypatch.setattr(attached, "WAIT_S", 1.0)
    with Box(own, SMALL) as first, Box(own, SMALL) as second:
        assert first.run("print(1)").stdout == second.run("print(1)").stdout == "1\n"
        assert first._connection is not None
        with socket.socket(socket.AF_UNIX) as client, pytest.raises(FileNotFoundError):
            client.connect(str(own.folder / first._connection.name / "socket"))
        with pytest.raises(BoxLost, match="none of 2 run boxes came free"):
            Box(own, SMALL).start()
        first.close()
        with Box(own, SMALL) as third:
            assert third.run("print(3)").stdout == "3\n"


def test_a_client_that_is_killed_leaves_a_clean_box(own: AttachedEngine) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom sandbox import AttachedEngine, Box\n"
        "box = Box(AttachedEngine(folder=Path(sys.argv[1])))\nbox.limits = __import__('dataclasses').replace(box.limits, "
        "memory_bytes=256 << 20, disk_bytes=8 << 20)\nbox.start()\nprint('on', flush=True)\n"
        "box.run(\"import os\\nopen('/tmp/' + str(os.getuid()) + '/x', 'w')\\nwhile True: os.fork()\")"
    )
    for _ in range(2):
        with started([sys.executable, "-c", code, own.folder], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "on\n"
            time.sleep(0.3)
            process.kill()
    look = "import os\nprint(os.listdir('/tmp') == [str(os.getuid())], len([p for p in os.listdir('/proc') if p.isdigit()]))"
    with Box(own, SMALL) as first, Box(own, SMALL) as second:
        assert first.run(look).stdout == second.run(look).stdout == "True 3\n"


def test_a_box_that_ends_comes_back(own: AttachedEngine) -> None:
    client = docker.from_env()
    try:
        with Box(own, SMALL) as box:
            box.start()
            assert box._connection is not None
            client.api.kill(box._connection.name.removeprefix("run."))
            with pytest.raises(BoxLost):
                box.run("print(1)")
            assert box.run("print(2)").stdout == "2\n"
    finally:
        client.close()


def test_a_box_that_cannot_be_shown_to_be_clean_is_started_anew(own: AttachedEngine) -> None:
    with Box(own, SMALL) as box:
        box.run("import os\nfor _ in range(3000): os.mkdir('d' * 50); os.chdir('d' * 50)")
        assert box.run("import os; print(os.listdir('/tmp') == [str(os.getuid())])").stdout == "True\n"


def test_memory_of_a_whole_box_is_the_programs_doing(own: AttachedEngine) -> None:
    with Box(own, SMALL) as box:
        hog = "import os\nfor _ in range(20): os.fork()\nx = bytearray(64 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1"
        assert box.run(hog, limits=Limits(charged_s=10, memory_bytes=256 << 20, disk_bytes=8 << 20)).status in (
            Status.MEMORY_EXCEEDED, Status.TIMED_OUT, Status.EXITED,
        )  # fmt: skip
        assert box.run("x = b'x' * (1 << 30)").status is Status.MEMORY_EXCEEDED


@pytest.mark.boxes
def test_what_is_not_shut_in_is_refused() -> None:
    for changed, words in (
        ({"cap_add": ["SETUID", "SETGID", "KILL", "NET_ADMIN"]}, "more capabilities"),
        ({"security_opt": ["no-new-privileges:true", "seccomp=unconfined"]}, "no seccomp profile"),
        ({"security_opt": []}, "no-new-privileges is not set"),
        ({"read_only": False}, "root can be written"),
        ({"network_mode": "bridge"}, "it has a network"),
        ({"memswap_limit": "896m"}, "it may swap"),
        ({"pids_limit": -1}, "its processes are not bounded"),
    ):
        with compose.boxes(1, **changed) as folder, pytest.raises(EngineUnavailable, match=words):
            Box(AttachedEngine(folder=folder), SMALL).start()


def test_too_small_a_box_and_one_of_another_recipe_are_refused(monkeypatch: pytest.MonkeyPatch, own: AttachedEngine) -> None:
    with pytest.raises(EngineUnavailable, match="memory_bytes"):
        Box(own, Limits(memory_bytes=2 << 30)).start()
    monkeypatch.setitem(recipes.WHEELS, "run", ("numpy==0",))
    with pytest.raises(EngineUnavailable, match="build and start it anew"):
        Box(AttachedEngine(folder=own.folder), SMALL).start()


def test_no_box(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="docker compose up"):
        AttachedEngine(folder=tmp_path / "none")
    with pytest.raises(EngineUnavailable, match="runtime"):
        AttachedEngine("runsc")


def test_the_service_gives_the_bytes_that_a_local_run_gives(engine: DockerEngine, tmp_path: Path) -> None:
    """`docker compose run --rm toolkit eval` and `gate`, by the file's own settings: no root, no capability, no socket."""
    project = tmp_path / "project"
    for name in ("runs", "cache"):
        (project / name).mkdir(parents=True)
        os.chown(project / name, 1234, 1234)
    os.chmod(tmp_path.parent, 0o755)
    for path in (tmp_path, project, project / "runs"):
        os.chmod(path, 0o755)
    samples = project / "samples.jsonl"
    write_canonical("humaneval", samples, [Path("examples/broken.jsonl")], None)
    some = [row for row in samples.read_text().splitlines(keepends=True) if int(json.loads(row)["task_id"].split("/")[1]) < 40]
    samples.write_text("".join(some))
    samples.chmod(0o644)
    service = compose.services(TOOLKIT_UID="1234", TOOLKIT_GID=str(compose.GROUP))["toolkit"]
    with compose.boxes(2, 1, memory="4288m", disk="64m") as folder:
        paths = {"boxes": folder.parent.name, ".": str(project), "./runs": str(project / "runs"), "cache": str(project / "cache")}

        def run(*words: str, entrypoint: str | None = None) -> str:
            api = engine.client.api
            made = api.create_container(
                service["image"], command=list(words), user=service["user"], entrypoint=entrypoint,
                host_config=compose.host_config(api, service, paths),
            )  # fmt: skip
            try:
                api.start(made["Id"])
                code = api.wait(made["Id"])["StatusCode"]
                said = api.logs(made["Id"]).decode()
                assert code == 0, said
                return str(said)
            finally:
                api.remove_container(made["Id"], force=True)

        run("eval", "humaneval", "--samples", "samples.jsonl", "--limit", "40", "--timeout", "5", "--output", "runs/there")
        run("gate", "--kind", "compile+quality", "samples.jsonl", "-o", "runs/gated")
        status = run("/proc/self/status", entrypoint="cat")
        found = run("-c", "find / -xdev -name '*.sock' 2>/dev/null; python3 -c 'import docker' 2>&1 | tail -1", entrypoint="sh")
    assert "CapEff:\t0000000000000000" in status
    assert "CapBnd:\t0000000000000000" in status
    assert f"Uid:\t{1234}\t{1234}\t{1234}\t{1234}" in status
    assert found == "ModuleNotFoundError: No module named 'docker'\n"
    assert {path.stat().st_uid for path in (project / "runs").rglob("*")} == {1234}
    assert (project / "cache/exogate/verdicts.sqlite").stat().st_size
    toolkit = [sys.executable, "-m", "toolkit.cli"]
    here = tmp_path / "here"
    subprocess.run(
        [*toolkit, "eval", "humaneval", "--samples", samples, "--limit", "40", "--timeout", "5", "--output", here, "--no-cache"],
        check=True, capture_output=True,
    )  # fmt: skip
    gated = tmp_path / "gated"
    subprocess.run(
        [*toolkit, "gate", "--kind", "compile+quality", samples, "-o", gated, "--no-cache"], check=True, capture_output=True
    )
    for name in ("samples.jsonl", "results.jsonl"):
        assert (project / "runs/there" / name).read_bytes() == (here / name).read_bytes()
    for name in ("accepted.jsonl", "rejected.jsonl"):
        assert (project / "runs/gated" / name).read_bytes() == (gated / name).read_bytes()
    dateless = [{**json.loads((at / "samples_eval_results.json").read_text()), "date": ""} for at in (project / "runs/there", here)]
    assert dateless[0] == dateless[1]


def test_the_compose_file_gives_nobody_the_engine() -> None:
    for name, service in compose.services().items():
        assert "privileged" not in service
        assert "docker.sock" not in json.dumps(service)
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert (name in ("box", "lint")) == (service.get("network_mode") == "none")


def test_the_manifest_is_what_kubernetes_takes_and_shuts_boxes_in() -> None:
    import kubernetes_validate

    parts = list(yaml.safe_load_all(Path("images/kubernetes.yaml").read_text()))
    for part in parts:
        kubernetes_validate.validate(part, "1.33", strict=True)
    pods = {part["kind"]: part["spec"]["template"]["spec"] for part in parts if part["kind"] in ("Job", "Deployment")}
    assert {box["image"] for box in pods["Job"]["initContainers"]} == {"exogate-run", "exogate-lint"}
    assert {box["image"] for box in pods["Deployment"]["initContainers"]} == {"exogate-run"}
    for pod in pods.values():
        for box in [*pod["initContainers"], *pod["containers"]]:
            context = box["securityContext"]
            assert context["readOnlyRootFilesystem"]
            assert not context["allowPrivilegeEscalation"]
            assert context["capabilities"]["drop"] == ["ALL"]
        assert not any("hostPath" in volume for volume in pod["volumes"])
    (served,) = pods["Deployment"]["containers"]
    assert "secretKeyRef" in served["env"][0]["valueFrom"], "no key stands in the file"
    (service,) = [part for part in parts if part["kind"] == "Service"]
    (policy,) = [part for part in parts if part["kind"] == "NetworkPolicy" and part["metadata"]["name"] == "exogate-serve"]
    labels = next(part for part in parts if part["kind"] == "Deployment")["spec"]["template"]["metadata"]["labels"]
    for chosen in (service["spec"]["selector"], policy["spec"]["podSelector"]["matchLabels"]):
        assert chosen.items() <= labels.items()
