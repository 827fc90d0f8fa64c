# SPDX-License-Identifier: Apache-2.0
"""The upstream Collector as a peer to measure against: OTLP/gRPC in, everything dropped."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import artefacts
from tests.services.collector import free_port


@contextmanager
def dropping_collector() -> Iterator[tuple[int, dict[str, str]]]:
    """Yield its pid and address; built from the Go module registry the first time (two minutes)."""
    address = f"127.0.0.1:{free_port()}"
    receiver = {"protocols": {"grpc": {"endpoint": address, "max_recv_msg_size_mib": 64}}}
    config = {
        "receivers": {"otlp": receiver},
        "exporters": {"nop": {}},
        "service": {
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["nop"]}},
            "telemetry": {"metrics": {"level": "none"}},
        },
    }
    program = artefacts.go_programs() / "otelcol"
    with tempfile.TemporaryDirectory() as folder:
        file, log = Path(folder) / "collector.yaml", Path(folder) / "collector.log"
        file.write_text(json.dumps(config))  # JSON is YAML
        with log.open("w") as stream:
            process = subprocess.Popen([program, f"--config={file}"], stdout=stream, stderr=stream)
        try:
            while "Everything is ready" not in log.read_text():
                if process.poll() is not None:
                    raise RuntimeError(f"the Collector ended: {log.read_text()[-2000:]}")
                time.sleep(0.05)
            yield process.pid, {"grpc": address}
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
