"""The engine `docker`: anything that speaks the Docker API."""

import contextlib
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from sandbox import recipes
from sandbox.engines.base import OVERHEAD_BYTES, SocketConnection, short
from sandbox.errors import BoxLost, EngineUnavailable, ImageMissing
from sandbox.limits import MIB, Limits


def _owner() -> str:
    """Identify this process by boot, pid and start time, so that no later process passes for it."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{os.getpid()}/{_start_time(os.getpid())}"


def _start_time(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[19]


def _owner_lives(owner: str) -> bool:
    try:
        boot, pid, start = owner.split("/")
        if boot != Path("/proc/sys/kernel/random/boot_id").read_text().strip():
            return False
        return _start_time(int(pid)) == start
    except (OSError, ValueError, IndexError):
        return False


class DockerEngine:
    """Boxes as containers of any engine that speaks the Docker API (`DOCKER_HOST` is honoured).

    Args:
        runtime: an OCI runtime other than the engine's default, such as `runsc`.
        host: where the engine is, instead of `DOCKER_HOST`.
    """

    def __init__(self, runtime: str | None = None, host: str | None = None) -> None:
        try:
            import docker
        except ModuleNotFoundError:
            raise EngineUnavailable("the package docker is not installed here: say TOOLKIT_ENGINE=attached") from None

        self._docker = docker
        self.runtime = runtime
        host = host or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
        environment = {**os.environ, "DOCKER_HOST": host}
        try:
            _knock(host)
            asking = docker.from_env(version="1.24", timeout=10, environment=environment)
            try:
                about = asking.api.version(api_version=False)
                version = about["ApiVersion"]
            finally:
                asking.close()
            self.client = docker.from_env(version=version, timeout=60, environment=environment)
        except (docker.errors.DockerException, OSError, KeyError) as error:
            raise EngineUnavailable(
                f"no Docker engine answers at {host}: "
                f"{short(error)}. Start one (`make engine` does where it may), or set DOCKER_HOST."
            ) from None
        self._ids: dict[str, str] = {}
        self._left: set[str] = set()
        profile = Path(__file__).parents[2] / "images" / "seccomp.json"
        self._is_podman = any("Podman" in str(part.get("Name")) for part in about.get("Components") or [])
        self._profile = str(profile) if self._is_podman else profile.read_text()  # Podman wants the file's name
        self._uid_slots = cycle(random.sample(range(2, 4000), 3998))
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn the client library's errors into ours."""
        import requests

        try:
            yield
        except (self._docker.errors.DockerException, requests.RequestException, OSError) as error:
            raise EngineUnavailable(f"the engine refused or is gone: {short(error)}") from None

    def image_digest(self, image: str = "run") -> str:
        if image not in self._ids:
            with self._asking():
                self._ids[image] = recipes.find(self.client, image)
        return self._ids[image]

    def start(self, limits: Limits, image: str = "run") -> "DockerConnection":
        digest = self.image_digest(image)
        with self._lock:
            uid_first = next(self._uid_slots) << 19
        api = self.client.api
        memory = limits.memory_bytes + OVERHEAD_BYTES
        tmpfs = f"rw,noexec,nosuid,nodev,mode=1777,size={limits.disk_bytes}"
        if not self._is_podman:  # Podman cannot bound the number of files; their memory is bounded there
            tmpfs += ",nr_inodes=16384"
        with self._asking():
            try:
                host = api.create_host_config(
                    network_mode="none",
                    read_only=True,
                    cap_drop=["ALL"],
                    cap_add=["SETUID", "SETGID", "KILL"],
                    security_opt=["no-new-privileges:true", f"seccomp={self._profile}"],
                    pids_limit=limits.processes + 16,
                    mem_limit=memory,
                    memswap_limit=memory,
                    ipc_mode="private",
                    shm_size=16 * MIB,
                    tmpfs={"/tmp": tmpfs},
                    log_config={"type": "none"},
                    init=False,
                    runtime=self.runtime,
                )
                container = api.create_container(
                    digest,
                    command=[str(uid_first)],
                    host_config=host,
                    stdin_open=True,
                    network_disabled=True,
                    labels={"exogate.box": "1", "exogate.owner": _owner()},
                    hostname="box",
                )
            except self._docker.errors.ImageNotFound:
                self._ids.clear()
                raise ImageMissing(f"the image of {image} boxes is gone; make it with `toolkit images build`") from None
            name, connection = container["Id"], None
            try:
                if container.get("Warnings"):  # for example: limits are not supported on this machine and were dropped
                    raise EngineUnavailable(f"the engine would weaken a box: {' '.join(container['Warnings'])}")
                stream = api.attach_socket(name, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
                connection = DockerConnection(api, name, stream, lambda: self._remove(name))
                api.start(name)
            except BaseException:
                if connection:
                    connection.close()
                else:
                    self._remove(name)
                raise
        return connection

    def _remove(self, name: str) -> None:
        """Remove a container, now or when boxes are next swept. Never raises."""
        self._left.add(name)
        with contextlib.suppress(Exception):
            with contextlib.suppress(self._docker.errors.NotFound):
                self.client.api.remove_container(name, force=True, v=True)
            self._left.discard(name)

    def capacity(self, image: str, wanted: int) -> int:
        return wanted

    def sweep(self) -> int:
        swept = 0
        for name in list(self._left):
            self._remove(name)
        with self._asking():
            for found in self.client.api.containers(all=True, filters={"label": "exogate.box"}):
                if not _owner_lives(found.get("Labels", {}).get("exogate.owner", "")):
                    with contextlib.suppress(self._docker.errors.APIError):
                        self.client.api.remove_container(found["Id"], force=True, v=True)
                        swept += 1
        return swept

    def close(self) -> None:
        self.client.close()


class DockerConnection(SocketConnection):
    """The attached standard streams of one container."""

    def __init__(self, api: Any, name: str, stream: Any, remove: Callable[[], None]) -> None:
        super().__init__(name, getattr(stream, "_sock", stream))
        self._api, self._stream, self._remove = api, stream, remove
        self._out = bytearray()

    def receive(self, n: int, deadline: float) -> bytes:
        parts = self._out
        while len(parts) < n:
            self._fill(8, deadline, self._buffer)
            number, size = self._buffer[0], int.from_bytes(self._buffer[4:8], "big")
            if number not in (1, 2) or size > 1 << 26:
                raise BoxLost(f"box {self.name[:12]}: the engine sent a malformed stream")
            self._fill(8 + size, deadline, self._buffer)
            if number == 1:
                parts += memoryview(self._buffer)[8 : 8 + size]
            else:
                self.stderr = (self.stderr + bytes(self._buffer[8 : 8 + size]))[-1000:]
            del self._buffer[: 8 + size]
        data = bytes(memoryview(parts)[:n])
        del parts[:n]
        return data

    def memory_exceeded(self) -> bool:
        with contextlib.suppress(Exception):
            for _ in range(20):
                state = self._api.inspect_container(self.name)["State"]
                if not state["Running"]:
                    return bool(state["OOMKilled"])
                time.sleep(0.05)
        return False

    def close(self) -> None:
        if self._leave(self._stream, self._socket, getattr(self._stream, "_response", None)):
            self._remove()


def _knock(host: str) -> None:
    """Raise OSError at once if nobody listens on a unix socket; the client library would leave sockets open."""
    if host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.settimeout(10)
            knocking.connect("/" + host.removeprefix("unix://").lstrip("/"))
