"""The images: named by what they are made of, found again at once, and shut by the profile."""

import json
import time
from pathlib import Path

import pytest

from sandbox import DockerEngine, ImageMissing, images

PROFILE = json.loads((Path(__file__).parent.parent / "images" / "seccomp.json").read_text())


def test_a_second_build_is_immediate(engine: DockerEngine) -> None:
    said: list[str] = []
    images.build(engine.client, (images.RUN, images.LINT), said.append)
    started = time.monotonic()
    names = images.build(engine.client, (images.RUN, images.LINT), said.append)
    assert time.monotonic() - started < 2
    assert names == [images.tag(images.RUN), images.tag(images.LINT)]


def test_the_name_changes_with_the_recipe(monkeypatch: pytest.MonkeyPatch, engine: DockerEngine) -> None:
    before = images.tag(images.RUN)
    monkeypatch.setitem(images.WHEELS, images.RUN, ("numpy==0",))
    assert images.tag(images.RUN) != before
    with pytest.raises(ImageMissing, match="images build"):
        images.find(engine.client, images.RUN)


def test_the_lint_image_has_its_linters(engine: DockerEngine) -> None:
    code = "import pylint, radon; print(pylint.__version__)"
    shown = engine.client.containers.run(
        images.tag(images.LINT), ["-c", code], entrypoint="python3", network_mode="none", remove=True
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
