# SPDX-License-Identifier: Apache-2.0
"""A cheap source of agent spans for `agentstack bench`: fresh ids and texts in every request."""

from __future__ import annotations

import os
import random
import threading
import time
from dataclasses import dataclass

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_TEXT = 600
_POOL = 4 << 20
_LETTERS = b"etaoinshrdlu    " * 16
_PER_TRACE = 10
_SECONDS = 20.0


@dataclass(slots=True)
class Sent:
    """What a sender achieved."""

    acknowledged: int = 0
    refused: int = 0


class Requests:
    """Export requests of `spans` spans of about 1 KB each, ten to a trace, from one service."""

    def __init__(self, service: str, spans: int, seed: int = 0) -> None:
        self.spans = spans
        # Load, not secrets: speed and repeatability matter.
        self._rng = random.Random(seed)  # noqa: S311  # nosec B311
        self._pool = os.urandom(_POOL).translate(_LETTERS).decode()
        self._request = ExportTraceServiceRequest()
        resource = self._request.resource_spans.add()
        _text(resource.resource, "service.name", service)
        self._scope = resource.scope_spans.add()
        self._made = [self._template() for _ in range(spans)]

    def fresh(self) -> tuple[bytes, str]:
        """A request that was never sent before, and the id of its first trace."""
        now = time.time_ns()
        first = trace_id = parent = b""
        for index, span in enumerate(self._made):
            if index % _PER_TRACE == 0:
                trace_id, parent = os.urandom(16), b""
                first = first or trace_id
            span.trace_id, span.span_id, span.parent_span_id = trace_id, os.urandom(8), parent
            parent = span.span_id
            span.start_time_unix_nano, span.end_time_unix_nano = now, now + 1_500_000
            begin = int(self._rng.random() * (_POOL - _TEXT))
            span.attributes[0].value.string_value = self._pool[begin : begin + _TEXT]
        return self._request.SerializeToString(), first.hex()

    def _template(self) -> Span:
        span: Span = self._scope.spans.add()
        span.name, span.kind = "chat bench-model", Span.SPAN_KIND_CLIENT
        _text(span, "gen_ai.input.messages", "")
        _text(span, "gen_ai.operation.name", "chat")
        _text(span, "gen_ai.provider.name", "bench")
        _text(span, "gen_ai.request.model", "bench-model")
        _text(span, "gen_ai.agent.name", "bench-agent")
        for name, value in (("input", 512), ("output", 64)):
            attribute = span.attributes.add()
            attribute.key, attribute.value.int_value = f"gen_ai.usage.{name}_tokens", value
        return span


def _text(holder: object, key: str, value: str) -> None:
    attribute = holder.attributes.add()  # type: ignore[attr-defined]  # spans and resources alike
    attribute.key, attribute.value.string_value = key, value


def send(
    address: str, service: str, *, seconds: float, connections: int, spans: int, rate: float
) -> Sent:
    """Send for `seconds`, one request in flight on each connection.

    Args:
        address: OTLP/gRPC host:port.
        service: Service name of every span.
        seconds: How long.
        connections: How many at once.
        spans: Spans in a request.
        rate: Spans a second over all connections; 0 for as fast as answers come.
    """
    each = [(Requests(service, spans, index), Sent()) for index in range(connections)]
    until = time.monotonic() + seconds
    pause = connections * spans / rate if rate else 0.0
    threads = [
        threading.Thread(target=_sender, args=(address, requests, sent, until, pause))
        for requests, sent in each
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Sent(
        *(sum(getattr(sent, name) for _, sent in each) for name in ("acknowledged", "refused"))
    )


def _sender(address: str, requests: Requests, sent: Sent, until: float, pause: float) -> None:
    options = [("grpc.use_local_subchannel_pool", 1)]
    due = time.monotonic()
    with grpc.insecure_channel(address, options=options) as channel:
        export = channel.unary_unary(EXPORT)
        while (now := time.monotonic()) < until:
            if pause:
                due += pause
                time.sleep(max(0.0, due - now))
            body, _ = requests.fresh()
            try:
                export(body, timeout=_SECONDS)
                sent.acknowledged += requests.spans
            except grpc.RpcError:
                sent.refused += 1


__all__ = ["EXPORT", "Requests", "Sent", "send"]
