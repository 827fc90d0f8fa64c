# SPDX-License-Identifier: Apache-2.0
"""A server of our own in a child process, for the demo and the benchmark."""

from __future__ import annotations

import json
import os
import subprocess  # nosec B404 - starts this very program
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentstack_otel.cli.exits import Fault

_STOP_SECONDS = 20.0


def bare_environment(env: Mapping[str, str]) -> dict[str, str]:
    """`env` without settings of ours or OpenTelemetry's, so that nothing outside interferes."""
    return {
        name: value for name, value in env.items() if not name.startswith(("AGENTSTACK_", "OTEL_"))
    }


@contextmanager
def server(data: Path) -> Iterator[dict[str, Any]]:
    """`agentstack up` on free ports; yields its addresses and stops it afterwards."""
    command = [sys.executable, "-m", "agentstack_otel.cli", "up", "--json", "--data", str(data)]
    for option in ("--otlp-grpc", "--otlp-http", "--http"):
        command += [option, "127.0.0.1:0"]
    # Arguments are ours; no shell.
    process = subprocess.Popen(  # noqa: S603  # nosec B603
        command, stdout=subprocess.PIPE, text=True, env=bare_environment(os.environ)
    )
    try:
        yield _addresses(process)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _addresses(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise Fault(f"the server ended with exit code {process.wait()} before it was ready")
    addresses: dict[str, Any] = json.loads(line)
    return addresses


__all__ = ["bare_environment", "server"]
