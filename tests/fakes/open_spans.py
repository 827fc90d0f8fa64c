# SPDX-License-Identifier: Apache-2.0
"""Opened spans of agent runs, for detectors that look at whole traces."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any

from agentstack_processors.otlp.opened import OpenEvent, OpenSpan
from agentstack_processors.semconv.dialects import normalise

START = 1_790_000_000_000_000_000
MS = 1_000_000
_numbers = itertools.count(1)


def a_span(
    attributes: Mapping[str, str] | None = None,
    *,
    trace: str = "a" * 32,
    name: str = "step",
    span_id: str = "",
    parent: str = "",
    service: str = "shop",
    status: str = "UNSET",
    message: str = "",
    begin: float = 0,
    lasts: float = 100,
    events: Iterable[OpenEvent] = (),
    project: str = "default",
) -> OpenSpan:
    """A span; times in milliseconds, canonical columns out of the attributes."""
    start = START + round(begin * MS)
    columns: Any = normalise(attributes or {}, root=not parent)
    return OpenSpan(
        project=project,
        received_at=START,
        trace_id=trace,
        span_id=span_id or f"{next(_numbers):016x}",
        parent_span_id=parent,
        name=name,
        service_name=service,
        status=status,
        status_message=message,
        start=start,
        end=start + round(lasts * MS),
        attributes=attributes or {},
        resource={"service.name": service},
        events=tuple(events),
        **columns,
    )


def said(role: str, text: str) -> dict[str, Any]:
    """A message of today's conventions."""
    return {"role": role, "parts": [{"type": "text", "content": text}]}


class Run:
    """A run of an agent: model calls that repeat everything, and the tools they ask for.

    Attributes:
        spans: In the order in which they ended.
    """

    def __init__(self, user: str, *, system: str = "You help with tools.", trace: str = "") -> None:
        self.trace = trace or f"{next(_numbers):032x}"
        self.history = [said("system", system), said("user", user)]
        self.spans: list[OpenSpan] = []
        self.clock = 0.0

    def says(self, text: str, **more: Any) -> Run:
        """The model answers."""
        return self._model(said("assistant", text), **more)

    def hears(self, text: str) -> Run:
        """The user says something more."""
        self.history.append(said("user", text))
        return self

    def calls(
        self, tool: str, arguments: Mapping[str, Any], result: str = "ok", **more: Any
    ) -> Run:
        """The model asks for a tool, and the tool runs."""
        call = {"type": "tool_call", "id": "1", "name": tool, "arguments": dict(arguments)}
        self._model({"role": "assistant", "parts": [call]})
        self.clock += 10
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "gen_ai.tool.call.arguments": json.dumps(dict(arguments)),
            "gen_ai.tool.call.result": result,
        }
        self._add(attributes, f"execute_tool {tool}", **more)
        part = {"type": "tool_call_response", "id": "1", "response": result}
        self.history.append({"role": "tool", "parts": [part]})
        return self

    def _model(self, message: dict[str, Any], tokens: int = 0, **more: Any) -> Run:
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "demo",
            "gen_ai.input.messages": json.dumps(self.history),
            "gen_ai.output.messages": json.dumps([message]),
        }
        if tokens:
            attributes["gen_ai.usage.input_tokens"] = str(tokens)
        self._add(attributes, "chat demo", **more)
        self.history.append(message)
        return self

    def _add(self, attributes: dict[str, str], name: str, **more: Any) -> None:
        self.spans.append(
            a_span(
                attributes, trace=self.trace, name=name, parent="f" * 16, begin=self.clock, **more
            )
        )
        self.clock += 200
