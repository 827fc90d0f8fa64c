# SPDX-License-Identifier: Apache-2.0
"""Attribute names this instrumentor writes.

`gen_ai.*` names follow the OpenTelemetry GenAI semantic conventions (current generation);
`langgraph.*` names carry what those conventions have no word for: graph nodes, edges, interrupts.
"""

from __future__ import annotations

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/gen-ai/1.42.0"

OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
AGENT_NAME: Final = "gen_ai.agent.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
OUTPUT_TYPE: Final = "gen_ai.output.type"

REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_TOP_K: Final = "gen_ai.request.top_k"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"

RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"

USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE: Final = "gen_ai.usage.cache_write.input_tokens"
USAGE_REASONING: Final = "gen_ai.usage.reasoning.output_tokens"

# Content: written only while content capture is on.
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
RETRIEVAL_QUERY_TEXT: Final = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
INPUT_VALUE: Final = "input.value"
OUTPUT_VALUE: Final = "output.value"

TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
DATA_SOURCE_ID: Final = "gen_ai.data_source.id"
EMBEDDINGS_DIMENSION: Final = "gen_ai.embeddings.dimension.count"

ERROR_TYPE: Final = "error.type"

GRAPH_NODE: Final = "langgraph.node"
GRAPH_STEP: Final = "langgraph.step"
GRAPH_TRIGGERS: Final = "langgraph.triggers"
GRAPH_CHECKPOINT_NS: Final = "langgraph.checkpoint_ns"
GRAPH_EDGE_SOURCE: Final = "langgraph.edge.source"
GRAPH_EDGE_TARGET: Final = "langgraph.edge.target"
GRAPH_INTERRUPTED: Final = "langgraph.interrupted"
GRAPH_RESUMED: Final = "langgraph.resumed"
GRAPH_COMMAND: Final = "langgraph.command"
# 1 for the first try; later tries of the same task or runnable count up.
RETRY_ATTEMPT: Final = "agentstack.retry.attempt"
# The run was left unfinished: its stream was dropped, or it was evicted or open at exit.
RUN_ABANDONED: Final = "agentstack.run.abandoned"
RETRIEVAL_COUNT: Final = "agentstack.retrieval.document_count"
