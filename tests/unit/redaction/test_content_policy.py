# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from agentstack_processors.redaction.content import ContentPolicy, is_content, is_event_content
from agentstack_processors.semconv.dialects import INPUT_KEYS, OUTPUT_KEYS
from agentstack_processors.verdicts import ConfigError


@pytest.mark.parametrize("key", [*INPUT_KEYS, *OUTPUT_KEYS])
def test_every_key_a_viewer_shows_as_input_or_output_is_content(key):
    assert is_content(key)


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "gen_ai.prompt.0.content",
        "gen_ai.completion.0.tool_calls.0.arguments",
        "gen_ai.prompt.variable.name",
        "llm.input_messages.0.message.content",
        "llm.output_messages.1.message.tool_calls.0.tool_call.function.arguments",
        "retrieval.documents.3.document.content",
        "ai.response.toolCalls",
        "pydantic_ai.all_messages",
        "langfuse.observation.input",
        "embedding.embeddings.0.embedding.text",
        "langgraph.interrupt.values",
        "langchain.custom_event.data",
    ],
)
def test_content_of_every_dialect_is_known(key):
    assert is_content(key)


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.operation.name",
        "gen_ai.request.model",
        "gen_ai.usage.input_tokens",
        "gen_ai.prompt.name",
        "gen_ai.prompt.version",
        "gen_ai.tool.name",
        "gen_ai.tool.call.id",
        "gen_ai.agent.name",
        "gen_ai.conversation.id",
        "exception.message",
        "service.name",
        "ai.model.id",
        "input",
    ],
)
def test_names_counts_and_failures_are_no_content(key):
    assert not is_content(key)


def test_messages_in_events_of_older_generations_are_content():
    assert is_event_content("gen_ai.user.message", "content")
    assert is_event_content("gen_ai.choice", "message")
    assert not is_event_content("gen_ai.choice", "finish_reason")
    assert not is_event_content("http.retry", "message")


@pytest.mark.parametrize(
    ("mode", "records", "drops", "leaves_alone"),
    [("none", False, True, False), ("scrubbed", True, False, False), ("full", True, False, True)],
)
def test_what_each_mode_does_with_content_and_with_the_rest(mode, records, drops, leaves_alone):
    policy = ContentPolicy(mode)
    policy.validate()
    assert policy.records is records
    assert policy.drops("gen_ai.input.messages") is drops
    assert policy.leaves_alone("gen_ai.input.messages") is leaves_alone
    assert not policy.drops("service.name")
    assert not policy.leaves_alone("service.name")


def test_a_mode_that_does_not_exist_is_refused_by_name():
    with pytest.raises(ConfigError, match="AGENTSTACK_CONTENT='some'"):
        ContentPolicy("some").validate()
