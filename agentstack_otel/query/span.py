# SPDX-License-Identifier: Apache-2.0
"""A stored span as the views need it, read from one row of `trace_spans.sql`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agentstack_exporters.clickhouse.protocol import Row
from agentstack_processors.semconv.dialects import INPUT_KEYS, OUTPUT_KEYS

from agentstack_otel.query.messages import numbered

LLM_OPERATIONS = frozenset({"chat", "generate_content", "text_completion"})
"""`gen_ai.operation.name` values of a call to a language model."""

CONTAINER_OPERATIONS = frozenset({"invoke_agent", "create_agent", "invoke_workflow"})
"""Operations whose spans repeat the usage of the calls inside them."""

_PROMPTS = ("llm.input_messages.", "gen_ai.prompt.")
_COMPLETIONS = ("llm.output_messages.", "gen_ai.completion.")
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_UNSAID = frozenset({"", "step"})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened inside a span. `time` is nanoseconds since the epoch."""

    time: int
    name: str
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Times are nanoseconds since the epoch; `end` 0 means that it never ended."""

    span_id: str
    parent_span_id: str
    name: str
    start: int
    end: int
    status: str = "UNSET"
    status_message: str = ""
    kind: str = "INTERNAL"
    service: str = ""
    operation: str = ""
    provider: str = ""
    model: str = ""
    agent: str = ""
    tool: str = ""
    conversation: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    input: str = ""
    output: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    row: Row = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_llm(self) -> bool:
        """Whether the span is one call of a language model."""
        return self.operation in LLM_OPERATIONS

    @property
    def is_tool(self) -> bool:
        """Whether the span is one execution of a tool."""
        return self.operation == "execute_tool"

    @property
    def is_error(self) -> bool:
        """Whether the span failed."""
        return self.status == "ERROR"

    @property
    def finish(self) -> int:
        """The end, never before the start."""
        return max(self.start, self.end)

    @property
    def duration_ms(self) -> float:
        """Milliseconds from start to end, never negative."""
        return (self.finish - self.start) / 1e6

    @property
    def label(self) -> str:
        """What the step is called in the tree: operation and target, without saying either twice.

        `chat gpt-4o`, `execute_tool search`, or the span's own name.
        """
        plain = _SEPARATORS.sub("", self.name.lower())
        said = plain.startswith(_SEPARATORS.sub("", self.operation.lower()))
        return self.name if said or self.operation in _UNSAID else f"{self.operation} {self.name}"


def from_row(row: Row) -> Span:
    """A span out of a row of `trace_spans.sql`; columns that are missing are empty."""
    attributes: dict[str, str] = row.get("attributes") or {}
    return Span(
        span_id=row["span_id"],
        parent_span_id=row.get("parent_span_id") or "",
        name=row.get("name") or "",
        start=int(row["start_ns"]),
        end=int(row["end_ns"]),
        status=row.get("status") or "UNSET",
        status_message=row.get("status_message") or "",
        kind=row.get("kind") or "INTERNAL",
        service=row.get("service_name") or "",
        operation=row.get("operation") or "",
        provider=row.get("provider") or "",
        model=row.get("model") or "",
        agent=row.get("agent") or "",
        tool=row.get("tool") or "",
        conversation=row.get("conversation") or "",
        input_tokens=int(row.get("input_tokens") or 0),
        output_tokens=int(row.get("output_tokens") or 0),
        input=_text(attributes, INPUT_KEYS) or numbered(attributes, _PROMPTS),
        output=_text(attributes, OUTPUT_KEYS) or numbered(attributes, _COMPLETIONS),
        attributes=attributes,
        events=_events(row),
        row=row,
    )


def _text(attributes: Mapping[str, str], keys: Iterable[str]) -> str:
    """What the columns `input` and `output` would say; planning those costs the engine 6 ms."""
    return next((text for key in keys if (text := attributes.get(key))), "")


def _events(row: Row) -> tuple[Event, ...]:
    events: Sequence[Row] = row.get("events") or ()
    times: Iterable[int] = row.get("event_ns") or [0] * len(events)
    return tuple(
        Event(int(time), event["name"], event["attributes"])
        for time, event in zip(times, events, strict=True)
    )


def usage(spans: Iterable[Span]) -> dict[str, tuple[int, int]]:
    """Tokens in and out by span id, each token once.

    Agents and workflows usually repeat the sum of the calls inside them; they count only when no
    call reports any, and then only the largest of them.
    """
    reporting = [span for span in spans if span.input_tokens or span.output_tokens]
    calls = [span for span in reporting if span.operation not in CONTAINER_OPERATIONS]
    if not calls and reporting:
        calls = [max(reporting, key=lambda span: span.input_tokens + span.output_tokens)]
    return {span.span_id: (span.input_tokens, span.output_tokens) for span in calls}


__all__ = ["CONTAINER_OPERATIONS", "LLM_OPERATIONS", "Event", "Span", "from_row", "usage"]
