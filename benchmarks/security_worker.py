# SPDX-License-Identifier: Apache-2.0
"""Spans per CPU-second through detection: opened, unwrapped, judged, watched, in one process.

The traffic is that of tool-using agents: each run is a root span, model calls whose input repeats
the whole conversation so far, and tools with arguments and results of 1 to 8 KB. Customers ask
their own questions and have their own bookings, so each run has texts of its own; prompts,
policies and catalogue pages come again.

spans_per_cpu_second: everything, with the verdict cache of a worker that has run for a while.
known_texts_spans_per_cpu_second: the same runs again in a worker that watches them for the first
    time: every text has a verdict.
pipeline_us: the same with an engine that costs nothing: what this side of the engine costs a span.
open_us: of which decoding the request.
cold_spans_per_cpu_second: the first runs of a fresh worker; nothing is remembered yet.
bytes_per_trace: what a trace costs in memory while it is watched.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

from agentstack_processors.otlp.opened import OpenSpan, open_traces
from agentstack_processors.otlp.stamp import stamp
from agentstack_processors.security.cache import VerdictCache
from agentstack_processors.security.engine import Engine
from agentstack_processors.security.spans import SpanJudge
from agentstack_processors.security.trace_state import TraceWatch
from agentstack_processors.security.verdict import CLEAN, Scope, Verdict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_WORDS = (  # noqa: SIM905 - a table of words
    "the booking agent looked up reservation and found flights from Paris to Oslo departing at "
    "total price in euros per passenger seat upgrade available loyalty points balance customer "
    "asked about refund policy for cancelled orders item shipped on warehouse returned within "
    "days standard delivery address city window aisle breakfast included rating reviews hotel"
).split()
_TOOLS = ("get_reservation", "search_flights", "list_orders", "get_customer", "find_hotel")


class _Nothing:
    def judge(self, text: str, scope: Scope = "user") -> Verdict:
        del text, scope
        return CLEAN

    def ahead(self, asked: Iterable[tuple[str, Scope]]) -> _Nothing:
        del asked
        return self


def _words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(_WORDS, k=count))


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _record(rng: random.Random, size: int) -> str:
    rows: list[dict[str, Any]] = []
    while len(json.dumps(rows)) < size:
        rows.append(
            {
                "id": f"R{rng.randrange(10**6):06d}",
                "status": rng.choice(("open", "paid", "shipped")),
                "price": rng.randrange(10_000) / 100,
                "note": _words(rng, 8),
            }
        )
    return json.dumps(rows)


class Traffic:
    """Requests of agent runs; the same for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = random.Random(seed)
        self.system = [_words(random.Random(number), 300) for number in range(4)]
        self.pages = [_record(random.Random(number), 1000 + number * 70) for number in range(100)]
        self.time = time.time_ns()

    def requests(self, runs: int) -> Iterator[bytes]:
        """One request a run: the spans in the order in which they ended."""
        for _ in range(runs):
            yield stamp(self._run().SerializeToString(), "default", self.time)

    def _run(self) -> ExportTraceServiceRequest:
        rng = self.rng
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = "shop"
        self.spans = resource.scope_spans.add().spans
        self.trace, self.root = rng.randbytes(16), rng.randbytes(8)
        history: list[dict[str, Any]] = [
            _message("system", rng.choice(self.system)),
            _message("user", _words(rng, 12)),
        ]
        for number in range(rng.randrange(4, 9)):
            tool, arguments = rng.choice(_TOOLS), {"id": f"R{rng.randrange(10**6):06d}"}
            call = {
                "role": "assistant",
                "parts": [
                    {"type": "tool_call", "id": str(number), "name": tool, "arguments": arguments}
                ],
            }
            self._model(history, call)
            result = rng.choice(self.pages) if rng.random() < 0.9 else _record(rng, 1200)
            self._tool(tool, arguments, result)
            answer = {"type": "tool_call_response", "id": str(number), "response": result}
            history += [call, {"role": "tool", "parts": [answer]}]
            while len(json.dumps(history)) > 8000 and len(history) > 4:
                del history[2:4]
        self._model(history, _message("assistant", _words(rng, 25)))
        self._span("invoke_agent shop", {"gen_ai.operation.name": "invoke_agent"}, root=True)
        return request

    def _model(self, history: list[dict[str, Any]], said: dict[str, Any]) -> None:
        self._span(
            "chat gpt-4o",
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.agent.name": "shop",
                "gen_ai.input.messages": json.dumps(history),
                "gen_ai.output.messages": json.dumps([said]),
                "gen_ai.usage.input_tokens": len(history) * 300,
                "gen_ai.usage.output_tokens": 60,
            },
        )

    def _tool(self, tool: str, arguments: dict[str, Any], result: str) -> None:
        self._span(
            f"execute_tool {tool}",
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": tool,
                "gen_ai.tool.call.arguments": json.dumps(arguments),
                "gen_ai.tool.call.result": result,
            },
        )

    def _span(self, name: str, attributes: dict[str, str | int], *, root: bool = False) -> None:
        self.time += self.rng.randrange(200_000_000, 400_000_000)
        span = self.spans.add(
            trace_id=self.trace,
            span_id=self.root if root else self.rng.randbytes(8),
            parent_span_id=b"" if root else self.root,
            name=name,
            start_time_unix_nano=self.time - 150_000_000,
            end_time_unix_nano=self.time,
        )
        for key, value in attributes.items():
            target = span.attributes.add(key=key).value
            if isinstance(value, int):
                target.int_value = value
            else:
                target.string_value = value


