# SPDX-License-Identifier: Apache-2.0
"""Embedding calls. LangChain has no callback for them, so classes are wrapped as they are defined.

Only subclasses of `Embeddings` defined after instrumenting are seen; with lazy hooks that is
every one, because the base class is imported first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Span, SpanKind

from agentstack_otel.instrumentation.langchain import attributes as names
from agentstack_otel.instrumentation.langchain import inner, spans
from agentstack_otel.instrumentation.langchain.context import Active
from agentstack_otel.instrumentation.langchain.recorder import Recorder, guarded

_SYNC: Final = ("embed_documents", "embed_query")
_ASYNC: Final = ("aembed_documents", "aembed_query")


def init_subclass(owner: type, recorder: Recorder, active: Callable[[], bool]) -> Any:
    """Returns an `__init_subclass__` that wraps the embedding methods a new class defines."""

    def __init_subclass__(cls: Any, **kwargs: Any) -> None:  # noqa: N807 - it is one
        super(owner, cls).__init_subclass__(**kwargs)  # type: ignore[arg-type]  # cls is the class
        for name in _SYNC:
            if name in cls.__dict__:
                setattr(cls, name, _sync(cls.__dict__[name], recorder, active))
        for name in _ASYNC:
            if name in cls.__dict__:
                setattr(cls, name, _async(cls.__dict__[name], recorder, active))

    return classmethod(__init_subclass__)  # type: ignore[arg-type]  # mypy reads `cls` as self


def _sync(original: Callable[..., Any], recorder: Recorder, active: Callable[[], bool]) -> Any:
    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not active():
            return original(self, *args, **kwargs)
        with _Embedding(recorder, self) as embedding:
            return embedding.answered(original(self, *args, **kwargs))

    return method


def _async(original: Callable[..., Any], recorder: Recorder, active: Callable[[], bool]) -> Any:
    @functools.wraps(original)
    async def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not active():
            return await original(self, *args, **kwargs)
        with _Embedding(recorder, self) as embedding:
            return embedding.answered(await original(self, *args, **kwargs))

    return method


# Set while an embedding call runs: `embed_query` often calls `embed_documents`.
_INSIDE: Final = otel_context.create_key("agentstack-langchain-embedding")
_MODEL_KEYS: Final = ("model", "model_name", "model_id", "deployment", "repo_id")


class _Embedding:
    """One embedding call: its span, current inside; a no-op when nested or suppressed."""

    def __init__(self, recorder: Recorder, embedder: Any) -> None:
        self._span: Span | None = None
        self._active = Active(None)
        self._open(recorder, embedder)

    @guarded
    def _open(self, recorder: Recorder, embedder: Any) -> None:
        if otel_context.get_value(_INSIDE) or not is_instrumentation_enabled():
            return
        found = _attributes(embedder)
        name = f"embeddings {found.get(names.REQUEST_MODEL, '')}".strip()
        self._span = recorder.tracer.start_span(name, kind=SpanKind.CLIENT, attributes=found)
        context = trace.set_span_in_context(self._span)
        context = inner.has_embedding_span(context)
        self._active = Active(otel_context.set_value(_INSIDE, True, context))

    def __enter__(self) -> _Embedding:
        self._active.__enter__()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        self._active.__exit__(kind, error, traceback)
        if self._span is not None:
            self._close(self._span, error)

    @guarded
    def _close(self, span: Span, error: BaseException | None) -> None:
        try:
            if error is not None:
                spans.record_failure(span, error)
        finally:
            span.end()

    def answered(self, vectors: Any) -> Any:
        """Notes the vectors' size and returns them as they are."""
        self._measure(vectors)
        return vectors

    @guarded
    def _measure(self, vectors: Any) -> None:
        if self._span is None or not self._span.is_recording() or not len(vectors):
            return
        first = vectors[0]
        size = len(vectors) if isinstance(first, (int, float)) else len(first)
        self._span.set_attribute(names.EMBEDDINGS_DIMENSION_COUNT, size)


def _attributes(embedder: Any) -> dict[str, Any]:
    found: dict[str, Any] = {names.OPERATION_NAME: "embeddings"}
    provider = type(embedder).__name__.removesuffix("Embeddings").lower()
    if provider:
        found[names.PROVIDER_NAME] = provider
    for key in _MODEL_KEYS:
        value = getattr(embedder, key, None)
        if isinstance(value, str) and value:
            found[names.REQUEST_MODEL] = value
            break
    run = spans.current_run()
    if run is not None and run.conversation:
        found[names.CONVERSATION_ID] = run.conversation
    if run is not None and run.agent:
        found[names.AGENT_NAME] = run.agent
    return found
