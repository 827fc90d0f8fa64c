# SPDX-License-Identifier: Apache-2.0
"""A replay as JSON: one object a step, each with the state after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from agentstack_otel.query.messages import Message
from agentstack_otel.query.replay import Replay, State, Step, ToolResult
from agentstack_otel.query.times import iso

Detail = Literal["auto", "full", "tail"]

_FULL_ENTRIES = 200_000
"""Messages and results a reply may repeat before `auto` keeps to the tail (about 100 MB)."""

_TAIL = 20


def steps(replay: Replay, detail: Detail = "auto") -> Iterator[dict[str, Any]]:
    """Each step with its state.

    Args:
        replay: The run.
        detail: `full` repeats every message so far in every step, which grows with the square of
            the run; `tail` the last twenty (`messages_omitted` says how many came before);
            `auto` is full while that is affordable.
    """
    limit = _TAIL if detail == "tail" or (detail == "auto" and _is_large(replay)) else None
    for step, state in zip(replay.steps, replay.states(), strict=True):
        yield {**_step(replay, step), "state": _state(state, limit)}


def _is_large(replay: Replay) -> bool:
    entries = sum(replay.counts["messages"]) + sum(replay.counts["tool_results"])
    return entries > _FULL_ENTRIES


def _step(replay: Replay, step: Step) -> dict[str, Any]:
    node = replay.nodes[step.row]
    span = node.span
    told: dict[str, Any] = {
        "step": step.index + 1,
        "kind": step.kind,
        "time": iso(step.time),
        "elapsed_ms": replay.elapsed_ms(step.index),
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "depth": node.depth,
        "name": span.name,
        "operation": span.operation,
        "agent": span.agent,
        "model": span.model,
        "tool": span.tool,
    }
    if step.kind == "start":
        told["input"] = span.input
    elif step.kind == "end":
        told |= {"output": span.output, "status": span.status, "duration_ms": span.duration_ms}
        told |= {"status_message": span.status_message}
        told |= {"input_tokens": span.input_tokens, "output_tokens": span.output_tokens}
    elif step.event is not None:
        told["event"] = {"name": step.event.name, "attributes": step.event.attributes}
    return told


def _state(state: State, limit: int | None) -> dict[str, Any]:
    messages = state.messages if limit is None else state.messages[-limit:]
    results = state.tool_results if limit is None else state.tool_results[-limit:]
    return {
        "elapsed_ms": state.elapsed_ms,
        "open_spans": list(state.open_spans),
        "messages": [_message(message) for message in messages],
        "messages_omitted": len(state.messages) - len(messages),
        "tool_results": [_result(result) for result in results],
        "tool_results_omitted": len(state.tool_results) - len(results),
        "llm_calls": state.llm_calls,
        "tool_calls": state.tool_calls,
        "input_tokens": state.input_tokens,
        "output_tokens": state.output_tokens,
        "errors": [
            {"span_id": error.span_id, "name": error.name, "message": error.message}
            for error in state.errors
        ],
    }


def _message(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.text}


def _result(result: ToolResult) -> dict[str, Any]:
    return {
        "span_id": result.span_id,
        "tool": result.tool,
        "arguments": result.arguments,
        "result": result.result,
        "failed": result.failed,
    }


__all__ = ["Detail", "steps"]
