# SPDX-License-Identifier: Apache-2.0
"""How one run's span is opened, filled and ended; the callbacks only say what happened."""

from __future__ import annotations

import functools
import logging
from asyncio import CancelledError
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from agentstack_otel.instrumentation.langchain import attributes as names
from agentstack_otel.instrumentation.langchain import spans
from agentstack_otel.instrumentation.langchain.serialize import to_json
from agentstack_otel.instrumentation.langchain.spans import Run, RunTree

_log: Final = logging.getLogger("agentstack.langchain")
_F = TypeVar("_F", bound=Callable[..., Any])


def guarded(method: _F) -> _F:
    """Our own mistakes are logged and stay here: they never reach the user's code."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except Exception:
            _log.warning("%s failed; the trace may be incomplete", method.__name__, exc_info=True)
            return None

    return call  # type: ignore[return-value]  # the same signature, which wraps() cannot express


@dataclass(frozen=True, slots=True)
class Origin:
    """What LangChain says about any run when it starts."""

    run_id: UUID
    parent_run_id: UUID | None
    tags: Sequence[str]
    metadata: Mapping[str, Any]

    @classmethod
    def of(cls, kwargs: Mapping[str, Any]) -> Origin:
        """Reads the keyword arguments every `on_*_start` callback gets."""
        return cls(
            kwargs["run_id"],
            kwargs.get("parent_run_id"),
            kwargs.get("tags") or (),
            kwargs.get("metadata") or {},
        )

    @property
    def conversation(self) -> str | None:
        """The caller's own thread id; never invented."""
        value = self.metadata.get("thread_id") or self.metadata.get("session_id")
        return str(value) if value else None

    @property
    def attempt(self) -> int | None:
        """The try `Runnable.with_retry` is at; it does not tag the first one."""
        found = [t for t in self.tags if t.startswith("retry:attempt:")]
        return int(found[0].rpartition(":")[2]) if found else None


class Recorder:
    """Opens and ends spans for runs. `content` False keeps every message and value out of them."""

    def __init__(self, tracer: Tracer, *, content: bool, max_runs: int = spans.MAX_RUNS) -> None:
        self.tracer = tracer
        self.tree = RunTree(tracer, max_runs)
        self.content = content

    def start(
        self,
        origin: Origin,
        kind: str,
        name: str,
        span_name: str | None,
        attributes: dict[str, Any],
        *,
        agent: str | None = None,
        span_kind: SpanKind = SpanKind.INTERNAL,
    ) -> Run:
        """Opens a run; `span_name` None gives it no span of its own."""
        parent = self.tree.get(origin.parent_run_id)
        agent = agent or (parent.agent if parent is not None else None)
        conversation = origin.conversation or (parent.conversation if parent is not None else None)
        if span_name is not None:
            # At creation, because samplers see nothing that is added later.
            if conversation:
                attributes[names.CONVERSATION_ID] = conversation
            if agent:
                attributes[names.AGENT_NAME] = agent
            if origin.attempt is not None:
                attributes[names.RETRY_ATTEMPT] = origin.attempt
        run = self.tree.start(
            origin.run_id,
            origin.parent_run_id,
            kind=kind,
            name=name,
            span_name=span_name,
            attributes=attributes,
            span_kind=span_kind,
        )
        run.agent, run.conversation = agent, conversation
        return run

    def end(self, run_id: UUID, fill: Callable[[Run], None]) -> Run | None:
        """Ends a run's span after `fill` wrote what is known now; returns it if it was open."""
        run = self.tree.finish(run_id)
        if run is not None and run.visible:
            try:
                if run.span.is_recording():
                    fill(run)
            finally:
                run.span.end()
        return run

    def fail(self, run_id: UUID, error: BaseException) -> Run | None:
        """Ends a run's span with what the exception really means."""
        run = self.end(run_id, lambda run: self._explain(run, error))
        if run is not None:
            spans.remember_error(run, error)
            if not _bubbles_up(error):
                self.tree.abandon_children(run, error)
        return run

    def interrupted(self, run: Run, interrupts: Sequence[Any], status: str = "") -> None:
        """Marks a run as waiting for a human."""
        run.interrupts = ()  # told; see `Run.interrupts`
        run.span.set_attribute(names.GRAPH_INTERRUPTED, True)
        found: dict[str, Any] = {"langgraph.interrupt.count": len(interrupts)}
        if status:
            found["langgraph.interrupt.status"] = status
        ids = tuple(str(i.id) for i in interrupts if getattr(i, "id", None))
        if ids:
            found["langgraph.interrupt.ids"] = ids
        if self.content and interrupts:
            values = [getattr(i, "value", i) for i in interrupts]
            found[names.GRAPH_INTERRUPT_VALUES] = to_json(values)
        run.span.add_event("langgraph.interrupt", found)

    def _explain(self, run: Run, error: BaseException) -> None:
        if _bubbles_up(error):
            self._control_flow(run, error)
        elif isinstance(error, GeneratorExit):
            run.span.set_attribute(names.RUN_ABANDONED, True)  # the consumer lost interest
        elif isinstance(error, CancelledError):
            run.span.set_attribute(names.ERROR_TYPE, "CancelledError")
            run.span.set_status(Status(StatusCode.ERROR, "cancelled"))
        else:
            spans.fail(run, error)

    def _control_flow(self, run: Run, error: BaseException) -> None:
        if type(error).__name__ == "ParentCommand":
            run.span.set_attribute(names.GRAPH_COMMAND, "parent")
            return
        found = error.args[0] if error.args else ()
        interrupts = found if isinstance(found, (list, tuple)) else ()
        self.interrupted(run, interrupts)
        if run.parent is not None:
            run.parent.interrupts = (*run.parent.interrupts, *interrupts)


def _bubbles_up(error: BaseException) -> bool:
    # LangGraph's control flow (interrupts, commands to the parent graph) travels as exceptions.
    return any(
        base.__name__ == "GraphBubbleUp" and base.__module__.startswith("langgraph")
        for base in type(error).__mro__
    )
