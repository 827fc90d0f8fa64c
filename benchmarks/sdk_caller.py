# SPDX-License-Identifier: Apache-2.0
"""What a span costs the thread that makes it: our distro with redaction, against the bare SDK.

Both sides start and end the same spans with the same attributes; both export to an HTTP receiver
in another process. The bare side is TracerProvider + BatchSpanProcessor + the stock OTLP/HTTP
exporter. Measured is `time.thread_time` of the calling thread only; sides alternate and the minimum
of the rounds counts, because the machine is shared. Prints one JSON object.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

SPANS = 2_000
ROUNDS = 15
ATTRIBUTES: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.agent.name": "researcher",
    "gen_ai.conversation.id": "thread-42",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 85,
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"'
    + "What is the weather in Bern and who can I mail about it? " * 12
    + '"}]}]',
}


def _receive(pipe: Connection) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(server.server_address[1])
    server.serve_forever()


def _bare(url: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "bench"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    return provider


def _ours(url: str) -> Any:
    from opentelemetry import trace

    os.environ["AGENTSTACK_COLLECTOR_URL"] = url
    os.environ["AGENTSTACK_SERVICE_NAME"] = "bench"
    import agentstack_otel

    agentstack_otel.init(instrument=False)
    return trace.get_tracer_provider()


def _side(name: str, url: str, pipe: Connection) -> None:
    """One process per side, so that neither inherits the other's settings or threads."""
    provider = {"bare": _bare, "ours": _ours}[name](url)
    tracer = provider.get_tracer("bench")
    while pipe.recv():
        began = time.thread_time()
        for _ in range(SPANS):
            with tracer.start_as_current_span("chat gpt-4o", attributes=ATTRIBUTES):
                pass
        spent = time.thread_time() - began
        provider.force_flush()
        pipe.send(spent / SPANS * 1e6)


def measure() -> dict[str, float | int]:
    """Measure; µs of the caller's thread per span, and the ratio."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    receiver = context.Process(target=_receive, args=(there,), daemon=True)
    receiver.start()
    url = f"http://127.0.0.1:{here.recv()}"
    pipes, best = {}, {}
    processes = [receiver]
    for name in ("bare", "ours"):
        pipes[name], end = context.Pipe()
        process = context.Process(target=_side, args=(name, url, end), daemon=True)
        process.start()
        processes.append(process)
        best[name] = float("inf")
    for _ in range(ROUNDS):
        for name, pipe in pipes.items():
            pipe.send(True)
            best[name] = min(best[name], pipe.recv())
    for process in processes:
        process.terminate()
        process.join(10)
    return {
        "spans": SPANS * ROUNDS,
        "bare_us_per_span": round(best["bare"], 2),
        "ours_us_per_span": round(best["ours"], 2),
        "ratio": round(best["ours"] / best["bare"], 3),
        "bar": 1.3,
    }


if __name__ == "__main__":
    json.dump(measure(), sys.stdout)
    print()
