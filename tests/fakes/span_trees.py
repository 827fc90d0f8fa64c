# SPDX-License-Identifier: Apache-2.0
"""Finished spans as a readable tree."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode


class Traced:
    """A tracer provider that keeps its spans in memory."""

    def __init__(self, **provider: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(**provider)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("user")

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [s for s in self.spans if s.name == name]

    def one(self, name: str) -> ReadableSpan:
        found = self.named(name)
        assert len(found) == 1, (
            f"{len(found)} spans named {name!r} in {[s.name for s in self.spans]}"
        )
        return found[0]

    def trees(self) -> list[str]:
        """One indented text for every root, children in order of their start."""
        return [tree(root, self.spans) for root in roots(self.spans)]

    def tree(self) -> str:
        found = self.trees()
        assert len(found) == 1, f"{len(found)} roots: {found}"
        return found[0]


def roots(spans: Iterable[ReadableSpan]) -> list[ReadableSpan]:
    found = [s for s in spans if s.parent is None]
    return sorted(found, key=lambda s: s.start_time or 0)


def tree(root: ReadableSpan, spans: Iterable[ReadableSpan]) -> str:
    return "\n".join(_lines(root, list(spans), 0))


def _lines(span: ReadableSpan, spans: list[ReadableSpan], depth: int) -> list[str]:
    mark = (
        ""
        if span.status.status_code is not StatusCode.ERROR
        else "  !" + str((span.attributes or {}).get("error.type"))
    )
    found = ["  " * depth + span.name + mark]
    children = [s for s in spans if s.parent and s.parent.span_id == span.context.span_id]
    for child in sorted(children, key=lambda s: s.start_time or 0):
        found += _lines(child, spans, depth + 1)
    return found


def parsed(span: ReadableSpan, attribute: str) -> Any:
    """A content attribute's JSON."""
    return json.loads((span.attributes or {})[attribute])
