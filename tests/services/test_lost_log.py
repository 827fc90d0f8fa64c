# SPDX-License-Identifier: Apache-2.0
"""A data folder whose log file is gone (lost disk, moved aside because it was corrupt) goes on.

A new log counts its positions from the start again. The store remembers insert tokens; if a token
said positions only, the new log's batches would look like the old one's and be dropped silently.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.services.up import Up

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def _send_one(up: Up, trace_id: str, base: int) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(
        trace_id=bytes.fromhex(trace_id),
        span_id=b"\x00" * 7 + b"\x01",
        name="one",
        start_time_unix_nano=base * 10**9,
        end_time_unix_nano=base * 10**9 + 1,
    )
    with grpc.insecure_channel(up.grpc) as channel:
        channel.unary_unary(_EXPORT)(request.SerializeToString(), timeout=30)


def test_spans_sent_after_the_log_was_lost_are_stored_beside_the_old_ones(
    tmp_path: Path, base: int
) -> None:
    before, after = secrets.token_hex(16), secrets.token_hex(16)
    up = Up(tmp_path / "data")
    up.start()
    try:
        _send_one(up, before, base)
        up.wait_for(1)
        assert up.stop() == 0
        for file in up.data.glob("log.db*"):
            file.unlink()
        up.start()
        _send_one(up, after, base)
        up.wait_for(1, f"trace_id = '{after}'")
        assert up.count(f"trace_id = '{before}'") == 1
    finally:
        up.stop()
