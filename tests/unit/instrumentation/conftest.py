# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from opentelemetry import trace

from agentstack_otel.instrumentation.langchain import AgentStackLangChainInstrumentor
from tests.fakes.span_trees import Traced


@pytest.fixture
def traced(caplog: pytest.LogCaptureFixture) -> Iterator[Traced]:
    """LangChain instrumented; fails the test on a leaked span or on anything we had to log."""
    found = Traced()
    instrumentor = AgentStackLangChainInstrumentor()
    instrumentor.instrument(tracer_provider=found.provider, skip_dep_check=True)
    yield found
    recorder = instrumentor._recorder
    left_open = [run.name for run in recorder.tree._runs.values()] if recorder else []
    instrumentor.uninstrument()
    assert left_open == []
    assert trace.get_current_span() is trace.INVALID_SPAN, "a span stayed current after the run"
    complaints = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert [c for c in complaints if "detach" in c or "trace may be" in c] == []
