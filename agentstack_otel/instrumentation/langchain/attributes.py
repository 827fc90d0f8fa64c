# SPDX-License-Identifier: Apache-2.0
"""Attribute names this instrumentor writes.

`gen_ai.*` names are the project's one vocabulary (`agentstack_processors.semconv`); `langgraph.*`
names carry what the conventions have no word for: nodes, edges, interrupts.
"""

from __future__ import annotations

from typing import Final

from agentstack_processors.semconv.attributes import (
    AGENT_NAME,
    CONVERSATION_ID,
    DATA_SOURCE_ID,
    EMBEDDINGS_DIMENSION_COUNT,
    ERROR_TYPE,
    INPUT_MESSAGES,
    OPERATION_NAME,
    OUTPUT_MESSAGES,
    OUTPUT_TYPE,
    PROVIDER_NAME,
    REQUEST_CHOICE_COUNT,
    REQUEST_FREQUENCY_PENALTY,
    REQUEST_MAX_TOKENS,
    REQUEST_MODEL,
    REQUEST_PRESENCE_PENALTY,
    REQUEST_SEED,
    REQUEST_STOP_SEQUENCES,
    REQUEST_STREAM,
    REQUEST_TEMPERATURE,
    REQUEST_TOP_K,
    REQUEST_TOP_P,
    RESPONSE_FINISH_REASONS,
    RESPONSE_ID,
    RESPONSE_MODEL,
    RESPONSE_TIME_TO_FIRST_CHUNK,
    RETRIEVAL_DOCUMENTS,
    RETRIEVAL_QUERY_TEXT,
    SYSTEM_INSTRUCTIONS,
    TOOL_CALL_ARGUMENTS,
    TOOL_CALL_ID,
    TOOL_CALL_RESULT,
    TOOL_DEFINITIONS,
    TOOL_DESCRIPTION,
    TOOL_NAME,
    TOOL_TYPE,
    USAGE_CACHE_READ_INPUT_TOKENS,
    USAGE_CACHE_WRITE_INPUT_TOKENS,
    USAGE_INPUT_TOKENS,
    USAGE_OUTPUT_TOKENS,
    USAGE_REASONING_OUTPUT_TOKENS,
    WORKFLOW_NAME,
)

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/gen-ai/1.42.0"

REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
# OpenInference's names for whatever went in and came out, which every viewer knows.
INPUT_VALUE: Final = "input.value"
OUTPUT_VALUE: Final = "output.value"

GRAPH_NODE: Final = "langgraph.node"
GRAPH_STEP: Final = "langgraph.step"
GRAPH_TRIGGERS: Final = "langgraph.triggers"
GRAPH_CHECKPOINT_NS: Final = "langgraph.checkpoint_ns"
GRAPH_EDGE_SOURCE: Final = "langgraph.edge.source"
GRAPH_EDGE_TARGET: Final = "langgraph.edge.target"
GRAPH_INTERRUPTED: Final = "langgraph.interrupted"
GRAPH_INTERRUPT_VALUES: Final = "langgraph.interrupt.values"
CUSTOM_EVENT_DATA: Final = "langchain.custom_event.data"
GRAPH_RESUMED: Final = "langgraph.resumed"
GRAPH_COMMAND: Final = "langgraph.command"
# Absent on the first try; later tries of the same task or runnable count from 2.
RETRY_ATTEMPT: Final = "agentstack.retry.attempt"
# The run was left unfinished: its stream was dropped, or it was evicted or open at exit.
RUN_ABANDONED: Final = "agentstack.run.abandoned"
RETRIEVAL_COUNT: Final = "agentstack.retrieval.document_count"

__all__ = [
    "AGENT_NAME",
    "CONVERSATION_ID",
    "CUSTOM_EVENT_DATA",
    "DATA_SOURCE_ID",
    "EMBEDDINGS_DIMENSION_COUNT",
    "ERROR_TYPE",
    "GRAPH_CHECKPOINT_NS",
    "GRAPH_COMMAND",
    "GRAPH_EDGE_SOURCE",
    "GRAPH_EDGE_TARGET",
    "GRAPH_INTERRUPTED",
    "GRAPH_INTERRUPT_VALUES",
    "GRAPH_NODE",
    "GRAPH_RESUMED",
    "GRAPH_STEP",
    "GRAPH_TRIGGERS",
    "INPUT_MESSAGES",
    "INPUT_VALUE",
    "OPERATION_NAME",
    "OUTPUT_MESSAGES",
    "OUTPUT_TYPE",
    "OUTPUT_VALUE",
    "PROVIDER_NAME",
    "REQUEST_CHOICE_COUNT",
    "REQUEST_FREQUENCY_PENALTY",
    "REQUEST_MAX_TOKENS",
    "REQUEST_MODEL",
    "REQUEST_PRESENCE_PENALTY",
    "REQUEST_REASONING_LEVEL",
    "REQUEST_SEED",
    "REQUEST_STOP_SEQUENCES",
    "REQUEST_STREAM",
    "REQUEST_TEMPERATURE",
    "REQUEST_TOP_K",
    "REQUEST_TOP_P",
    "RESPONSE_FINISH_REASONS",
    "RESPONSE_ID",
    "RESPONSE_MODEL",
    "RESPONSE_TIME_TO_FIRST_CHUNK",
    "RETRIEVAL_COUNT",
    "RETRIEVAL_DOCUMENTS",
    "RETRIEVAL_QUERY_TEXT",
    "RETRY_ATTEMPT",
    "RUN_ABANDONED",
    "SCHEMA_URL",
    "SYSTEM_INSTRUCTIONS",
    "TOOL_CALL_ARGUMENTS",
    "TOOL_CALL_ID",
    "TOOL_CALL_RESULT",
    "TOOL_DEFINITIONS",
    "TOOL_DESCRIPTION",
    "TOOL_NAME",
    "TOOL_TYPE",
    "USAGE_CACHE_READ_INPUT_TOKENS",
    "USAGE_CACHE_WRITE_INPUT_TOKENS",
    "USAGE_INPUT_TOKENS",
    "USAGE_OUTPUT_TOKENS",
    "USAGE_REASONING_OUTPUT_TOKENS",
    "WORKFLOW_NAME",
]
