# SPDX-License-Identifier: Apache-2.0
"""The upstream Collector (core, v0.161) as a process between a client and us."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.services import artefacts


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Collector:
    """A running Collector.

    Attributes:
        grpc: host:port of its OTLP/gRPC receiver.
    """

    def __init__(self, grpc: str, metrics: str, log: Path) -> None:
        self.grpc = grpc
        self._metrics = metrics
        self._log = log

    def said(self) -> str:
        """Everything it logged so far."""
        return self._log.read_text()

    def wait_until_it_says(self, words: str, timeout: float = 60) -> str:
        """The first log line that holds `words`."""
        deadline = time.monotonic() + timeout
        while True:
            for line in self.said().splitlines():
                if words in line:
                    return line
            assert time.monotonic() < deadline, f"never said {words!r}:\n{self.said()[-4000:]}"
            time.sleep(0.05)

    def metric(self, name: str) -> float:
        """Sum over all series of one of its own metrics; 0 when it has none."""
        with urllib.request.urlopen(f"http://{self._metrics}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith((f"{name}{{", f"{name} "))
        )


@contextmanager
def collector(
    folder: Path, exporter: str, settings: dict[str, Any], batch: dict[str, Any] | None = None
) -> Iterator[Collector]:
    """Run one: OTLP/gRPC in, the batch processor, one exporter out.

    Args:
        folder: Scratch folder for its configuration and log.
        exporter: `otlp_grpc` or `otlp_http`.
        settings: That exporter's configuration.
        batch: Batch processor settings; None for its defaults.
    """
    grpc, metrics = f"127.0.0.1:{free_port()}", free_port()
    reader = {"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": metrics}}}}
    config = {
        "receivers": {
            "otlp": {"protocols": {"grpc": {"endpoint": grpc, "max_recv_msg_size_mib": 64}}}
        },
        "processors": {"batch": batch or {}},
        "exporters": {exporter: settings},
        "service": {
            "pipelines": {
                "traces": {"receivers": ["otlp"], "processors": ["batch"], "exporters": [exporter]}
            },
            "telemetry": {"metrics": {"level": "detailed", "readers": [reader]}},
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    file, log = folder / "collector.yaml", folder / "collector.log"
    file.write_text(json.dumps(config, indent=1))  # JSON is YAML
    program = artefacts.go_programs() / "otelcol"
    with log.open("w") as stream:
        process = subprocess.Popen([program, f"--config={file}"], stdout=stream, stderr=stream)
    running = Collector(grpc, f"127.0.0.1:{metrics}", log)
    try:
        running.wait_until_it_says("Everything is ready")
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
