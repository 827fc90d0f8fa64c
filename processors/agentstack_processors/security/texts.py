# SPDX-License-Identifier: Apache-2.0
"""The texts of a span, each once and with who speaks: what detectors are asked about.

Agents send their whole conversation with every call. `texts_of` gives one text per message part,
so that a part seen before is recognised; with `Prefixes` of its trace it does not even decode the
part of a message list that it has decoded before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from agentstack_processors.otlp.opened import OpenEvent, OpenSpan
from agentstack_processors.security.fields import EVENTS, MESSAGE_KEYS, Field, field_of
from agentstack_processors.security.messages import ROLES, decode, flat, read
from agentstack_processors.security.verdict import Scope
from agentstack_processors.semconv.attributes import FUNCTION_NAME


class SpanText(NamedTuple):
    """One text of a span.

    Attributes:
        text: What was said, unwrapped from JSON; a tool's JSON as `key: value` lines.
        scope: Who said it; retrieved documents are `tool_output`.
        field: Attribute key, or `event name/attribute key`.
        trusted: Said by the operator or the user, who may ask for anything.
        tool: For `tool_input` and `tool_output`: the tool, where known.
        output: Whether it is what came out of the span, not what went in.
        loose: Found in a dump without clear roles: `scope` is a guess.
    """

    text: str
    scope: Scope
    field: str
    trusted: bool
    tool: str = ""
    output: bool = False
    loose: bool = False


_TRUSTED = frozenset(("user", "system"))
_TOOL = frozenset(("execute_tool",))
_RUNS = frozenset(("invoke_agent", "invoke_workflow"))
_SEARCH = frozenset(("retrieval", "rerank"))
MODEL_OPERATIONS = frozenset(("chat", "text_completion", "generate_content"))
_WORTH_REMEMBERING = 512


class Prefixes:
    """How much of a growing message list has been decoded: per head of the list, one prefix.

    Only length and hash are kept. `rest` is exact: a list that does not begin with the very
    characters seen before is decoded whole.
    """

    __slots__ = ("_known",)
    most = 8
    """Different conversations remembered in one trace."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int]] = {}

    def rest(self, field: str, text: str) -> str:
        """`text`, a JSON list, without the members of the list seen before under this head."""
        head = hash((field, text[:160]))
        known = self._known.pop(head, None)
        if len(self._known) >= self.most:
            del self._known[next(iter(self._known))]
        self._known[head] = (len(text), hash(text[:-1]))
        if known is None:
            return text
        length, seen = known
        if len(text) < length or hash(text[: length - 1]) != seen:
            return text
        if len(text) == length:
            return "" if text[-1] == "]" else text
        return "[" + text[length:] if text[length - 1] == "," else text


def texts_of(span: OpenSpan, prefixes: Prefixes | None = None) -> Iterator[SpanText]:
    """Every text of `span`, each once from the same speaker on the same side of the step.

    Args:
        span: The span.
        prefixes: Of the span's trace: leaves out message-list members that it has given before.
    """
    given: set[tuple[str, Scope, bool]] = set()
    for found in _found(span, prefixes):
        one = (found.text, found.scope, found.output)
        if one not in given:
            given.add(one)
            yield found


def _found(span: OpenSpan, prefixes: Prefixes | None) -> Iterator[SpanText]:
    loose: list[tuple[str, str, Field]] = []
    structured = False
    for key, text in span.attributes.items():
        field = field_of(key)
        if field is None or not text:
            continue
        if field.how == "loose":
            loose.append((key, text, field))
        else:
            structured = True
            yield from _texts(span, key, text, field, prefixes)
    if not (structured and span.operation in MODEL_OPERATIONS):
        for key, text, field in loose:
            yield from _dumped(span, key, text, field)
    for event in span.events:
        yield from _of_event(span, event, prefixes)


def tool_of(span: OpenSpan) -> str:
    """The tool a span runs: its attribute, else what its name says."""
    if span.tool:
        return span.tool
    name = span.name
    return name[13:] if name.startswith("execute_tool ") else name


def ran(span: OpenSpan) -> tuple[str, str]:
    """Arguments and result of a tool's span, each '' where it says nothing."""
    arguments = result = ""
    for key, text in span.attributes.items():
        field = field_of(key)
        if field is None or not text:
            continue
        scope = field.scope
        if field.how == "loose":
            scope = "tool_output" if field.output else "tool_input"
        if scope == "tool_input":
            arguments = arguments or flat(text)
        elif scope == "tool_output":
            result = result or text
    return arguments, result


