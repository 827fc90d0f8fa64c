# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


class Spans:
    """What a test reads of the spans that were exported."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self):
        return self._exporter.get_finished_spans()

    def one(self, name: str | None = None):
        found = [span for span in self.all() if name is None or span.name == name]
        assert len(found) == 1, [span.name for span in self.all()]
        return found[0]

    def named(self, name: str):
        return [span for span in self.all() if span.name == name]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """A real SDK that keeps its spans, as the global provider for one test."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # OpenTelemetry allows one global provider a process; a test needs its own.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.delenv("AGENTSTACK_CONTENT", raising=False)
    yield Spans(exporter)
    provider.shutdown()
