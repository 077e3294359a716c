"""The service of docker-compose.yml over boxes that something else started: no engine's socket, no capability, a key."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from sandbox import DockerEngine
from tests import compose

KEY = secrets.token_hex(12)


@contextmanager
def started(engine: DockerEngine, paths: dict[str, str], key: str) -> Iterator[Any]:
    """Start the service by the file's own settings, its port on any that is free; gives its container."""
    service = compose.services(
        TOOLKIT_UID="1234", TOOLKIT_GID=str(compose.GROUP), TOOLKIT_SERVE_KEY=key, TOOLKIT_SERVE_PORT=""
    )["serve"]  # fmt: skip
    assert service["ports"] == ["127.0.0.1::8080"]
    assert service["environment"] == {"TOOLKIT_SERVE_KEY": key or None}
    api = engine.client.api
    config = compose.host_config(api, service | {"restart": "no"}, paths, port_bindings={8080: ("127.0.0.1", None)})
    made = api.create_container(
        service["image"], command=service["command"], user=service["user"], host_config=config, ports=[8080],
        environment={"TOOLKIT_SERVE_KEY": key},
    )  # fmt: skip
    container = engine.client.containers.get(made["Id"])
    try:
        container.start()
        yield container
    finally:
        container.remove(force=True, v=True)


def test_the_service_over_attached_boxes(docker_engine: DockerEngine) -> None:
    if not compose.may_look():
        pytest.skip("NOT CHECKED: only root may open the sockets in an engine's volume from outside a container")
    if not docker_engine.client.networks.list(names=["bridge"]):
        pytest.skip("NOT CHECKED: this engine was started without a bridge, so no port of a container can be reached")
    cache = docker_engine.client.volumes.create(f"exogate-test-{secrets.token_hex(4)}")
    try:
        with compose.boxes(2, memory="4288m", disk="64m") as folder:
            paths = {"boxes": folder.parent.name, "cache": cache.name}
            with started(docker_engine, paths, "") as refused:
                assert refused.wait(timeout=120)["StatusCode"] == 2
                assert b"--key-file" in refused.logs()
            with started(docker_engine, paths, KEY) as container:
                deadline = time.monotonic() + 120
                while b"serving at" not in container.logs():
                    container.reload()
                    assert container.status in ("created", "running"), container.logs()
                    assert time.monotonic() < deadline, container.logs()
                    time.sleep(0.2)
                container.reload()
                (port,) = {each["HostPort"] for each in container.ports["8080/tcp"]}
                url = f"http://127.0.0.1:{port}"
                assert requests.get(f"{url}/readyz", timeout=60).json()["ready"] is True
                assert requests.post(f"{url}/run_code", json={"code": "print(1)"}, timeout=60).status_code == 401
                run = requests.post(f"{url}/k/{KEY}/run_code", json={"code": "print(6 * 7)"}, timeout=60).json()
                assert run["run_result"]["stdout"] == "42\n"
                row = {"benchmark": "humaneval", "task_id": 53, "completion": "    return x + y\n"}
                found = requests.post(f"{url}/judge", json=row, headers={"Authorization": f"Bearer {KEY}"}, timeout=120)
                assert found.json()["status"] == "passed"
                assert KEY.encode() not in container.logs()
                container.kill("SIGTERM")
                assert container.wait(timeout=120)["StatusCode"] == 0
    finally:
        cache.remove(force=True)