def _texts(
    span: OpenSpan, key: str, text: str, field: Field, prefixes: Prefixes | None
) -> Iterator[SpanText]:
    how, scope, output = field.how, field.scope, field.output
    if how == "messages":
        yield from _messages(key, text, scope, output, prefixes)
    elif how == "flat":
        tool = span.attributes.get(field.tool_key, "") if field.tool_key else tool_of(span)
        flattened = flat(text)
        if flattened:
            yield SpanText(flattened, scope, key, False, tool, output)
    elif how == "role":
        speaker = ROLES.get(span.attributes.get(field.role_key, "").lower(), scope)
        yield from _spoken(key, text, speaker, output)
    else:
        yield SpanText(text, scope, key, scope in _TRUSTED, "", output)


def _spoken(key: str, text: str, scope: Scope, output: bool) -> Iterator[SpanText]:
    """The content attribute of a numbered message: a text, or JSON of content parts."""
    if scope == "tool_output":
        yield SpanText(flat(text), scope, key, False, "", output)
    elif text.startswith(('[{"type"', '[{"text"', '[{"tool')):
        yield from _messages(key, f'{{"role":"{scope}","content":{text}}}', scope, output, None)
    else:
        yield SpanText(text, scope, key, scope in _TRUSTED, "", output)


def _messages(
    key: str, text: str, scope: Scope, output: bool, prefixes: Prefixes | None
) -> Iterator[SpanText]:
    if prefixes is not None and len(text) >= _WORTH_REMEMBERING and text[0] == "[":
        rest = prefixes.rest(key, text)
        if not rest:
            return
        value = decode(rest)
        if isinstance(value, str) and rest is not text:
            value = decode(text)
    else:
        value = decode(text)
    for message in value if isinstance(value, list) else (value,):
        known = _plain(message)
        if known is not None:
            speaker, text = known
            yield SpanText(text, speaker, key, speaker in _TRUSTED, "", output)
            continue
        for said in read(message, scope):
            speaker = said.scope
            yield SpanText(said.text, speaker, key, speaker in _TRUSTED, said.tool, output)


def _plain(message: Any) -> tuple[Scope, str] | None:
    """The usual message, one text part: most of every history, told apart quickly."""
    if type(message) is not dict:
        return None
    parts, role = message.get("parts"), message.get("role")
    if type(parts) is not list or len(parts) != 1 or type(role) is not str:
        return None
    (part,) = parts
    speaker = ROLES.get(role)
    if speaker is None or type(part) is not dict or part.get("type") != "text":
        return None
    text = part.get("content")
    if type(text) is not str or not text or "tool_calls" in message:
        return None
    return speaker, flat(text) if speaker == "tool_output" else text


def _dumped(span: OpenSpan, key: str, text: str, field: Field) -> Iterator[SpanText]:
    operation = span.operation
    if operation in _TOOL or operation in _SEARCH:
        scope: Scope = "tool_output" if field.output else "tool_input"
        value = decode(text)
        if isinstance(value, dict) and "tool_call_id" in value and "content" in value:
            text = flat(value["content"])  # LangChain's ToolMessage
        else:
            text = flat(text)
        if text:
            yield SpanText(text, scope, key, False, tool_of(span), field.output)
        return
    if operation == "embeddings":
        return
    if field.output and not operation and FUNCTION_NAME in span.attributes:
        # A function of the program's own: what it returns may be a page or a file as well.
        yield SpanText(flat(text), "tool_output", key, False, tool_of(span), True, True)
        return
    loose = operation not in MODEL_OPERATIONS
    # What a run was given is what its user said; what a step was given may be anything.
    believed = not loose or (operation in _RUNS and not field.output)
    for said in read(decode(text), field.scope):
        trusted = believed and said.scope in _TRUSTED
        yield SpanText(said.text, said.scope, key, trusted, said.tool, field.output, loose)


def _of_event(span: OpenSpan, event: OpenEvent, prefixes: Prefixes | None) -> Iterator[SpanText]:
    role = EVENTS.get(event.name)
    for key, text in event.attributes.items():
        if not text:
            continue
        where = f"{event.name}/{key}"
        field = field_of(key)
        if field is not None and field.how not in ("loose", "role"):
            yield from _texts(span, where, text, field, prefixes)
        elif role is not None and key in MESSAGE_KEYS:
            yield from _said_in_event(where, key, text, *role)


def _said_in_event(
    where: str, key: str, text: str, scope: Scope, output: bool
) -> Iterator[SpanText]:
    if scope == "tool_output":
        yield SpanText(flat(text), scope, where, False, "", output)
        return
    value: Any = decode(text)
    if key == "content" and isinstance(value, (list, dict)):
        value = {"role": scope, "content": value}
    for said in read(value, scope):
        yield SpanText(said.text, said.scope, where, said.scope in _TRUSTED, said.tool, output)


__all__ = ["MODEL_OPERATIONS", "Prefixes", "SpanText", "ran", "texts_of", "tool_of"]
