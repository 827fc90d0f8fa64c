# SPDX-License-Identifier: Apache-2.0
"""Every stock client that sends the shared trace: how to start it, and what it adds of its own.

What each puts on the wire (seen in the sink, `test_what_stock_clients_send.py` holds them to it):

| client | transport | length | compression | deadline |
|---|---|---|---|---|
| Python gRPC 1.45 | gRPC | | as asked | 10 s |
| Python HTTP 1.45 | HTTP protobuf | Content-Length | as asked | |
| JS http-json 0.223 | HTTP JSON | chunked, no Content-Length | as asked | |
| JS http-proto 0.223 | HTTP protobuf | chunked, no Content-Length | as asked | |
| JS grpc 0.223 | gRPC | | none | 10 s |
| Go otlptracegrpc 1.45 | gRPC | | as asked | 10 s |
| Java agent 2.33 | gRPC | | none | none at all |
| Java agent 2.33 | HTTP protobuf | Content-Length | none | |
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.services import artefacts

TRACE = artefacts.HERE / "trace.json"


@dataclass(frozen=True)
class Target:
    """Where a client sends to: host:port for each transport."""

    grpc: str
    http: str


@dataclass(frozen=True)
class Client:
    """A stock client.

    Attributes:
        name: What the tests call it.
        send: Sends the shared trace under a trace id, times counted from a Unix second.
        span_attributes: Keys it adds to every span by itself.
    """

    name: str
    send: Callable[[Target, str, int], None]
    span_attributes: frozenset[str] = frozenset()


def _python(protocol: str, *extra: str) -> Callable[[Target, str, int], None]:
    def send(target: Target, trace_id: str, base: int) -> None:
        endpoint = target.grpc if protocol == "grpc" else f"http://{target.http}/v1/traces"
        script = artefacts.HERE / "python" / "send.py"
        arguments: list[str | Path] = [protocol, TRACE, endpoint, trace_id, str(base), *extra]
        artefacts.run(sys.executable, script, *arguments, cwd=Path("/"), timeout=120)

    return send


def _javascript(protocol: str, *extra: str) -> Callable[[Target, str, int], None]:
    def send(target: Target, trace_id: str, base: int) -> None:
        folder = artefacts.javascript_clients()
        url = f"http://{target.grpc}" if protocol == "grpc" else f"http://{target.http}/v1/traces"
        arguments: list[str | Path] = [protocol, TRACE, url, trace_id, str(base), *extra]
        artefacts.run("node", folder / "send.mjs", *arguments, cwd=folder, timeout=120)

    return send


def _go(*extra: str) -> Callable[[Target, str, int], None]:
    def send(target: Target, trace_id: str, base: int) -> None:
        program = artefacts.go_programs() / "send"
        arguments: list[str | Path] = [TRACE, target.grpc, trace_id, str(base), *extra]
        artefacts.run(program, *arguments, cwd=Path("/"), timeout=120)

    return send


def _java(protocol: str) -> Callable[[Target, str, int], None]:
    def send(target: Target, trace_id: str, base: int) -> None:
        folder = artefacts.java_client()
        address = target.grpc if protocol == "grpc" else target.http
        classes = os.pathsep.join([str(folder / "app"), str(folder / "lib" / "*")])
        artefacts.run(
            *("java", f"-javaagent:{folder / 'agent.jar'}", "-cp", classes),
            *("-Xshare:auto", "-XX:TieredStopAtLevel=1", "Send", TRACE, str(base)),
            cwd=folder,
            timeout=120,
            INTEROP_TRACE_ID=trace_id,
            OTEL_JAVAAGENT_EXTENSIONS=str(folder / "ids.jar"),
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{address}",
            OTEL_SERVICE_NAME="interop-agent",
            OTEL_RESOURCE_ATTRIBUTES="service.version=1.2.3",
            OTEL_METRICS_EXPORTER="none",
            OTEL_LOGS_EXPORTER="none",
        )

    return send


# The Java agent notes the thread a span was started on (otel.javaagent.add-thread-details).
_THREAD = frozenset({"thread.id", "thread.name"})

CLIENTS = [
    Client("python-grpc", _python("grpc")),
    Client("python-grpc-gzip", _python("grpc", "gzip")),
    Client("python-http", _python("http")),
    Client("python-http-gzip", _python("http", "gzip")),
    Client("js-http-json", _javascript("http-json")),
    Client("js-http-json-gzip", _javascript("http-json", "gzip")),
    Client("js-http-proto", _javascript("http-proto")),
    Client("js-grpc", _javascript("grpc")),
    Client("go-grpc", _go()),
    Client("go-grpc-gzip", _go("gzip")),
    Client("java-agent-grpc", _java("grpc"), _THREAD),
    Client("java-agent-http", _java("http/protobuf"), _THREAD),
]
