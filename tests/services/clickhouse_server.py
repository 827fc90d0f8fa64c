# SPDX-License-Identifier: Apache-2.0
"""A throw-away ClickHouse 25.8 server on a free loopback port, and an HTTP `Store` for it.

The binary comes out of the PyPI wheel `chdb==3.7.2` (fetched once, checked by sha256, unzipped
outside the repository and never installed, because its import name clashes with chdb-core).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

from agentstack_exporters.clickhouse import settings

VERSION = "3.7.2"
SHA256 = "c119f0830c12438a4e4b60b8370859ba50992e8b1b01a8c681e1c57eeb2dc82d"
CACHE = Path(os.environ.get("AGENTSTACK_TEST_CACHE", Path.home() / ".cache/agentstack-tests"))

_CONFIG = """<clickhouse>
  <logger><level>warning</level><log>{root}/server.log</log><errorlog>{root}/error.log</errorlog></logger>
  <listen_host>127.0.0.1</listen_host><http_port>{port}</http_port>
  <path>{root}/data/</path><tmp_path>{root}/tmp/</tmp_path>
  <user_files_path>{root}/files/</user_files_path>
  <format_schema_path>{root}/schemas/</format_schema_path>
  <user_directories><users_xml><path>{root}/users.xml</path></users_xml></user_directories>
  <default_profile>default</default_profile><default_database>default</default_database>
  <max_server_memory_usage>2000000000</max_server_memory_usage><mark_cache_size>67108864</mark_cache_size>
</clickhouse>
"""
_USERS = """<clickhouse><quotas><default/></quotas>
  <profiles><default/><reader>{reader}<readonly>1</readonly></reader></profiles>
  <users>
    <default><password></password><networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile><quota>default</quota></default>
    <reader><password></password><networks><ip>127.0.0.1</ip></networks>
      <profile>reader</profile><quota>default</quota></reader>
  </users></clickhouse>
"""


def library() -> Path:
    """Path of the server's library, downloading the wheel on first use."""
    home = CACHE / f"chdb-{VERSION}"
    found = home / "chdb" / "_chdb.abi3.so"
    if not found.exists():
        _unzip(_wheel(), home)
    return found


def _wheel() -> Path:
    folder = CACHE / "wheels"
    if not list(folder.glob(f"chdb-{VERSION}-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
        subprocess.run([*command, f"chdb=={VERSION}"], check=True, timeout=900)
    wheel = next(folder.glob(f"chdb-{VERSION}-*.whl"))
    actual = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if actual != SHA256:
        raise RuntimeError(f"{wheel.name} has sha256 {actual}, expected {SHA256}")
    return wheel


def _unzip(wheel: Path, home: Path) -> None:
    partial = Path(tempfile.mkdtemp(dir=CACHE))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(partial)
    with contextlib.suppress(OSError):  # another run was first
        partial.rename(home)
    shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Base URL of a fresh server; it and its data are gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="agentstack-clickhouse-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (root / "config.xml").write_text(_CONFIG.format(root=root, port=port))
    (root / "users.xml").write_text(_USERS.format(reader=_reader_settings()))
    entry = Path(__file__).with_name("clickhouse_entry.py")
    process = subprocess.Popen(
        [sys.executable, str(entry), str(library()), f"--config-file={root / 'config.xml'}"],
        env={**os.environ, "CLICKHOUSE_WATCHDOG_ENABLE": "0"},
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}/"
        _wait(url, process, root)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(root, ignore_errors=True)


def _reader_settings() -> str:
    return "".join(f"<{k}>{v.strip(chr(39))}</{k}>" for k, v in settings.READ.items())


def _wait(url: str, process: subprocess.Popen[bytes], root: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url + "ping", timeout=1):
            return
        time.sleep(0.05)  # nothing to await: the server announces itself only by answering
    log = root / "server.log"
    raise RuntimeError(f"ClickHouse did not start: {log.read_text() if log.exists() else ''}")
