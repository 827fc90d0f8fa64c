# SPDX-License-Identifier: Apache-2.0
"""Which attributes carry content: what people and models said, what tools were given and returned.

`AGENTSTACK_CONTENT` decides what becomes of them:

=========== ===================================================================================
`none`      not recorded, and dropped from spans of foreign instrumentors
`scrubbed`  kept, with secrets and personal data replaced by markers (the default)
`full`      kept as they are
=========== ===================================================================================

Names come from the GenAI semantic conventions and from the dialects in use. Not content, on
purpose: names, models, counts, identifiers, and `exception.message` / `exception.stacktrace`. A
failure must stay explicable under `none` too; those two are always scrubbed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from agentstack_processors.verdicts import ConfigError

MODES = ("none", "scrubbed", "full")

_KEYS = frozenset(  # a table of words reads better than ninety quoted strings
    """
    gen_ai.input.messages gen_ai.output.messages gen_ai.system_instructions
    gen_ai.tool.definitions gen_ai.tool.call.arguments gen_ai.tool.call.result
    gen_ai.retrieval.query.text gen_ai.retrieval.documents gen_ai.memory.query.text
    gen_ai.memory.records gen_ai.evaluation.explanation gen_ai.task.input gen_ai.task.output
    gen_ai.prompt gen_ai.completion gen_ai.event.content gen_ai.content.prompt
    gen_ai.content.completion gen_ai.tool.input gen_ai.tool.output gen_ai.tool.arguments
    gen_ai.tool.result gen_ai.tool.message gen_ai.agent.input gen_ai.agent.output

    input.value output.value llm.prompts llm.choices llm.completions llm.function_call
    llm.prompt_template.template llm.prompt_template.variables retrieval.documents
    embedding.text embedding.vector embedding.embeddings reranker.query document.content
    tool.parameters tool.input tool.output tool_call.function.arguments message.content
    message.contents

    traceloop.entity.input traceloop.entity.output traceloop.prompt.template_variables
    llm.request.functions

    ai.prompt ai.prompt.messages ai.prompt.tools ai.prompt.toolChoice ai.response.text
    ai.response.object ai.response.toolCalls ai.response.reasoning ai.response.files
    ai.response.messages ai.toolCall.args ai.toolCall.result ai.toolCall.input ai.toolCall.output
    ai.value ai.values ai.embedding ai.embeddings ai.documents ai.result.text ai.result.object
    ai.result.toolCalls ai.schema

    langsmith.inputs langsmith.outputs inputs outputs
    langfuse.observation.input langfuse.observation.output langfuse.trace.input
    langfuse.trace.output mlflow.spanInputs mlflow.spanOutputs lmnr.span.input lmnr.span.output

    events all_messages_events pydantic_ai.all_messages final_result tool_arguments tool_response
    request_data response_data return

    gcp.vertex.agent.llm_request gcp.vertex.agent.llm_response gcp.vertex.agent.tool_call_args
    gcp.vertex.agent.tool_response gcp.vertex.agent.data

    langgraph.interrupt.values langchain.custom_event.data
    crewai.crew.inputs crewai.task.description crewai.task.output crew_inputs crew_result
    http.request.body http.response.body
    """.split()  # noqa: SIM905  # see above
)
_PREFIXES = tuple(
    """
    gen_ai.input.messages. gen_ai.output.messages. gen_ai.prompt.variable.
    gen_ai.completion. gen_ai.choice. gen_ai.system_instructions.
    gen_ai.tool.call.arguments. gen_ai.tool.call.result. llm.input_messages.
    llm.output_messages. llm.prompts. llm.completions. llm.choices.
    llm.prompt_template.variables. llm.tools. llm.request.functions. retrieval.documents.
    reranker.input_documents. reranker.output_documents. embedding.embeddings.
    message.contents. message_content. message.tool_calls.
    traceloop.prompt.template_variables. ai.prompt. ai.response.toolCalls.
    mlflow.spanInputs. mlflow.spanOutputs.
    """.split()  # noqa: SIM905  # see above
)
# gen_ai.prompt.0.content is a message of an older generation; gen_ai.prompt.name is a name.
_NUMBERED = re.compile(r"gen_ai\.prompt\.[0-9]+\.")
# Span events and log records that carried one message each before the conventions of 1.37.
_EVENTS = re.compile(r"gen_ai\.(?:(?:system|user|assistant|tool)\.message|choice|content\.\w+)\Z")
_EVENT_KEYS = frozenset(("content", "message", "tool_calls", "body", "id", "arguments"))


@lru_cache(maxsize=4096)
def is_content(key: str) -> bool:
    """Whether an attribute of this name carries content."""
    return (
        key in _KEYS
        or key.startswith(_PREFIXES)
        or (key.startswith("gen_ai.prompt.") and _NUMBERED.match(key) is not None)
    )


def is_event_content(event: str, key: str) -> bool:
    """Whether attribute `key` of a span event or log record named `event` carries content."""
    return is_content(key) or (key in _EVENT_KEYS and _EVENTS.match(event) is not None)


@dataclass(frozen=True)
class ContentPolicy:
    """What `AGENTSTACK_CONTENT` says.

    Attributes:
        mode: One of `none`, `scrubbed`, `full`.
    """

    mode: str = "scrubbed"

    def validate(self) -> None:
        """Raises ConfigError for a mode that does not exist."""
        if self.mode not in MODES:
            raise ConfigError(f"AGENTSTACK_CONTENT={self.mode!r}: use none, scrubbed or full")

    @property
    def records(self) -> bool:
        """Whether instrumentors should record content at all."""
        return self.mode != "none"

    def drops(self, key: str) -> bool:
        """Whether the attribute `key` must not leave the process."""
        return self.mode == "none" and is_content(key)

    def leaves_alone(self, key: str) -> bool:
        """Whether the attribute `key` is sent without being scrubbed."""
        return self.mode == "full" and is_content(key)
