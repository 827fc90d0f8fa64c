# SPDX-License-Identifier: Apache-2.0
"""Which attribute holds which side of a conversation, in every dialect: one table.

A `Field` says how its value is read. Names of numbered attributes
(`llm.input_messages.3.message.content`) are resolved by pattern and remembered.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from agentstack_processors.security.verdict import Scope

How = Literal["messages", "flat", "plain", "loose", "role", "skip"]


class Field(NamedTuple):
    """How to read one attribute.

    Attributes:
        how: `messages` JSON with roles; `flat` a tool's arguments or result; `plain` one text;
            `loose` whatever a framework dumped there (skipped when better attributes are there,
            and texts known from elsewhere in the trace do not count again); `role` see `role_key`.
        scope: Who speaks where the value does not say.
        output: Whether this is what came out of the step, not what went in.
        role_key: Attribute that names the speaker of a numbered one.
        tool_key: Attribute that names the tool of a numbered call.
    """

    how: How
    scope: Scope
    output: bool = False
    role_key: str = ""
    tool_key: str = ""


def _table() -> dict[str, Field]:
    groups: tuple[tuple[Field, str], ...] = (
        (Field("messages", "system"), "gen_ai.system_instructions"),
        (
            Field("messages", "user"),
            """gen_ai.input.messages gen_ai.prompt gen_ai.content.prompt ai.prompt
            ai.prompt.messages llm.prompts all_messages_events pydantic_ai.all_messages events
            gcp.vertex.agent.llm_request gen_ai.agent.input gen_ai.task.input""",
        ),
        (
            Field("messages", "assistant", output=True),
            """gen_ai.output.messages gen_ai.completion gen_ai.content.completion
            ai.response.toolCalls llm.completions llm.choices gcp.vertex.agent.llm_response
            gen_ai.agent.output gen_ai.task.output""",
        ),
        (
            Field("plain", "assistant", output=True),
            "ai.response.text ai.response.object ai.response.reasoning final_result",
        ),
        (
            Field("flat", "tool_input"),
            """gen_ai.tool.call.arguments gen_ai.tool.arguments gen_ai.tool.input tool_arguments
            ai.toolCall.args ai.toolCall.input tool.parameters tool.input
            gcp.vertex.agent.tool_call_args tool_call.function.arguments
            gen_ai.retrieval.query.text reranker.query url.full http.url db.query.text db.statement
            process.command_line process.command_args""",
        ),
        (
            Field("flat", "tool_output", output=True),
            """gen_ai.tool.call.result gen_ai.tool.result gen_ai.tool.output tool_response
            ai.toolCall.result ai.toolCall.output tool.output gcp.vertex.agent.tool_response
            gen_ai.retrieval.documents retrieval.documents http.response.body""",
        ),
        (
            Field("loose", "user"),
            """input.value traceloop.entity.input langfuse.observation.input mlflow.spanInputs
            lmnr.span.input inputs""",
        ),
        (
            Field("loose", "assistant", output=True),
            """output.value traceloop.entity.output langfuse.observation.output mlflow.spanOutputs
            lmnr.span.output outputs""",
        ),
    )
    return {name: field for field, names in groups for name in names.split()}


FIELDS = _table()

EVENTS: dict[str, tuple[Scope, bool]] = {
    "gen_ai.system.message": ("system", False),
    "gen_ai.user.message": ("user", False),
    "gen_ai.assistant.message": ("assistant", False),
    "gen_ai.tool.message": ("tool_output", False),
    "gen_ai.choice": ("assistant", True),
}
"""Events of the older conventions that carry one message each: whose, and whether it is output."""

MESSAGE_KEYS = frozenset(("content", "message", "tool_calls", "body", "gen_ai.event.content"))

_NUMBERED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(llm\.(?:in|out)put_messages\.\d+\.message)\.(.+)"), "openinference"),
    (re.compile(r"(gen_ai\.(?:prompt|completion)\.\d+)\.(.+)"), "traceloop"),
    (re.compile(r"(gen_ai\.(?:in|out)put\.messages\.\d+)\.(.+)"), "traceloop"),
)
_DOCUMENT = re.compile(
    r"(?:retrieval|reranker|gen_ai\.retrieval)\.(?:(?:out|in)put_)?documents\.\d+\."
    r"(?:document\.)?(?:content|metadata)"
)
_PROMPT = re.compile(r"llm\.(prompts|completions)\.\d+\.(?:prompt|completion)\.text")
_TEXT = re.compile(r"content|contents?\.\d+\.(?:message_content\.)?text|reasoning(?:_content)?")
_CALL = re.compile(r"(tool_calls\.\d+)\.(tool_call\.function\.|function\.)?arguments")
_LONGEST_KEY = 256


@lru_cache(maxsize=8192)
def field_of(key: str) -> Field | None:
    """How the attribute `key` is read; None when it carries no text of a conversation."""
    known = FIELDS.get(key)
    if known is not None or len(key) > _LONGEST_KEY:
        return known
    for pattern, _ in _NUMBERED:
        found = pattern.fullmatch(key)
        if found:
            return _numbered(found.group(1), found.group(2))
    if _DOCUMENT.fullmatch(key):
        return Field("flat", "tool_output", output=True)
    prompt = _PROMPT.fullmatch(key)
    if prompt:
        output = prompt.group(1) == "completions"
        return Field("plain", "assistant" if output else "user", output)
    return None


def _numbered(message: str, rest: str) -> Field | None:
    output = message.startswith(("llm.output", "gen_ai.completion", "gen_ai.output"))
    role = f"{message}.role"
    if _TEXT.fullmatch(rest):
        return Field("role", "assistant" if output else "user", output, role)
    call = _CALL.fullmatch(rest)
    if call:
        name = f"{message}.{call.group(1)}.{call.group(2) or ''}name"
        return Field("flat", "tool_input", output, tool_key=name)
    if rest == "function_call_arguments_json":
        return Field("flat", "tool_input", output, tool_key=f"{message}.function_call_name")
    return None


__all__ = ["EVENTS", "FIELDS", "MESSAGE_KEYS", "Field", "field_of"]
