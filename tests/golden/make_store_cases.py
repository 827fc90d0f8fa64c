# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/store/<case>/{input.bin,expected.json}; run it as a module.

The inputs are what stock emitters send, rebuilt from their documentation. `expected.json` is
written by the reference decoder, so that it proves nothing by itself: every row was read
against its input (a protobuf dump, or the lines below that build it). Do that again for what a run
changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentstack_processors.otlp.reference import decode_logs, decode_traces
from agentstack_processors.otlp.stamp import stamp
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.fakes.store_requests import TraceRequest, any_value, put

ROOT = Path(__file__).with_name("store")
START = 1_790_000_000_000_000_000
TRACE = bytes(range(16))
MESSAGES = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Hi, ünï 🦜"}]}])


def span(request: TraceRequest, number: int, name: str, attributes: Any, **more: Any) -> Any:
    """A span with ids and times that never change."""
    more.setdefault("parent", bytes(7) + b"\x01" if number > 1 else b"")
    return request.span(
        name,
        attributes,
        trace_id=TRACE,
        span_id=bytes(7) + bytes([number]),
        start=more.pop("start", START + number * 1_000_003),
        end=more.pop("end", START + number * 1_000_003 + 2_500_000),
        **more,
    )


def agent_run(request: TraceRequest) -> None:
    span(
        request,
        1,
        "invoke_agent researcher",
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "researcher",
            "gen_ai.conversation.id": "thread-1",
        },
    )
    chat = span(
        request,
        2,
        "chat gpt-5",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.response.model": "gpt-5-2026-08-07",
            "gen_ai.usage.input_tokens": 512,
            "gen_ai.usage.output_tokens": 64,
            "gen_ai.usage.cache_read.input_tokens": 128,
            "gen_ai.usage.reasoning.output_tokens": 32,
            "gen_ai.response.finish_reasons": ["tool_calls"],
            "gen_ai.input.messages": MESSAGES,
            "gen_ai.output.messages": MESSAGES,
        },
    )
    chat.kind = 3
    tool = span(
        request,
        3,
        "execute_tool search",
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "gen_ai.tool.call.arguments": '{"q":"otel"}',
            "gen_ai.tool.call.result": "nothing",
            "error.type": "TimeoutError",
        },
    )
    tool.status.code, tool.status.message = 2, "timed out"


def events_and_links(request: TraceRequest) -> None:
    one = span(request, 1, "with events", {})
    for number in range(2):
        put(
            one.events.add(name=f"exception {number}", time_unix_nano=START + number),
            {"exception.type": "ValueError", "exception.escaped": False, "n": number},
        )
    put(
        one.links.add(trace_id=TRACE[::-1], span_id=b"\xab" * 8, trace_state="a=b,c=d"),
        {"link.kind": "retry"},
    )
    one.trace_state, one.flags = "vendor=1", 257
    one.dropped_attributes_count, one.dropped_events_count, one.dropped_links_count = 1, 2, 3


def values(request: TraceRequest) -> None:
    floats = [0.0, -0.0, 1.0, 0.1, 1e21, 1e20, 1e-6, 1e-7, 5e-324, 1.7976931348623157e308]
    scalars: list[Any] = ["", "text", True, False, 0, -1, 2**63 - 1, -(2**63), b"\x00\xff", None]
    scalars += [*floats, float("nan"), float("inf"), float("-inf")]
    attributes = [(f"scalar.{n}", value) for n, value in enumerate(scalars)]
    attributes += [("array.mixed", scalars), ("array.empty", []), ("array.text", ['a"b', "c\\"])]
    span(request, 1, "values", attributes)


def canonical_values(request: TraceRequest) -> None:
    span(request, 1, "deep", {"map": '{"a":{"b":[1,"x",null]}}', "nested": '[[1],[{"k":"v"}]]'})


def unicode_and_nul(request: TraceRequest) -> None:
    text = "\x00 a\x00b \u2028\u2029 🦜 \ufffd \\ \" ' / \t\r\n"
    span(request, 1, text, {text: text, "list": [text], "": "empty key"})


def end_before_start(request: TraceRequest) -> None:
    span(request, 1, "backwards", {}, end=START)
    span(request, 2, "no end", {}, end=0)
    span(request, 3, "epoch", {}, start=1, end=1)


def openinference(request: TraceRequest) -> None:
    span(request, 1, "chain", {"openinference.span.kind": "CHAIN", "session.id": "s-1"})
    span(
        request,
        2,
        "ChatOpenAI",
        {
            "openinference.span.kind": "LLM",
            "llm.provider": "azure",
            "llm.system": "openai",
            "llm.model_name": "gpt-4o",
            "llm.token_count.prompt": 10,
            "llm.token_count.completion": 20,
            "llm.token_count.prompt_details.cache_read": 5,
            "llm.token_count.completion_details.reasoning": 7,
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "hello",
            "input.value": "hello",
            "output.value": "hi",
        },
    )
    span(request, 3, "search", {"openinference.span.kind": "TOOL", "tool.name": "search"})
    span(request, 4, "sub", {"openinference.span.kind": "CHAIN"})
    span(request, 5, "agent", {"openinference.span.kind": "AGENT", "agent.name": "writer"})


def traceloop(request: TraceRequest) -> None:
    session = {"traceloop.association.properties.session_id": "s-2"}
    span(request, 1, "wf", {"traceloop.span.kind": "workflow", **session})
    entity = {"traceloop.entity.name": "lookup", "traceloop.entity.input": "{}"}
    span(request, 2, "tool", {"traceloop.span.kind": "tool", **entity})
    span(request, 3, "agent", {"traceloop.span.kind": "agent", **entity})
    span(
        request,
        4,
        "openai.chat",
        {
            "llm.request.type": "chat",
            "gen_ai.system": "OpenAI",
            "gen_ai.request.model": "unknown",
            "gen_ai.response.model": "gpt-4o-mini",
            "gen_ai.usage.prompt_tokens": 3,
            "gen_ai.usage.completion_tokens": 4,
        },
    )
    span(request, 5, "task", {"traceloop.span.kind": "task", "gen_ai.system": "Langchain"})


