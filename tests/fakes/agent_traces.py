# SPDX-License-Identifier: Apache-2.0
"""Traces of agents as instrumentations send them: who repeats whose usage, and what is true."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from agentstack_processors.otlp.stamp import stamp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.fakes.store_requests import fresh_project, put

START = 1_790_000_000_000_000_000  # 2026-09-21T14:13:20Z
MS = 1_000_000


def usage(inputs: int, outputs: int, model: str = "gpt-4o", **more: Any) -> dict[str, Any]:
    """A chat call in today's conventions."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": inputs,
        "gen_ai.usage.output_tokens": outputs,
        **more,
    }


class AgentTrace:
    """One trace, span by span; each span is a request of its own, in any order one likes.

    Attributes:
        requests: Payloads as they lie in the log, in the order in which the spans were added.
    """

    def __init__(self, project: str = "", start: int = START) -> None:
        self.project = project or fresh_project()
        self.trace_id = os.urandom(16)
        self.start = start
        self.requests: list[bytes] = []

    def span(
        self,
        attributes: Mapping[str, Any],
        parent: bytes = b"",
        *,
        scope: str = "tests",
        begin: int = 0,
        end: int = 1000,
        error: bool = False,
        span_id: bytes = b"",
        service: str = "agent",
    ) -> bytes:
        """Add a span; `begin` and `end` in milliseconds after the trace's start. Returns its id."""
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        put(resource.resource, {"service.name": service})
        inner = resource.scope_spans.add()
        inner.scope.name = scope
        span = inner.spans.add(name="step", parent_span_id=parent, trace_id=self.trace_id)
        span.span_id = span_id or os.urandom(8)
        span.start_time_unix_nano = self.start + begin * MS
        span.end_time_unix_nano = self.start + end * MS
        span.status.code = 2 if error else 0
        put(span, attributes)
        received = self.start + end * MS
        self.requests.append(stamp(request.SerializeToString(), self.project, received))
        return bytes(span.span_id)
