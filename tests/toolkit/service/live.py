"""A live server: `toolkit serve` in a process of its own, on this machine's own address."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests

STARTING_S = 180


@dataclass
class Server:
    """A server under test.

    Attributes:
        url: its address.
        log: what it has written on standard error so far.
    """

    process: subprocess.Popen[str]
    url: str
    log: list[str] = field(default_factory=list)

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        """Post JSON on a connection of its own."""
        return requests.post(self.url + path, **({"json": body} | {"timeout": 120} | more))

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=60, **more)

    def metric(self, name: str) -> float:
        """Return one number of /metrics, with its label as it stands there; 0 if it is not there."""
        found = re.search(rf"(?m)^{re.escape(name)} (\S+)$", self.get("/metrics").text)
        return float(found[1]) if found else 0.0

    def rss_bytes(self) -> int:
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_s(self) -> float:
        """Return the processor time of the server's own process, in seconds."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            return sum(map(int, file.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(120)


@contextlib.contextmanager
def server(*flags: str, **env: str) -> Iterator[Server]:
    """Start a server; it is ended when the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "toolkit.cli", "serve", "--port", "0", *flags], env={**os.environ, **env},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    started = Server(process, "")
    err = process.stderr
    reader = threading.Thread(target=lambda: started.log.extend(iter(err.readline, "")), daemon=True)
    reader.start()
    watch = threading.Timer(STARTING_S, process.kill)
    watch.start()
    try:
        line = process.stdout.readline()
        watch.cancel()
        found = re.search(r"http://[^\s,]+", line)
        assert found, (line, started.log, process.wait(60))
        started.url = found[0]
        yield started
    finally:
        watch.cancel()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reader.join(10)
        process.stdout.close()
        err.close()
