"""The services of docker-compose.yml, started through the engine's API with the very settings of that file."""

import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import docker
import yaml

from sandbox import recipes

FILE = Path(__file__).parent.parent / "docker-compose.yml"
GROUP = 54321


def services(**given: str) -> dict[str, dict[str, Any]]:
    """Return the services, with `${NAME:-DEFAULT}` replaced by what is given or the default."""
    text = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda m: given.get(m[1], m[2]), FILE.read_text())
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    for service in found.values():  # `latest` is of whichever checkout built last
        name, _, kind = str(service["image"]).partition("-")
        service["image"] = recipes.tag(kind) if name == "exogate" and kind in recipes.IMAGES else service["image"]
    return found


def host_config(api: Any, service: dict[str, Any], volumes: dict[str, str], **changed: Any) -> Any:
    """Return what the engine is told of a service; `volumes` maps its named volumes and paths to ours."""
    known = {"image", "command", "restart", "user", "profiles", "volumes", "environment", "ports", "stop_grace_period"}
    told = {
        "read_only": service.get("read_only", False),
        "network_mode": service.get("network_mode"),
        "ipc_mode": service.get("ipc"),
        "cap_drop": service.get("cap_drop"),
        "cap_add": service.get("cap_add"),
        "security_opt": [_option(word) for word in service.get("security_opt", [])],
        "pids_limit": service.get("pids_limit"),
        "mem_limit": service.get("mem_limit"),
        "memswap_limit": service.get("memswap_limit"),
        "shm_size": service.get("shm_size"),
        "tmpfs": dict(line.split(":", 1) for line in service.get("tmpfs", [])),
    }
    names = {"ipc": "ipc_mode"}
    assert {names.get(name, name) for name in service} <= known | told.keys(), service.keys()
    binds = []
    for volume in service.get("volumes", []):
        if isinstance(volume, str):
            source, target, *mode = volume.split(":")
        else:
            source, target, mode = volume["source"], volume["target"], ["ro"] * bool(volume.get("read_only"))
        binds.append(":".join([volumes.get(source, source), target, *mode]))
    if "restart" in service:
        told["restart_policy"] = {"Name": service["restart"]}
    return api.create_host_config(binds=binds, **{name: value for name, value in (told | changed).items() if value is not None})


def _option(word: str) -> str:
    """What compose does with a seccomp profile: the engine is given its text."""
    kind, _, path = word.partition(":")
    return f"seccomp={json.dumps(json.loads((FILE.parent / path).read_text()))}" if kind == "seccomp" else word


@contextmanager
def boxes(n_run: int = 2, n_lint: int = 0, *, memory: str = "448m", disk: str = "8m", **changed: Any) -> Iterator[Path]:
    """Start boxes; gives the folder of their sockets."""
    client = docker.from_env()
    about = services(TOOLKIT_GID=str(GROUP), TOOLKIT_BOX_MEMORY=memory)
    with ExitStack() as stack:
        stack.callback(client.close)
        volume = client.volumes.create(f"exogate-test-{secrets.token_hex(4)}")
        stack.callback(lambda: volume.remove(force=True))
        for name in ["box"] * n_run + ["lint"] * n_lint:
            service = about[name]
            service["tmpfs"] = [line.replace("size=64m", f"size={disk}") for line in service["tmpfs"]]
            made = client.api.create_container(
                service["image"], command=service["command"], labels={"exogate.test": "1"},
                host_config=host_config(client.api, service, {"boxes": volume.name}, **changed),
            )  # fmt: skip
            stack.callback(client.api.remove_container, made["Id"], force=True)
            client.api.start(made["Id"])
        folder = Path(volume.attrs["Mountpoint"])
        deadline = time.monotonic() + 60
        while len(list(folder.glob("*/socket"))) < n_run + n_lint:
            assert time.monotonic() < deadline, f"no socket in {folder}"
            time.sleep(0.05)
        yield folder


def may_look() -> bool:
    """Whether this process may open the sockets in an engine's volume from outside."""
    return os.geteuid() == 0
