# SPDX-License-Identifier: Apache-2.0
"""The messages of a language-model call, out of the text that instrumentations record.

Understood: the GenAI conventions' `[{"role", "parts": [...]}]`, the older `[{"role", "content"}]`,
a lone object, and plain text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Message:
    """Who said what. Tool calls and tool answers are part of the text (`→ name(…)`, `← …`)."""

    role: str
    text: str


def parse(text: str, role: str) -> list[Message]:
    """Messages in `text`, in order; text that is not a list of messages is one from `role`."""
    if not text:
        return []
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return [Message(role, text)]
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    items = value if isinstance(value, list) else [value]
    if items and all(isinstance(item, dict) and _is_part(item) for item in items):
        return [Message(role, _join(items))]
    return [_message(item, role) for item in items]


def numbered(attributes: Mapping[str, str], prefixes: Iterable[str]) -> str:
    """Messages that a dialect spread over numbered attributes, as the JSON `parse` reads.

    `gen_ai.prompt.0.content` (Traceloop), `llm.input_messages.0.message.content` (OpenInference).
    Empty when there are none.
    """
    for prefix in prefixes:
        found: dict[int, dict[str, str]] = {}
        for key, value in attributes.items():
            number, _, name = key.removeprefix(prefix).partition(".")
            if key.startswith(prefix) and number.isdecimal() and len(number) < _DIGITS:
                found.setdefault(int(number), {})[name.removeprefix("message.")] = value
        if found:
            return json.dumps([found[number] for number in sorted(found)])
    return ""


def _is_part(item: dict[str, Any]) -> bool:
    return "type" in item and "role" not in item


def _message(item: Any, role: str) -> Message:
    if not isinstance(item, dict):
        return Message(role, _plain(item))
    own_role = str(item.get("role") or role)
    content = item.get("parts", item.get("content", item.get("text")))
    pieces = content if isinstance(content, list) else [content]
    calls = item.get("tool_calls")
    texts = [_join(pieces), _join(calls) if isinstance(calls, list) else ""]
    text = "\n".join(piece for piece in texts if piece)
    return Message(own_role, text or ("" if content is not None else _plain(item)))


def _join(parts: Iterable[Any]) -> str:
    return "\n".join(text for text in map(_part, parts) if text)


def _part(part: Any) -> str:
    if not isinstance(part, dict):
        return "" if part is None else _plain(part)
    function = part.get("function")
    call: dict[str, Any] = function if isinstance(function, dict) else part
    kind = part.get("type", "")
    if kind in ("tool_call", "tool_use", "function") or "arguments" in call or "args" in call:
        given = call.get("arguments", call.get("args", call.get("input", {})))
        return f"→ {call.get('name', 'tool')}({_plain(given)})"
    if kind in ("tool_call_response", "tool_result"):
        answer = part.get("response", part.get("result", part.get("content", "")))
        return f"← {_plain(answer)}"
    for key in ("content", "text", "reasoning"):
        if key in part:
            return _plain(part[key])
    return _plain(part)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


__all__ = ["Message", "numbered", "parse"]
