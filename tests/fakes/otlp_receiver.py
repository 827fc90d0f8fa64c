# SPDX-License-Identifier: Apache-2.0
"""A real OTLP/HTTP receiver on a free port that keeps what it gets and answers what it is told."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    hang_up: bool = False
    """Close the connection afterwards without having announced it."""


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes
    client: tuple[str, int]
    at: float

    @property
    def request(self) -> ExportTraceServiceRequest:
        return ExportTraceServiceRequest.FromString(self.body)


class Receiver:
    """Use as a context manager. `answer` decides over each request; default: take everything."""

    def __init__(
        self, answer: Callable[[Received], Answer] = lambda _: Answer(), port: int = 0
    ) -> None:
        self.answer = answer
        self.received: list[Received] = []
        self.taken: list[Received] = []
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                headers = {name.lower(): value for name, value in self.headers.items()}
                got = Received(self.path, headers, body, self.client_address, time.monotonic())
                answer = receiver.answer(got)
                with receiver._changed:
                    receiver.received.append(got)
                    if answer.status == 200:
                        receiver.taken.append(got)
                    receiver._changed.notify_all()
                if answer.delay:
                    receiver._closing.wait(answer.delay)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
                self.close_connection = self.close_connection or answer.hang_up

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: Any) -> None:
                pass  # clients that hang up are part of the tests

        self._closing = threading.Event()
        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def wait(self, spans: int, timeout: float = 20.0) -> list[Span]:
        """Block until at least `spans` spans were taken; the spans in order of arrival."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.spans()) >= spans, timeout):
                raise AssertionError(f"{len(self.spans())} of {spans} spans within {timeout} s")
        return self.spans()

    def wait_for_requests(self, count: int, timeout: float = 20.0) -> None:
        """Block until at least `count` requests came, whatever they were answered."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, timeout)

    def spans(self) -> list[Span]:
        return [span for got in list(self.taken) for span in spans_of(got.request)]


def spans_of(request: ExportTraceServiceRequest) -> list[Span]:
    return [
        span
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
