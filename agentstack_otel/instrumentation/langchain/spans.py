# SPDX-License-Identifier: Apache-2.0
"""The tree of open LangChain runs and the spans that stand for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from agentstack_otel.instrumentation.langchain import attributes as names

MAX_RUNS: Final = 20_000
"""Open runs kept; beyond it the oldest is ended as abandoned, so that memory stays bounded."""

# Which run put itself into a Context: tells an ambient span inside the parent from a foreign one.
_RUN_KEY: Final = otel_context.create_key("agentstack-langchain-run")


@dataclass(eq=False, slots=True)
class Run:
    """One open LangChain run.

    `visible` runs own `span`; hidden ones carry their parent's and only pass its place on.
    `context` is what user code of this run (and its children) should see as current.
    """

    id: UUID
    kind: str
    name: str
    parent: Run | None
    span: Span
    context: Context
    visible: bool
    agent: str | None = None
    conversation: str | None = None
    node: str | None = None
    started: float = 0.0
    streaming: bool = False
    # Failed tries of a node's task, by checkpoint namespace: a retry has the same one.
    failures: dict[str, int] = field(default_factory=dict)
    namespace: str = ""
    # What its nodes are waiting for: LangGraph before 1.2 tells the graph's own run nothing.
    interrupts: Sequence[Any] = ()
    edge_ends: Mapping[Any, str] | None = None
    # id() of the last exception seen below: only the innermost span records the stack trace.
    error_seen: int = 0
    children: set[UUID] = field(default_factory=set)

    @property
    def recording(self) -> bool:
        """Whether attributes would be kept: work for building them is skipped otherwise."""
        return self.visible and self.span.is_recording()


class RunTree:
    """Starts, finds and ends runs; safe to use from any thread."""

    def __init__(self, tracer: Tracer, max_runs: int = MAX_RUNS) -> None:
        self._tracer = tracer
        self._max_runs = max_runs
        self._runs: dict[UUID, Run] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._runs)

    def get(self, run_id: UUID | None) -> Run | None:
        """Returns an open run."""
        return self._runs.get(run_id) if run_id is not None else None

    def start(
        self,
        run_id: UUID,
        parent_run_id: UUID | None,
        *,
        kind: str,
        name: str,
        span_name: str | None,
        attributes: dict[str, Any] | None = None,
        span_kind: SpanKind = SpanKind.INTERNAL,
    ) -> Run:
        """Opens a run; `span_name` None makes it hidden."""
        parent = self.get(parent_run_id)
        base = _base_context(parent)
        if span_name is None:
            span = parent.span if parent is not None else trace.get_current_span(base)
            context = base
        else:
            span = self._tracer.start_span(
                span_name, context=base, kind=span_kind, attributes=attributes
            )
            context = trace.set_span_in_context(span, base)
        run = Run(run_id, kind, name, parent, span, context, visible=span_name is not None)
        run.context = otel_context.set_value(_RUN_KEY, run, context)
        run.started = time.perf_counter()
        self._keep(run)
        return run

    def finish(self, run_id: UUID) -> Run | None:
        """Forgets a run and returns it, without ending its span; None when it is not open."""
        with self._lock:
            run = self._runs.pop(run_id, None)
            if run is not None and run.parent is not None:
                run.parent.children.discard(run_id)
        return run

    def abandon(self, run: Run, error: BaseException | None = None) -> None:
        """Ends a run that will never report its end itself, and everything below it."""
        if self.finish(run.id) is None:
            return
        self.abandon_children(run, error)
        if run.visible:
            try:
                run.span.set_attribute(names.RUN_ABANDONED, True)
                if error is not None and not isinstance(error, GeneratorExit):
                    record_failure(run.span, error, trace_seen=True)
            finally:
                run.span.end()

    def abandon_children(self, run: Run, error: BaseException | None = None) -> None:
        """Ends what is still open below a run: nobody will report it any more."""
        for child_id in tuple(run.children):
            child = self.get(child_id)
            if child is not None:
                self.abandon(child, error)

    def abandon_all(self) -> None:
        """Ends every open run (at exit and when uninstrumenting)."""
        for run in tuple(self._runs.values()):
            self.abandon(run)

    def forget_all(self) -> None:
        """Drops every run without ending it: in a forked child they are the parent's."""
        self._lock = threading.Lock()
        self._runs.clear()

    def _keep(self, run: Run) -> None:
        with self._lock:
            self._runs[run.id] = run
            if run.parent is not None:
                run.parent.children.add(run.id)
            oldest = next(iter(self._runs.values())) if len(self._runs) > self._max_runs else None
        if oldest is not None:
            self.abandon(oldest)


def _base_context(parent: Run | None) -> Context:
    current = otel_context.get_current()
    if parent is None or current.get(_RUN_KEY) is parent:
        # Inside the parent's own code: a span the user opened there is the closer parent.
        return current
    return parent.context


def current_run() -> Run | None:
    """Returns the run whose user code is executing here."""
    found = otel_context.get_value(_RUN_KEY)
    return found if isinstance(found, Run) else None


def fail(run: Run, error: BaseException) -> None:
    """Marks a run's span as failed; the stack trace is kept on the innermost span only."""
    record_failure(run.span, error, trace_seen=run.error_seen == id(error))


def record_failure(span: Span, error: BaseException, *, trace_seen: bool = False) -> None:
    """Sets status and `error.type`, and records the exception unless that was done below."""
    kind = type(error)
    module = "" if kind.__module__ in {"builtins", "__main__"} else f"{kind.__module__}."
    span.set_attribute(names.ERROR_TYPE, f"{module}{kind.__qualname__}")
    span.set_status(Status(StatusCode.ERROR, _message(error)))
    if not trace_seen:
        span.record_exception(error)


def _message(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # a broken __str__ is the user's, the failure still counts
        return type(error).__name__


def remember_error(run: Run, error: BaseException) -> None:
    """Tells a run's parents that this exception has its stack trace recorded below them."""
    if run.parent is not None:
        run.parent.error_seen = id(error)
