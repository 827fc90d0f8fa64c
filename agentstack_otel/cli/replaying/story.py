# SPDX-License-Identifier: Apache-2.0
"""What happened in one step, as titled sections of text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from agentstack_otel.query.messages import Message, parse
from agentstack_otel.query.replay import Replay, Step, reason
from agentstack_otel.query.span import Span

MOST_CHARACTERS = 20_000
"""What one section shows; a terminal is no place for a megabyte."""

Section = tuple[str, str]
_RETRIEVAL = "retrieval"


def headline(step: Step, span: Span) -> str:
    """`start chat gpt-4o`, `end execute_tool search`, `event exception in …`."""
    if step.event is not None:
        return f"event {step.event.name} in {span.label}"
    return f"{step.kind} {span.label}"


def sections(replay: Replay, step: Step) -> Iterator[Section]:
    """Titles and texts, uncleaned: what went in at a start, what came out at an end."""
    span = replay.nodes[step.row].span
    if step.event is not None:
        for key, value in step.event.attributes.items():
            yield key, _cut(value)
    elif step.kind == "start":
        yield from _went_in(replay, step, span)
    else:
        yield from _came_out(span)


def _went_in(replay: Replay, step: Step, span: Span) -> Iterator[Section]:
    if span.is_llm:
        known = replay.count("messages", step.index - 1)
        new = replay.messages[known : replay.count("messages", step.index)]
        sent = len(parse(span.input, "user"))
        repeated = max(0, sent - len(new))
        title = f"Prompt ({len(new)} new, {repeated} known)" if repeated else "Prompt"
        if new or sent:
            yield title, said(new) or "(nothing that was not said before)"
    elif span.input:
        yield _title(span, "Arguments", "Query", "Input"), pretty(span.input)


def _came_out(span: Span) -> Iterator[Section]:
    if span.is_error:
        yield "Failed", _cut(reason(span) or "no reason recorded")
    if span.is_llm:
        if span.output:
            yield "Completion", said(parse(span.output, "assistant"))
    elif span.output:
        yield _title(span, "Result", "Documents", "Output"), pretty(span.output)


def _title(span: Span, tool: str, retrieval: str, other: str) -> str:
    if span.is_tool:
        return tool
    return retrieval if span.operation == _RETRIEVAL else other


def said(messages: list[Message]) -> str:
    """Messages as `role: text` paragraphs."""
    return _cut("\n".join(f"{message.role}: {message.text}" for message in messages))


def pretty(text: str) -> str:
    """Messages as `role: text`, other JSON over several lines, anything else as it is."""
    if not text.startswith(("{", "[")) or len(text) > MOST_CHARACTERS:
        return _cut(text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if _holds_messages(value):
        return said(parse(text, "user"))
    return _cut(json.dumps(value, indent=2, ensure_ascii=False))


def _holds_messages(value: Any) -> bool:
    items = value.get("messages") if isinstance(value, dict) and len(value) == 1 else value
    return (
        isinstance(items, list)
        and bool(items)
        and all(isinstance(item, dict) and "role" in item for item in items)
    )


def _cut(text: str) -> str:
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]}\n… ({len(text) - MOST_CHARACTERS} more characters)"


__all__ = ["MOST_CHARACTERS", "Section", "headline", "pretty", "said", "sections"]
