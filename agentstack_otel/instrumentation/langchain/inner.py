# SPDX-License-Identifier: Apache-2.0
"""Tells provider instrumentors that the call they are about to trace has its span already.

A LangChain model calls OpenAI's or Anthropic's client, whose own instrumentor would add a second
`chat` span with the same tokens. The official ones (`opentelemetry-util-genai`) look for a value
in the context and stay silent when they find it; this sets it, if that package is in use at all.
"""

from __future__ import annotations

import sys
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context

_UTIL: Final = "opentelemetry.util.genai.invocation"


def has_inference_span(context: Context) -> Context:
    """Returns the context for code inside a model call."""
    return _with(context, "CLIENT_INFERENCE_CONTEXT_KEY", "InferenceData")


def has_embedding_span(context: Context) -> Context:
    """Returns the context for code inside an embedding call."""
    return _with(context, "CLIENT_EMBEDDING_CONTEXT_KEY", "EmbeddingData")


def _with(context: Context, key: str, data: str) -> Context:
    util = sys.modules.get(_UTIL)
    name, kind = getattr(util, key, None), getattr(util, data, None)
    if name is None or kind is None:
        return context
    return otel_context.set_value(name, kind(), context)
