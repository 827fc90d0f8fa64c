# SPDX-License-Identifier: Apache-2.0
"""Rows as `trace_spans.sql` gives them, made by hand."""

from __future__ import annotations

import json
from typing import Any

MS = 1_000_000
T0 = 1_795_000_000_000_000_000


def row(
    span_id: str, parent: str = "", start: float = 0, end: float = 10, **more: Any
) -> dict[str, Any]:
    """A row; times in milliseconds after T0; `input` and `output` become attributes."""
    texts = {f"{name}.value": more.pop(name) for name in ("input", "output") if name in more}
    attributes = {**texts, **more.pop("attributes", {})}
    made = {
        "trace_id": "ab" * 16,
        "span_id": span_id,
        "parent_span_id": parent,
        "name": span_id,
        "start_ns": T0 + round(start * MS),
        "end_ns": T0 + round(end * MS),
        "start_time": "2026-11-18T00:00:00.000000000Z",
        "status": "UNSET",
        "service_name": "shop",
        "attributes": attributes,
        "events": [],
        "event_ns": [],
    }
    return made | more


def llm(
    span_id: str, parent: str = "", start: float = 0, end: float = 10, **more: Any
) -> dict[str, Any]:
    """A row of a model call; `said` and `answer` are lists of (role, text)."""
    said, answer = more.pop("said", []), more.pop("answer", [])
    return row(
        span_id,
        parent,
        start,
        end,
        operation="chat",
        model="m1",
        input=messages(said),
        output=messages(answer),
        **more,
    )


def tool(
    span_id: str, parent: str = "", start: float = 0, end: float = 10, **more: Any
) -> dict[str, Any]:
    """A row of a tool call."""
    return row(span_id, parent, start, end, operation="execute_tool", tool=span_id, **more)


def messages(said: list[tuple[str, str]]) -> str:
    """As the GenAI conventions record them."""
    return json.dumps(
        [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in said]
    )
