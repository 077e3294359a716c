"""A headless Chromium for tests of pages, driven over its devtools protocol through two pipes."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from select import select
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome")


def found() -> str | None:
    """Return the path of the Chromium that is installed here, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """One browser with one tab.

    Attributes:
        errors: what the console was told as errors or warnings, uncaught exceptions, and what a policy refused.
        requests: addresses that a page asked for, without the page itself.
    """

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.worked = 0.0
        self._number = 0
        self._rest = b""
        self._session = ""

    def __enter__(self) -> Self:
        program = found()
        assert program, "no Chromium is installed: make check-pages installs it"
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()

        def plumb() -> None:
            a, b = os.dup(theirs_in), os.dup(theirs_out)  # neither is 3 or 4 twice over
            os.dup2(a, 3)
            os.dup2(b, 4)

        self._process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-extensions", "--hide-scrollbars", "--remote-debugging-pipe",
             f"--user-data-dir={self._profile.name}", "about:blank"],
            preexec_fn=plumb, pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send("Performance.enable", timeDomain="threadTicks")
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)
        self._profile.cleanup()

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; events that come before it are noted."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            said = self._read()
            if said.get("id") == self._number:
                assert "error" not in said, said
                return dict(said["result"])

    def _read(self, timeout_s: float = 120) -> dict[str, Any]:
        until = time.monotonic() + timeout_s
        while b"\0" not in self._rest:
            ready, _, _ = select([self._in], [], [], max(0, until - time.monotonic()))
            assert ready, "Chromium does not answer"
            part = os.read(self._in, 1 << 20)
            assert part, "Chromium went away"
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        said = dict(json.loads(line))
        params = said.get("params", {})
        if said.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"])[:500])
        elif said.get("method") == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.errors.append(json.dumps(params["args"])[:500])
        elif said.get("method") == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"]["text"][:500])
        elif said.get("method") == "Network.requestWillBeSent" and params.get("type") != "Document":
            self.requests.append(params["request"]["url"])
        return said

    def open(self, file: Path, width: int = 1280, *, dark: bool = False, anchor: str = "") -> float:
        """Open a file in a window of that width; return the seconds until it was loaded and its script was done.

        `worked` is then how long of that the page's thread was at work, which is what counts where others use the processors.
        """
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.send("Page.navigate", url="about:blank")
        self.wait("location.href === 'about:blank' && document.readyState === 'complete'")
        started, before = time.monotonic(), self._work()
        self.send("Page.navigate", url=file.resolve().as_uri() + anchor)
        self.wait("location.protocol === 'file:' && document.readyState === 'complete'")
        self.wait("!document.getElementById('tasks') || document.body.dataset.shown")
        seconds, after = time.monotonic() - started, self._work()
        self.worked = after - before if after > before else after  # a page may have a process of its own
        return seconds

    def _work(self) -> float:
        metrics = self.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

    def run(self, code: str) -> Any:
        """Return the value of an expression, awaited if it is a promise."""
        said = self.send("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    def wait(self, code: str, timeout_s: float = 60) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + timeout_s
        while not self.run(f"Boolean({code})"):
            assert time.monotonic() < until, f"{code} did not become true"
            time.sleep(0.02)

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(self.run("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def screenshot(self, file: Path, *, whole: bool = False) -> None:
        """Write what is seen as a PNG file."""
        found = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(found["data"]))