def _judged(judge: SpanJudge, requests: Iterable[bytes]) -> tuple[int, float, int]:
    """(spans, CPU seconds, alerts); small requests together, as the worker does."""
    spans = alerts = 0
    begin = time.process_time()
    for group in _grouped(requests, judge.together):
        outcomes = judge.judge_all(group)
        spans += len(outcomes)
        alerts += sum(len(outcome.alerts) for outcome in outcomes)
    return spans, time.process_time() - begin, alerts


def _grouped(requests: Iterable[bytes], most: int) -> Iterator[list[OpenSpan]]:
    group: list[OpenSpan] = []
    for request in requests:
        group += open_traces(request)
        if len(group) >= most:
            yield group
            group = []
    yield group


def _opened(requests: Iterable[bytes]) -> float:
    begin = time.process_time()
    for request in requests:
        for _ in open_traces(request):
            pass
    return time.process_time() - begin


def measure(runs: int = 400, rounds: int = 3) -> dict[str, float]:
    """All figures of the module's table."""
    gc.set_threshold(50_000, 20, 50)  # as the worker's process does
    traffic = Traffic()
    cache = VerdictCache(Engine())
    judge = SpanJudge(cache, TraceWatch())
    spans, cold, _ = _judged(judge, list(traffic.requests(runs)))
    cold_rate = spans / cold
    warm, known, bare, opened, alerts = [], [], [], [], 0
    idle = SpanJudge(_Nothing(), TraceWatch())
    for _ in range(rounds):
        requests = list(traffic.requests(runs))
        count, seconds, found = _judged(judge, requests)
        warm.append(seconds / count)
        alerts += found
        known.append(_judged(SpanJudge(cache, TraceWatch()), requests)[1] / count)
        bare.append(_judged(idle, requests)[1] / count)
        opened.append(_opened(requests) / count)
    return {
        "spans_per_cpu_second": round(1 / min(warm)),
        "cold_spans_per_cpu_second": round(cold_rate),
        "known_texts_spans_per_cpu_second": round(1 / min(known)),
        "us_per_span": round(min(warm) * 1e6, 1),
        "pipeline_us": round(min(bare) * 1e6, 1),
        "open_us": round(min(opened) * 1e6, 1),
        "cache_hit_share": round(cache.hits / max(1, cache.hits + cache.misses), 3),
        "kb_per_span": round(sum(map(len, requests)) / count / 1000, 2),
        "alerts_per_1000_spans": round(alerts / count / rounds * 1000, 2),
        "bytes_per_trace": round(_memory(traffic)),
    }


def _memory(traffic: Traffic, runs: int = 100) -> float:
    requests = list(traffic.requests(runs))
    judge = SpanJudge(_Nothing(), TraceWatch())
    _judged(judge, traffic.requests(20))
    tracemalloc.start()
    _judged(judge, requests)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return size / runs


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=400)
    options = parser.parse_args()
    print(json.dumps({"benchmark": "security_worker", **measure(options.runs)}))


if __name__ == "__main__":
    main()
