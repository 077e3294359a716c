"""The images: named by what they are made of, found again at once, and shut by the profile."""

import errno
import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest

from sandbox import DockerEngine, EngineUnavailable, ImageMissing, SandboxError, recipes

PROFILE = json.loads((Path(__file__).parents[2] / "images" / "seccomp.json").read_text())


def test_a_second_build_is_immediate(engine: DockerEngine) -> None:
    said: list[str] = []
    recipes.build(engine.client, (recipes.RUN, recipes.LINT), said.append)
    started = time.monotonic()
    names = recipes.build(engine.client, (recipes.RUN, recipes.LINT), said.append)
    assert time.monotonic() - started < 2
    assert names == [recipes.tag(recipes.RUN), recipes.tag(recipes.LINT)]


def test_the_name_changes_with_the_recipe(monkeypatch: pytest.MonkeyPatch, engine: DockerEngine) -> None:
    before = recipes.tag(recipes.RUN)
    monkeypatch.setitem(recipes.WHEELS, recipes.RUN, ("numpy==0",))
    assert recipes.tag(recipes.RUN) != before
    with pytest.raises(ImageMissing, match="images build"):
        recipes.find(engine.client, recipes.RUN)


def test_the_lint_image_has_its_linters(engine: DockerEngine) -> None:
    code = "import pylint, radon; print(pylint.__version__)"
    shown = engine.client.containers.run(
        recipes.tag(recipes.LINT), ["-c", code], entrypoint="python3", network_mode="none", remove=True
    )
    assert shown.decode().strip() == "4.1.4"


@pytest.mark.parametrize(
    "call",
    "ptrace process_vm_readv mount umount2 unshare setns keyctl add_key bpf perf_event_open io_uring_setup userfaultfd kcmp "
    "pidfd_getfd shmget msgget semget mq_open reboot init_module swapon chroot acct quotactl syslog memfd_secret".split(),
)
def test_the_profile_does_not_allow(call: str) -> None:
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    assert not any(call in rule["names"] for rule in PROFILE["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW")


def test_the_profile_allows_local_sockets_only() -> None:
    (rule,) = [rule for rule in PROFILE["syscalls"] if "socket" in rule["names"]]
    assert rule["args"] == [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]


def test_the_kernel_refuses_what_needs_no_capability(engine: DockerEngine) -> None:
    """AF_INET, AF_INET6, AF_NETLINK, an odd personality and a user namespace need no capability: the profile refuses."""
    code = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
found = []
for family in (2, 10, 16):
    try: socket.socket(family, socket.SOCK_DGRAM); found.append(0)
    except OSError as error: found.append(error.errno)
for act in (lambda: libc.unshare(0x10000000), lambda: libc.personality(0x40000), lambda: libc.shmget(0, 4096, 0o600)):
    ctypes.set_errno(0); act(); found.append(ctypes.get_errno())
one, other = socket.socketpair()
socket.send_fds(one, [b"x"], [os.memfd_create("m")])
print(found, len(socket.recv_fds(other, 1, 1)[1]))
"""
    shown = engine.client.containers.run(
        recipes.tag(recipes.RUN), ["-c", code], entrypoint="python3", network_mode="none", remove=True,
        security_opt=["no-new-privileges:true", f"seccomp={json.dumps(PROFILE)}"],
    )  # fmt: skip
    assert shown.decode().strip() == f"{[errno.EPERM] * 6} 1"


def test_a_silent_registry_does_not_hold_up_a_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "REGISTRY_S", 0.2)
    silent = threading.Event()

    def pull(*_args: Any, **_more: Any) -> list[bytes]:
        silent.wait(30)
        return []

    def get(_name: str) -> None:
        raise docker.errors.ImageNotFound("none")

    client = SimpleNamespace(api=SimpleNamespace(pull=pull), images=SimpleNamespace(get=get))
    started = time.monotonic()
    assert not recipes._pull(client)
    assert time.monotonic() - started < 2
    silent.set()


def test_an_engine_that_is_gone_is_named_so() -> None:
    client = docker.DockerClient(base_url="tcp://127.0.0.1:9", version="1.41", timeout=2)
    with pytest.raises(EngineUnavailable):
        recipes.ensure(client, recipes.RUN, print)
    client.close()


def test_wheels_that_cannot_be_had_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(SandboxError, match="numpy=="):
        recipes._site_packages(recipes.RUN, tmp_path / "unpacked", "x86_64")
