# SPDX-License-Identifier: Apache-2.0
"""Test-only programs from the ordinary registries, kept in a cache outside the repository.

Everything is pinned by committed files: `package-lock.json` (integrity hashes), `go.sum`, `pom.xml`
with exact versions, checked against the registry's sums. An artefact is made once per
content of its inputs: in a scratch folder first, renamed into place when complete, under a file
lock, so that two test runs neither collide nor see half of it.

`AGENTSTACK_TEST_CACHE` names the cache (default `~/.cache/agentstack-tests`). A machine without the
tool a test needs skips that test and says what to install; with `CI=true` it fails instead.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent

# What to tell somebody whose machine lacks a tool: Debian's package for it, or where it is from.
_INSTALL = {
    "node": "apt-get install nodejs npm  (Node 20 or newer)",
    "npm": "apt-get install npm",
    "go": "Go 1.26 or newer; older ones fetch that toolchain themselves with GOTOOLCHAIN=auto",
    "java": "apt-get install default-jdk-headless",
    "javac": "apt-get install default-jdk-headless",
    "mvn": "apt-get install maven",
}


def cache() -> Path:
    """The folder artefacts live in, made if need be."""
    named = os.environ.get("AGENTSTACK_TEST_CACHE")
    folder = Path(named) if named else Path.home() / ".cache" / "agentstack-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def unavailable(reason: str) -> NoReturn:
    """Skip the test; on CI, where everything is expected to be there, fail it."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{reason} (CI=true: a missing tool is a failure)", pytrace=False)
    pytest.skip(reason)


def need(tool: str) -> str:
    """Path of a program on PATH, or a skip that says how to get it."""
    path = shutil.which(tool)
    if path is None:
        unavailable(f"{tool} is not on PATH; to run this test: {_INSTALL.get(tool, tool)}")
    return path


def digest(paths: Iterable[Path]) -> str:
    """sha256 over names and contents of files, short: it names a cache entry."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return total.hexdigest()[:16]


def made(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder `make` filled, from the cache when it was made before.

    Args:
        name: What it is; the readable half of the folder's name.
        key: Digest of everything that decides the content.
        make: Fills an empty folder. When it raises nothing is kept.
    """
    place = cache() / f"{name}-{key}"
    if place.is_dir():
        return place
    with _lock(cache() / f".{name}.lock"):
        if place.is_dir():  # the other run finished it while we waited
            return place
        scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache()))
        try:
            make(scratch)
            scratch.chmod(0o755)
            scratch.rename(place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return place


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(*command: str | Path, cwd: Path, timeout: float = 900, **env: str) -> str:
    """Run to the end and return stdout; on failure the error carries both streams."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        tail = (done.stdout + done.stderr)[-4000:]
        raise RuntimeError(f"{command[0]} ended with {done.returncode} in {cwd}:\n{tail}")
    return done.stdout


def go_programs() -> Path:
    """Folder with `otelcol` (upstream Collector, core) and `send` (stock Go exporter)."""
    go = need("go")
    source = HERE / "go"
    files = [path for path in source.rglob("*") if path.is_file()]

    def make(folder: Path) -> None:
        # -mod=readonly: only what go.sum vouches for. Nice: it takes both cores for a minute.
        command = [go, "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]
        run("nice", *command, "-o", f"{folder}{os.sep}", "./cmd/...", cwd=source)

    return made("go-programs", digest(files), make)


def javascript_clients() -> Path:
    """Folder with `send.mjs` beside the `node_modules` it imports."""
    need("node")
    npm = need("npm")
    source = HERE / "js"
    inputs = [source / name for name in ("package.json", "package-lock.json", "send.mjs")]

    def make(folder: Path) -> None:
        for path in inputs:
            shutil.copy(path, folder)
        # No package's own scripts run: what is tested is what the registry serves.
        run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)

    return made("js-clients", digest(inputs), make)


def java_client() -> Path:
    """Folder with the agent (`agent.jar`), the app's classes and our id extension (`ids.jar`)."""
    need("java")
    javac, mvn = need("javac"), need("mvn")
    source = HERE / "java"
    files = [path for path in source.rglob("*") if path.is_file()]

    def make(folder: Path) -> None:
        shutil.copy(source / "pom.xml", folder)
        run(
            mvn,
            "-q",
            "-B",
            "-C",
            "dependency:copy-dependencies",
            "-DoutputDirectory=lib",
            cwd=folder,
        )
        (agent,) = (folder / "lib").glob("opentelemetry-javaagent-*.jar")
        agent.rename(folder / "agent.jar")
        libraries = os.pathsep.join(str(jar) for jar in sorted((folder / "lib").glob("*.jar")))
        for part in ("app", "ids"):
            sources = sorted(str(path) for path in (source / part).rglob("*.java"))
            run(javac, "-cp", libraries, "-d", folder / part, *sources, cwd=folder)
        with zipfile.ZipFile(folder / "ids.jar", "w") as jar:
            for path in sorted((folder / "ids").rglob("*.class")):
                jar.write(path, path.relative_to(folder / "ids"))
            services = source / "ids" / "services"
            for path in services.iterdir():
                jar.write(path, f"META-INF/services/{path.name}")

    return made("java-client", digest(files), make)
