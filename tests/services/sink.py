# SPDX-License-Identifier: Apache-2.0
"""A tiny OTLP server of stock parts (grpcio, http.server, the published protobuf classes).

It stands where AgentStack stands and writes down what a client really put on the wire, so that a
difference in stored rows can be told apart: did the client say it, or did we misread it?
"""

from __future__ import annotations

import base64
import gzip
import json
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass(frozen=True)
class Received:
    """One export call: how it came, its headers (lower-case names) and what it said."""

    transport: str
    headers: dict[str, str]
    request: ExportTraceServiceRequest


@dataclass(frozen=True)
class Sink:
    """Addresses as host:port, and a queue of calls in the order they came."""

    grpc: str
    http: str
    calls: queue.Queue[Received]


def from_json(text: bytes) -> ExportTraceServiceRequest:
    """OTLP/JSON is not protobuf's JSON: ids are hex there, base64 in the standard mapping."""

    def mend(node: Any) -> Any:
        if isinstance(node, list):
            return [mend(item) for item in node]
        if not isinstance(node, dict):
            return node
        return {
            key: base64.b64encode(bytes.fromhex(value)).decode()
            if key in ("traceId", "spanId", "parentSpanId")
            else mend(value)
            for key, value in node.items()
        }

    request = ExportTraceServiceRequest()
    json_format.Parse(json.dumps(mend(json.loads(text))), request)
    return request


@contextmanager
def sink() -> Iterator[Sink]:
    """A sink on free ports of the loopback interface."""
    calls: queue.Queue[Received] = queue.Queue()

    def export(request: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = {key: str(value) for key, value in context.invocation_metadata()}
        remaining = context.time_remaining()
        metadata["(deadline)"] = (
            "none" if remaining is None or remaining > 1e6 else f"{remaining:.0f}"
        )
        calls.put(Received("grpc", metadata, ExportTraceServiceRequest.FromString(request)))
        return ExportTraceServiceResponse().SerializeToString()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self._body()
            headers = {key.lower(): value for key, value in self.headers.items()}
            if headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            json_body = headers["content-type"].startswith("application/json")
            request = from_json(body) if json_body else ExportTraceServiceRequest.FromString(body)
            calls.put(Received("http", headers, request))
            self.send_response(200)
            self.send_header("Content-Type", headers["content-type"])
            answer = b"{}" if json_body else b""
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers["content-length"]))
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def log_message(self, *_: object) -> None:
            pass

    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", -1)])
    method = grpc.unary_unary_rpc_method_handler(export)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(_EXPORT[1:].rsplit("/", 1)[0], {"Export": method}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=web.serve_forever)
    server.start()
    thread.start()
    try:
        yield Sink(f"127.0.0.1:{port}", f"127.0.0.1:{web.server_port}", calls)
    finally:
        web.shutdown()
        thread.join()
        web.server_close()
        server.stop(None).wait()
