# SPDX-License-Identifier: Apache-2.0
"""AgentTracer: agents written by hand, recorded by hand, in the GenAI conventions.

::

    tracer = AgentTracer()
    with tracer.run("travel-agent", conversation="thread-42") as run:
        with run.step("answer", operation="chat", model="gpt-5", provider="openai") as step:
            step.input([{"role": "user", "content": question}])
            answer = client.ask(question)
            step.output(answer.text)
            step.tokens(input=answer.prompt_tokens, output=answer.completion_tokens)
        with run.step("book", operation="execute_tool") as step:
            step.input({"flight": "LH400"})
            step.output(book("LH400"))

Both work with `async with` too. What is raised inside is recorded and goes on unchanged; nothing
here raises by itself. Frameworks need none of this: their instrumentors record on their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

from agentstack_processors.semconv import attributes as names
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.util.types import AttributeValue

from agentstack_otel.spans import Recording, operation, quietly

_Self = TypeVar("_Self", bound="Step")
_MESSAGES = (names.INPUT_MESSAGES, names.OUTPUT_MESSAGES)


class Step:
    """One thing an agent does: a span while the `with` block runs.

    Made by `Run.step`, not by hand. A step may hold steps.
    """

    def __init__(
        self,
        name: str,
        *,
        operation_name: str = "",
        attributes: Mapping[str, AttributeValue] | None = None,
        within: Step | None = None,
    ) -> None:
        self._row = operation(operation_name)
        self._operation_name = operation_name
        self._name = name
        self._within = within
        self._attributes: dict[str, AttributeValue] = dict(attributes or {})
        if operation_name:
            self._attributes[names.OPERATION_NAME] = operation_name
            if self._row.subject:
                self._attributes.setdefault(self._row.subject, name)
        self._recording: Recording | None = None

    @property
    def span(self) -> trace.Span:
        """The OpenTelemetry span, for whatever this class does not offer."""
        return self._recording.span if self._recording else trace.INVALID_SPAN

    @property
    def trace_id(self) -> str:
        """Trace id as 32 hex digits: what `agentstack replay` takes. Zeros before the block."""
        return f"{self.span.get_span_context().trace_id:032x}"

    def step(
        self,
        name: str,
        *,
        operation: str = "",
        model: str = "",
        provider: str = "",
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> Step:
        """A step within this one; use it in a `with` block.

        Args:
            name: What is done; for `execute_tool` the tool, for `invoke_agent` the agent.
            operation: `gen_ai.operation.name`, for example `chat`, `execute_tool`, `retrieval`;
                empty for a step of your own.
            model: `gen_ai.request.model`.
            provider: `gen_ai.provider.name`, for example `openai`, `anthropic`, `aws.bedrock`.
            attributes: Anything else.
        """
        given = {names.REQUEST_MODEL: model, names.PROVIDER_NAME: provider}
        known = {key: value for key, value in given.items() if value}
        return Step(
            name,
            operation_name=operation,
            attributes={**known, **(attributes or {})},
            within=self,
        )

    @quietly
    def input(self, value: object) -> None:
        """What went in: text, messages, a tool's arguments. Not recorded under content `none`."""
        if self._recording is not None:
            self._recording.input(_in_messages(value, "user") if self._speaks else value)

    @quietly
    def output(self, value: object) -> None:
        """What came out: text, a message, a tool's result. Not recorded under content `none`."""
        if self._recording is not None:
            self._recording.output(_in_messages(value, "assistant") if self._speaks else value)

    @quietly
    def tokens(
        self,
        *,
        input: int | None = None,
        output: int | None = None,
        cached: int | None = None,
        reasoning: int | None = None,
    ) -> None:
        """Token counts as billed: `input` includes `cached`, `output` includes `reasoning`."""
        given = {
            names.USAGE_INPUT_TOKENS: input,
            names.USAGE_OUTPUT_TOKENS: output,
            names.USAGE_CACHE_READ_INPUT_TOKENS: cached,
            names.USAGE_REASONING_OUTPUT_TOKENS: reasoning,
        }
        self.span.set_attributes({key: n for key, n in given.items() if n is not None})

    def failure(self, error: BaseException) -> None:
        """The step failed with `error`, which was caught; what leaves the block is seen anyway."""
        if self._recording is not None:
            self._recording.failed(error)

    def set(self, key: str, value: AttributeValue) -> None:
        """An attribute of your own."""
        if self._recording is not None:
            self._recording.set({key: value})

    @property
    def _speaks(self) -> bool:
        return self._row.input in _MESSAGES

    def _parent(self) -> Context:
        """What is current, if it belongs to this run; else (another thread) the step around."""
        current = otel_context.get_current()
        if self._within is None:
            return current
        around = self._within.span.get_span_context()
        here = trace.get_current_span(current).get_span_context()
        if not around.is_valid or here.trace_id == around.trace_id:
            return current
        return trace.set_span_in_context(self._within.span, current)

    def _span_name(self) -> str:
        if not self._operation_name:
            return self._name
        return f"{self._operation_name} {self._attributes.get(self._row.subject, self._name)}"

    def __enter__(self: _Self) -> _Self:
        self._recording = Recording.begin(
            self._span_name(), self._row, self._attributes, self._parent()
        )
        self._recording.enter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._recording is not None:
            if error is not None:
                self._recording.failed(error)
            self._recording.leave()
            self._recording.end()

    async def __aenter__(self: _Self) -> _Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


class Run(Step):
    """One run of an agent from question to answer: the root of what `agentstack replay` shows."""


class AgentTracer:
    """Makes runs.

    Args:
        attributes: Attributes of every run, for example `{"deployment.environment": "test"}`.
    """

    def __init__(self, attributes: Mapping[str, AttributeValue] | None = None) -> None:
        self._attributes = dict(attributes or {})

    def run(
        self,
        name: str,
        *,
        conversation: str = "",
        operation: str = "invoke_agent",
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> Run:
        """A run of the agent `name`; use it in a `with` block.

        Args:
            name: The agent (`gen_ai.agent.name`), or the workflow with `invoke_workflow`.
            conversation: `gen_ai.conversation.id`, when the run belongs to one.
            operation: `invoke_agent`, or `invoke_workflow` for several agents working together.
            attributes: Anything else.
        """
        own: dict[str, AttributeValue] = {**self._attributes, **(attributes or {})}
        if conversation:
            own[names.CONVERSATION_ID] = conversation
        return Run(name, operation_name=operation, attributes=own)


def _in_messages(value: object, role: str) -> object:
    """`value` as a list of messages of the conventions: `{"role": …, "parts": [{"type": …}]}`."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_message(item, role) for item in value]
    return [_message(value, role)]


def _message(value: object, role: str) -> object:
    if isinstance(value, Mapping):
        if "parts" in value or not ("content" in value or "tool_calls" in value):
            return value
        parts = [*_text_parts(value.get("content")), *_tool_parts(value)]
        return {"role": value.get("role", role), "parts": parts}
    return {"role": role, "parts": _text_parts(value)}


def _text_parts(content: object) -> list[object]:
    if content is None or content == "":
        return []
    if isinstance(content, list):  # already in parts, of whatever provider
        return content
    return [{"type": "text", "content": content}]


def _tool_parts(message: Mapping[Any, Any]) -> list[object]:
    """Tool calls as OpenAI's API gives them; others stay as they are."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return []
    return [_tool_call(call) for call in calls]


def _tool_call(call: object) -> object:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(function, Mapping):
        return call
    return {
        "type": "tool_call",
        "id": call.get("id"),
        "name": function.get("name"),
        "arguments": function.get("arguments"),
    }
