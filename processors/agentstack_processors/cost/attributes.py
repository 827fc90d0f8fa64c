# SPDX-License-Identifier: Apache-2.0
"""Which attributes say what a call used and how it was made, in every dialect.

Counts that have a column in `spans` come from the dialect table; the rest are read from here only.
"""

from __future__ import annotations

from typing import Final

from agentstack_processors.semconv import attributes as a
from agentstack_processors.semconv.dialects import COLUMNS

CACHE_WRITE: Final = (
    a.USAGE_CACHE_WRITE_INPUT_TOKENS,
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.cache_write_input_tokens",
    "gen_ai.usage.details.cache_write_tokens",
    "gen_ai.usage.details.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
    "llm.token_count.prompt_details.cache_creation",
    "ai.usage.inputTokenDetails.cacheWriteTokens",
    "ai.usage.cacheCreationInputTokens",
)
CACHE_WRITE_1H: Final = (
    "gen_ai.usage.cache_write_1h.input_tokens",
    "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens",
    "gen_ai.usage.details.ephemeral_1h_input_tokens",
    "gen_ai.usage.details.cache_write_1h_tokens",
    "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    "llm.token_count.prompt_details.cache_write_1h",
)
CACHE_READ_MORE: Final = (
    "gen_ai.usage.details.cache_read_tokens",
    "gen_ai.usage.details.cache_read_input_tokens",
    "gen_ai.usage.details.cached_tokens",
)
INPUT_AUDIO: Final = (
    a.USAGE_AUDIO_INPUT_TOKENS,
    "gen_ai.usage.input_audio_tokens",
    "gen_ai.usage.details.input_audio_tokens",
    "llm.token_count.prompt_details.audio",
    "ai.usage.inputTokenDetails.audioTokens",
)
OUTPUT_AUDIO: Final = (
    a.USAGE_AUDIO_OUTPUT_TOKENS,
    "gen_ai.usage.output_audio_tokens",
    "gen_ai.usage.details.output_audio_tokens",
    "llm.token_count.completion_details.audio",
    "ai.usage.outputTokenDetails.audioTokens",
)
CACHE_AUDIO_READ: Final = (
    "gen_ai.usage.audio.cache_read.input_tokens",
    "gen_ai.usage.audio.cache_read",
    "gen_ai.usage.details.cache_audio_read_tokens",
)
INPUT_IMAGE: Final = (a.USAGE_IMAGE_INPUT_TOKENS, "gen_ai.usage.details.input_image_tokens")
OUTPUT_IMAGE: Final = (a.USAGE_IMAGE_OUTPUT_TOKENS, "gen_ai.usage.details.output_image_tokens")
REASONING_MORE: Final = (
    "gen_ai.usage.details.reasoning_tokens",
    "gen_ai.usage.thinking_tokens",
)
TOTAL: Final = (
    "gen_ai.usage.total_tokens",
    "llm.usage.total_tokens",
    "llm.token_count.total",
    "ai.usage.totalTokens",
)
#: LangSmith writes the parts as one JSON object each.
INPUT_DETAILS: Final = "gen_ai.usage.input_token_details"
OUTPUT_DETAILS: Final = "gen_ai.usage.output_token_details"

SERVICE_TIER: Final = (
    a.OPENAI_RESPONSE_SERVICE_TIER,
    "gen_ai.openai.response.service_tier",
    "gen_ai.response.service_tier",
    "anthropic.response.service_tier",
    "anthropic.usage.service_tier",
    "gen_ai.usage.service_tier",
    # What was asked for counts where the answer does not say what was given.
    a.OPENAI_REQUEST_SERVICE_TIER,
    "gen_ai.openai.request.service_tier",
    "gen_ai.request.service_tier",
)
BATCH: Final = (
    "gen_ai.request.batch",
    "gen_ai.batch.id",
    "openai.batch.id",
    "anthropic.batch.id",
    "gen_ai.openai.batch.id",
)
SPEED: Final = ("gen_ai.request.speed", "anthropic.request.speed", "gen_ai.response.speed")

RESPONSE_MODEL: Final = (a.RESPONSE_MODEL, "llm.response.model_name", "ai.response.model")
RESPONSE_ID: Final = (a.RESPONSE_ID, "ai.response.id", "llm.response.id", "gen_ai.response_id")
ADDRESS: Final = (a.SERVER_ADDRESS, "server.host", "gen_ai.openai.api_base", "url.full")
USER: Final = (
    a.USER_ID,
    "enduser.id",
    "gen_ai.user.id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
    "langfuse.user.id",
    "langsmith.metadata.user_id",
)

_EXTRA = (
    CACHE_WRITE, CACHE_WRITE_1H, CACHE_READ_MORE, INPUT_AUDIO, OUTPUT_AUDIO, CACHE_AUDIO_READ,
    INPUT_IMAGE, OUTPUT_IMAGE, REASONING_MORE, TOTAL, SERVICE_TIER, BATCH, SPEED, RESPONSE_MODEL,
    RESPONSE_ID, ADDRESS, USER, (INPUT_DETAILS, OUTPUT_DETAILS),
)  # fmt: skip

#: Every attribute that pricing looks at.
WANTED: Final[frozenset[str]] = frozenset(
    [name for group in _EXTRA for name in group]
    + [name for column in COLUMNS for name in column.native]
    + [key.name for column in COLUMNS for key in column.foreign]
    + [key.when[0] for column in COLUMNS for key in column.foreign if key.when]
)
#: Those of them that most spans have none of: if there is none, a call was plain.
DETAILS: Final[frozenset[str]] = frozenset(
    name for group in (*_EXTRA[: _EXTRA.index(RESPONSE_MODEL)], _EXTRA[-1]) for name in group
)

__all__ = ["DETAILS", "WANTED"]
