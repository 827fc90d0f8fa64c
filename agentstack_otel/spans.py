# SPDX-License-Identifier: Apache-2.0
"""How an operation of the GenAI conventions becomes a span, for `observe` and `runs`.

| operation | kind | subject | input | output |
|---|---|---|---|---|
| chat, text_completion, generate_content | CLIENT | gen_ai.request.model | messages | messages |
| execute_tool | INTERNAL | gen_ai.tool.name | arguments | result |
| retrieval | CLIENT | gen_ai.data_source.id | query | documents |
| embeddings | CLIENT | gen_ai.request.model | `input.value` | `output.value` |
| invoke_agent, create_agent, plan | INTERNAL | gen_ai.agent.name | `input.value` | `output.value` |
| invoke_workflow | INTERNAL | gen_ai.workflow.name | `input.value` | `output.value` |
| none | INTERNAL | | `input.value` | `output.value` |

The span is named `OPERATION SUBJECT`, as the conventions say, and without an operation by its name.
`input.value` and `output.value` are OpenInference's names for "whatever went in and came out",
which every viewer of agent traces knows. Nothing here raises into the user's program.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from agentstack_processors.semconv import attributes as names
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TracerProvider
from opentelemetry.util.types import AttributeValue

from agentstack_otel.capturing import clip, records_content, to_text
from agentstack_otel.version import __version__

INPUT_VALUE = "input.value"
OUTPUT_VALUE = "output.value"
YIELDED_COUNT = "agentstack.yielded.count"

_logger = logging.getLogger("agentstack")
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Operation:
    """One row of the table above.

    Attributes:
        kind: Span kind.
        subject: Attribute that holds what the operation is done with; empty for none.
        input: Attribute for what went in.
        output: Attribute for what came out.
    """

    kind: SpanKind = SpanKind.INTERNAL
    subject: str = ""
    input: str = INPUT_VALUE
    output: str = OUTPUT_VALUE


_MODEL_CALL = Operation(
    SpanKind.CLIENT, names.REQUEST_MODEL, names.INPUT_MESSAGES, names.OUTPUT_MESSAGES
)
OPERATIONS: Mapping[str, Operation] = {
    "": Operation(),
    "chat": _MODEL_CALL,
    "text_completion": _MODEL_CALL,
    "generate_content": _MODEL_CALL,
    "embeddings": Operation(SpanKind.CLIENT, names.REQUEST_MODEL),
    "retrieval": Operation(
        SpanKind.CLIENT, names.DATA_SOURCE_ID, names.RETRIEVAL_QUERY_TEXT, names.RETRIEVAL_DOCUMENTS
    ),
    "execute_tool": Operation(
        SpanKind.INTERNAL, names.TOOL_NAME, names.TOOL_CALL_ARGUMENTS, names.TOOL_CALL_RESULT
    ),
    "invoke_agent": Operation(SpanKind.INTERNAL, names.AGENT_NAME),
    "create_agent": Operation(SpanKind.CLIENT, names.AGENT_NAME),
    "plan": Operation(SpanKind.INTERNAL, names.AGENT_NAME),
    "invoke_workflow": Operation(SpanKind.INTERNAL, names.WORKFLOW_NAME),
}


def operation(name: str) -> Operation:
    """The row for `name`; what the conventions do not know is recorded like a plain function."""
    return OPERATIONS.get(name, OPERATIONS[""])


def quietly(function: _F) -> _F:
    """Whatever goes wrong in `function` is ours, and is not the user's problem."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception:
            _logger.debug("AgentStack could not record a step", exc_info=True)
            return None

    return guarded  # type: ignore[return-value]  # the same signature by construction


@functools.lru_cache(maxsize=4)
def _tracer(provider: TracerProvider) -> Tracer:
    return provider.get_tracer("agentstack_otel", __version__)


class Recording:
    """One span that never raises: begun by `begin`, ended once.

    `context` is what was current when the body last ran; while the body does not run (between two
    yields of a generator) it is current nowhere.
    """

    __slots__ = ("_ended", "_operation", "_token", "context", "span")

    def __init__(self, span: Span, row: Operation, context: Context) -> None:
        self.span = span
        self.context = context
        self._operation = row
        self._token: Any = None
        self._ended = False

    @classmethod
    def begin(
        cls,
        name: str,
        row: Operation,
        attributes: Mapping[str, AttributeValue],
        parent: Context | None = None,
    ) -> Recording:
        """Start a span; a span that records nothing when that fails."""
        parent = otel_context.get_current() if parent is None else parent
        try:
            tracer = _tracer(trace.get_tracer_provider())
            span = tracer.start_span(name, parent, row.kind, dict(attributes))
        except Exception:
            _logger.debug("AgentStack could not start a span", exc_info=True)
            span = trace.INVALID_SPAN
            return cls(span, row, parent)
        return cls(span, row, trace.set_span_in_context(span, parent))

    def enter(self) -> None:
        """Make the span current. Always paired with `leave` in the same step of the same task."""
        self._token = otel_context.attach(self.context)

    def leave(self) -> None:
        """Give the caller back what was current before; remember what the body had."""
        if self._token is not None:
            self.context = otel_context.get_current()
            otel_context.detach(self._token)
            self._token = None

    @property
    def wanted(self) -> bool:
        """Whether content is worth capturing: the span is kept and policy allows it."""
        return self.span.is_recording() and records_content()

    @quietly
    def input(self, value: object) -> None:
        """What went in, as text."""
        if self.wanted:
            self.span.set_attribute(self._operation.input, to_text(value))

    @quietly
    def output(self, value: object) -> None:
        """What came out, as text."""
        if self.wanted:
            self.span.set_attribute(self._operation.output, to_text(value))

    @quietly
    def set(self, attributes: Mapping[str, AttributeValue]) -> None:
        """More attributes."""
        self.span.set_attributes(attributes)

    @quietly
    def failed(self, error: BaseException) -> None:
        """The body raised `error`. A requested exit (`SystemExit(0)`) is no failure."""
        if isinstance(error, SystemExit) and not error.code:
            return
        kind = type(error)
        known = kind.__qualname__ if kind.__module__ == "builtins" else _qualified(kind)
        self.span.set_attribute(names.ERROR_TYPE, known)
        self.span.set_status(Status(StatusCode.ERROR, _described(error)))
        self.span.record_exception(error, escaped=True)

    def end(self) -> None:
        """End the span, once however often it is called."""
        if not self._ended:
            self._ended = True
            self._end()

    @quietly
    def _end(self) -> None:
        self.span.end()


def _qualified(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _described(error: BaseException) -> str:
    try:
        return clip(f"{type(error).__name__}: {error}", 1024)
    except Exception:
        return type(error).__name__
