# SPDX-License-Identifier: Apache-2.0
"""Content attributes of graphs, nodes and steps: messages where there are any, values otherwise."""

from __future__ import annotations

from typing import Any, Final

from agentstack_otel.instrumentation.langchain import attributes as names
from agentstack_otel.instrumentation.langchain import chains, messages
from agentstack_otel.instrumentation.langchain.serialize import to_json, to_text

# State is repeated at every step of a graph: keep what a reader can use, not every copy in full.
_STATE_CHARS: Final = 65_536
_ROOTS: Final = {chains.WORKFLOW, chains.AGENT}


def of_input(kind: str, value: Any) -> dict[str, Any]:
    """Returns what went into a chain run; an edge's input is its node's state, already shown."""
    if kind == chains.EDGE:
        return {}
    if kind in _ROOTS and (found := _messages(value)):
        others = {k: v for k, v in value.items() if k != "messages"} if _is_dict(value) else {}
        return {
            names.INPUT_MESSAGES: to_json([_message(m) for m in found]),
            **({names.INPUT_VALUE: to_json(others, _STATE_CHARS)} if others else {}),
        }
    return {names.INPUT_VALUE: to_text(value, _STATE_CHARS)} if value is not None else {}


def of_output(kind: str, value: Any) -> dict[str, Any]:
    """Returns what came out; of a whole graph's messages only the last, which is the answer."""
    if kind in _ROOTS and (found := _messages(value)):
        others = {k: v for k, v in value.items() if k != "messages"} if _is_dict(value) else {}
        return {
            names.OUTPUT_MESSAGES: to_json([_message(found[-1])]),
            **({names.OUTPUT_VALUE: to_json(others, _STATE_CHARS)} if others else {}),
        }
    return {names.OUTPUT_VALUE: to_text(value, _STATE_CHARS)} if value is not None else {}


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _messages(value: Any) -> list[Any]:
    try:
        found = value.get("messages") if _is_dict(value) else getattr(value, "messages", None)
        if hasattr(found, "content"):
            return [found]
    except Exception:  # not even its attributes can be read
        return []
    return list(found) if isinstance(found, (list, tuple)) else []


def _message(value: Any) -> messages.Message:
    """Accepts LangChain messages and the shorthands a graph's input may use."""
    if isinstance(value, dict) and "role" in value:
        return {"role": value["role"], "parts": messages.content_parts(value.get("content", ""))}
    if isinstance(value, (list, tuple)) and len(value) == 2 and isinstance(value[0], str):
        who = {"human": "user", "ai": "assistant"}.get(value[0], value[0])
        return {"role": who, "parts": messages.content_parts(value[1])}
    return messages.message(value)
