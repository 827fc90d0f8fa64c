# SPDX-License-Identifier: Apache-2.0
"""OTEL_CONFIG_FILE: the file decides, and redaction and spool hold where it names our exporter.

Needs the alpha package opentelemetry-configuration, in a virtual environment of its own.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.fakes.otlp_receiver import spans_of

ROOT = Path(__file__).resolve().parents[2]
VENV = Path.home() / ".cache" / "agentstack-tests" / "declarative"

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

PROGRAM = """
from opentelemetry import trace
with trace.get_tracer("app").start_as_current_span("declared") as span:
    span.set_attribute("note", "from bob@example.com")
    span.set_attribute("gen_ai.input.messages", "hello")
"""
FILE = """
file_format: "1.0"
resource:
  attributes:
    - name: service.name
      value: from-the-file
tracer_provider:
  processors:
    - batch:
        exporter:
          agentstack:
            project: shop
"""


@pytest.fixture(scope="module")
def bin_folder() -> Path:
    found = (
        subprocess.run(
            [VENV / "bin" / "python", "-c", "import opentelemetry.configuration, agentstack_otel"],
            capture_output=True,
            check=False,
        )
        if (VENV / "bin" / "python").exists()
        else None
    )
    if found is None or found.returncode:
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        done = subprocess.run(
            [
                *(VENV / "bin" / "pip", "install", "-q", "-e", ROOT),
                "opentelemetry-configuration>=0.66b0,<0.67",
            ],
            check=False,
        )
        if done.returncode:
            pytest.skip("opentelemetry-configuration cannot be installed here (no index?)")
    return VENV / "bin"


@pytest.mark.parametrize(("content", "attributes"), [("scrubbed", 2), ("none", 1)])
def test_spans_of_a_declared_pipeline_are_redacted_and_spooled(
    bin_folder: Path, tmp_path: Path, content: str, attributes: int
) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    (tmp_path / "otel.yaml").write_text(FILE)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [bin_folder / "opentelemetry-instrument", bin_folder / "python", "app.py"],
        cwd=tmp_path,
        env={
            **env,
            "OTEL_CONFIG_FILE": "otel.yaml",
            "AGENTSTACK_SPOOL": "run.db",
            "AGENTSTACK_CONTENT": content,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    connection = sqlite3.connect(tmp_path / "run.db")
    [(project, payload)] = connection.execute("SELECT project, payload FROM records").fetchall()
    connection.close()
    request = ExportTraceServiceRequest.FromString(payload)
    resource = {
        pair.key: pair.value.string_value for pair in request.resource_spans[0].resource.attributes
    }
    [span] = spans_of(request)

    assert "ignoring" not in done.stderr
    assert project == "shop"
    assert resource["service.name"] == "from-the-file"
    assert resource["telemetry.distro.name"] == "agentstack-otel"
    assert span.attributes[0].value.string_value.startswith("from [EMAIL:")
    assert len(span.attributes) == attributes