def vercel(request: TraceRequest) -> None:
    function = {"ai.telemetry.functionId": "planner", "ai.telemetry.metadata.sessionId": "s-3"}
    span(request, 1, "ai.streamText", {"ai.operationId": "ai.streamText", **function})
    span(
        request,
        2,
        "ai.streamText.doStream",
        {
            "ai.operationId": "ai.streamText.doStream",
            "ai.model.provider": "anthropic.messages",
            "ai.model.id": "claude-sonnet-4",
            "ai.usage.inputTokens": 11,
            "ai.usage.outputTokens": 12,
            "ai.usage.cachedInputTokens": 6,
            "ai.prompt.messages": "[]",
            "ai.response.text": "ok",
        },
    )
    tool = {"ai.operationId": "ai.toolCall", "ai.toolCall.name": "weather"}
    span(request, 3, "ai.toolCall", {**tool, "ai.toolCall.args": '{"city":"Bonn"}'})


def langsmith_and_old_conventions(request: TraceRequest) -> None:
    span(request, 1, "run", {"langsmith.span.kind": "chain", "langsmith.metadata.thread_id": "t"})
    span(request, 2, "llm", {"langsmith.span.kind": "llm", "gen_ai.system": "az.ai.inference"})
    old = {"gen_ai.operation.name": "chat", "gen_ai.system": "vertex_ai"}
    span(request, 3, "old", {**old, "gen_ai.usage.prompt_tokens": 1, "gen_ai.completion": "done"})
    span(request, 4, "odd numbers", {"gen_ai.usage.input_tokens": "12.5", "session.id": 7})


def duplicate_keys(request: TraceRequest) -> None:
    pairs = [("k", "first"), ("k", "second"), ("gen_ai.operation.name", "chat")]
    span(request, 1, "twice", [*pairs, ("gen_ai.operation.name", "embeddings")])


def resource_and_scope(request: TraceRequest) -> None:
    put(request.resource, {"service.version": "2", "host.cpus": 8, "tags": ["a", "b"]})
    request.scope_spans.scope.version = "1.2.3"
    put(request.scope_spans.scope, {"library.language": "python", "beta": True})
    span(request, 1, "one", {})
    other = request.message.resource_spans.add()
    second = other.scope_spans.add().spans.add(name="no resource, no scope")
    second.trace_id, second.span_id = TRACE, b"\x09" * 8
    second.start_time_unix_nano = second.end_time_unix_nano = START


def kinds_and_statuses(request: TraceRequest) -> None:
    for number in range(8):
        one = span(request, number + 1, f"kind {number}", {})
        one.kind, one.status.code = number, number % 4


def zero_parent(request: TraceRequest) -> None:
    """Some senders write "no parent" as eight zero bytes."""
    span(request, 1, "root", {"openinference.span.kind": "CHAIN"}, parent=bytes(8))


def empty(request: TraceRequest) -> None:
    request.message.resource_spans.add().scope_spans.add()


def unknown_fields(payload: bytes) -> bytes:
    """A request from the future: fields this version has never heard of, at the top level."""
    return payload + b"\xa2\xf7\x36\x03new" + b"\xb8\xf7\x36\x07"


TRACE_CASES: dict[str, Callable[[TraceRequest], None]] = {
    case.__name__: case
    for case in (
        agent_run,
        events_and_links,
        values,
        canonical_values,
        unicode_and_nul,
        end_before_start,
        openinference,
        traceloop,
        vercel,
        langsmith_and_old_conventions,
        duplicate_keys,
        resource_and_scope,
        kinds_and_statuses,
        zero_parent,
        empty,
    )
}


def logs() -> bytes:
    """Evaluation, per-message event of the old convention, and a log line that is not ours."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    put(resource_logs.resource, {"service.name": "golden"})
    records = resource_logs.scope_logs.add()
    records.scope.name = "evals"
    evaluation = records.log_records.add(event_name="gen_ai.evaluation.result", severity_number=9)
    put(evaluation, {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.75})
    old = records.log_records.add(severity_text="Information")
    put(old, {"event.name": "gen_ai.user.message", "gen_ai.system": "openai"})
    old.body.CopyFrom(any_value('{"content":"hello"}'))
    records.log_records.add(event_name="http.request").body.string_value = "not ours"
    for number, record in enumerate(records.log_records):
        record.trace_id, record.span_id = TRACE, bytes(7) + bytes([number])
        record.observed_time_unix_nano = START + number
        record.time_unix_nano = 0 if number else START - 1
    return request.SerializeToString()


def main() -> None:
    for name, build in TRACE_CASES.items():
        request = TraceRequest("golden", project=f"golden-{name}")
        build(request)
        payload = request.bytes(received_at=START + 123_456_789)
        write(name, payload, decode_traces(payload))
    payload = unknown_fields((ROOT / "agent_run/input.bin").read_bytes())
    payload = stamp(payload, "golden-unknown_fields", START)
    write("unknown_fields", payload, decode_traces(payload))
    payload = stamp(logs(), "golden-logs", START)
    write("logs", payload, decode_logs(payload))


def write(name: str, payload: bytes, rows: list[dict[str, Any]]) -> None:
    folder = ROOT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "input.bin").write_bytes(payload)
    text = json.dumps(rows, indent=1, sort_keys=True, ensure_ascii=True)
    (folder / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
