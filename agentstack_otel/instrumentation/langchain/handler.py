# SPDX-License-Identifier: Apache-2.0
"""LangChain callbacks → spans. One handler object serves every run of the process."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks.base import BaseCallbackHandler
from opentelemetry import context as otel_context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import SpanKind, Status, StatusCode

from agentstack_otel.instrumentation.langchain import attributes as names
from agentstack_otel.instrumentation.langchain import chains, content, inner, llm, serialize
from agentstack_otel.instrumentation.langchain.context import current_scope, unclaimed
from agentstack_otel.instrumentation.langchain.recorder import Origin, Recorder, guarded
from agentstack_otel.instrumentation.langchain.serialize import to_json, to_text
from agentstack_otel.instrumentation.langchain.spans import Run


class AgentStackCallbackHandler(BaseCallbackHandler):
    """Translates callbacks for the recorder; switches no context itself (see `context`)."""

    # Async managers run other sync handlers in another thread with a copied context: order would
    # be lost, and a span made current there would not be current for the caller.
    run_inline = True
    raise_error = False

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __deepcopy__(self, memo: Any) -> AgentStackCallbackHandler:
        return self  # configs are copied with their handlers; the tree must stay one

    # --- chains: graphs, nodes, edges, steps -------------------------------------------------

    @guarded
    def on_chain_start(self, serialized: dict[str, Any] | None, inputs: Any, **kwargs: Any) -> None:
        """Opens a span for a graph, node, edge or named step; hides internals."""
        if not is_instrumentation_enabled():
            return
        origin = Origin.of(kwargs)
        graph, edge = unclaimed("graph"), unclaimed("edge")
        parent = self.recorder.tree.get(origin.parent_run_id)
        chain = chains.classify(
            kwargs.get("name") or _name(serialized),
            origin.tags,
            origin.metadata,
            parent,
            graph=graph.owner if graph else None,
            edge=edge is not None,
            run_type=kwargs.get("run_type"),
        )
        found = chains.attributes(chain, origin.metadata, parent) if chain.span_name else {}
        agent = chain.name if chain.kind == chains.AGENT else None
        run = self.recorder.start(
            origin, chain.kind, chain.name, chain.span_name, found, agent=agent
        )
        if edge is not None:
            run.edge_ends = edge.owner
        if claimed := graph or edge:
            claimed.bind(run)
        elif chain.kind == chains.NODE:
            run.namespace = chains.namespace(origin.metadata)
            _activate_without_task_context(run)
        if graph is not None and getattr(inputs, "resume", None) is not None:
            run.span.set_attribute(names.GRAPH_RESUMED, True)
        if run.recording and self.recorder.content:
            run.span.set_attributes(content.of_input(chain.kind, inputs))

    @guarded
    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        """Ends a chain's span with its output, or the branch an edge took."""
        run = self.recorder.end(kwargs["run_id"], lambda run: self._chain_output(run, outputs))
        if run is not None and run.kind == chains.NODE:
            chains.forget_failures(run)

    def _chain_output(self, run: Run, outputs: Any) -> None:
        if run.kind == chains.EDGE:
            targets = chains.edge_targets(outputs, run.edge_ends)
            source = run.parent.name if run.parent is not None else ""
            run.span.set_attribute(names.GRAPH_EDGE_TARGET, ",".join(targets))
            run.span.update_name(chains.edge_name(source, targets))
            return
        if run.interrupts:
            self.recorder.interrupted(run, run.interrupts)
        if self.recorder.content:
            run.span.set_attributes(content.of_output(run.kind, outputs))

    @guarded
    def on_chain_error(self, error: BaseException, **kwargs: Any) -> None:
        """Ends a chain's span as failed, interrupted, cancelled or dropped."""
        run = self.recorder.fail(kwargs["run_id"], error)
        if run is not None and run.kind == chains.NODE:
            chains.count_failure(run)

    # --- models ------------------------------------------------------------------------------

    @guarded
    def on_chat_model_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002 - LangChain's signature
        messages: list[list[Any]],
        **kwargs: Any,
    ) -> None:
        """Opens a chat span, whether or not the model's name is known."""
        self._model("chat", messages[0] if messages else (), kwargs)

    @guarded
    def on_llm_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002 - LangChain's signature
        prompts: list[str],
        **kwargs: Any,
    ) -> None:
        """Opens a text completion span."""
        self._model("text_completion", prompts, kwargs)

    def _model(self, operation: str, conversation: Sequence[Any], kwargs: dict[str, Any]) -> None:
        if not is_instrumentation_enabled():
            return
        origin, params = Origin.of(kwargs), kwargs.get("invocation_params") or {}
        found = llm.request_attributes(operation, params, origin.metadata)
        name = f"{operation} {found.get(names.REQUEST_MODEL, '')}".strip()
        run = self.recorder.start(origin, "llm", name, name, found, span_kind=SpanKind.CLIENT)
        run.context = inner.has_inference_span(run.context)
        if scope := unclaimed("llm"):
            scope.bind(run)
        if run.recording and self.recorder.content:
            run.span.set_attributes(llm.request_content(conversation, params))

    @guarded
    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:  # noqa: ARG002 - as above
        """Notes when the first chunk came."""
        self._first_chunk(kwargs)

    @guarded
    def on_stream_event(self, event: Any, **kwargs: Any) -> None:
        """The same for the content-block protocol, whose first event carries no content yet."""
        if isinstance(event, dict) and event.get("event") != "message-start":
            self._first_chunk(kwargs)

    def _first_chunk(self, kwargs: dict[str, Any]) -> None:
        run = self.recorder.tree.get(kwargs["run_id"])
        if run is not None and not run.streaming:
            run.streaming = True
            waited = time.perf_counter() - run.started
            run.span.set_attribute(names.REQUEST_STREAM, True)
            run.span.set_attribute(names.RESPONSE_TIME_TO_FIRST_CHUNK, waited)

    @guarded
    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        """Ends a model span with answer, tokens and reasons."""
        self.recorder.end(kwargs["run_id"], lambda run: self._answer(run, response))

    @guarded
    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        """Ends a model span as failed, keeping what had already been streamed."""
        run = self.recorder.tree.get(kwargs["run_id"])
        if run is not None and run.recording and kwargs.get("response") is not None:
            self._answer(run, kwargs["response"])
        self.recorder.fail(kwargs["run_id"], error)

    @guarded
    def _answer(self, run: Run, response: Any) -> None:
        found = llm.response_attributes(response, content=self.recorder.content)
        run.span.set_attributes(found)

    # --- tools -------------------------------------------------------------------------------

    @guarded
    def on_tool_start(
        self, serialized: dict[str, Any] | None, input_str: str, **kwargs: Any
    ) -> None:
        """Opens a tool span."""
        if not is_instrumentation_enabled():
            return
        about = serialized or {}
        name = str(about.get("name") or kwargs.get("name") or "tool")
        found = {
            names.OPERATION_NAME: "execute_tool",
            names.TOOL_NAME: name,
            names.TOOL_TYPE: "function",
        }
        if about.get("description"):
            found[names.TOOL_DESCRIPTION] = str(about["description"])
        if kwargs.get("tool_call_id"):
            found[names.TOOL_CALL_ID] = str(kwargs["tool_call_id"])
        run = self.recorder.start(Origin.of(kwargs), "tool", name, f"execute_tool {name}", found)
        if scope := unclaimed("tool"):
            scope.bind(run)
        if run.recording and self.recorder.content:
            inputs = kwargs.get("inputs")
            arguments = to_text(inputs if inputs is not None else input_str)
            run.span.set_attribute(names.TOOL_CALL_ARGUMENTS, arguments)

    @guarded
    def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        """Ends a tool span with its result; a ToolMessage with status "error" is a failure."""
        self.recorder.end(kwargs["run_id"], lambda run: self._tool_result(run, output))

    def _tool_result(self, run: Run, output: Any) -> None:
        answer = getattr(output, "content", output)
        if getattr(output, "tool_call_id", None):
            run.span.set_attribute(names.TOOL_CALL_ID, str(output.tool_call_id))
        if self.recorder.content:
            run.span.set_attribute(names.TOOL_CALL_RESULT, to_text(answer))
        if getattr(output, "status", None) == "error":
            reason = to_text(answer, 1024) if self.recorder.content else "tool reported an error"
            run.span.set_attribute(names.ERROR_TYPE, "tool_error")
            run.span.set_status(Status(StatusCode.ERROR, reason))

    @guarded
    def on_tool_error(self, error: BaseException, **kwargs: Any) -> None:
        """Ends a tool span as failed."""
        self.recorder.fail(kwargs["run_id"], error)

    # --- retrievers --------------------------------------------------------------------------

    @guarded
    def on_retriever_start(
        self, serialized: dict[str, Any] | None, query: str, **kwargs: Any
    ) -> None:
        """Opens a retrieval span."""
        if not is_instrumentation_enabled():
            return
        name = str(kwargs.get("name") or _name(serialized) or "retriever")
        found: dict[str, Any] = {names.OPERATION_NAME: "retrieval", names.DATA_SOURCE_ID: name}
        label = f"retrieval {name}"
        run = self.recorder.start(
            Origin.of(kwargs), "retriever", name, label, found, span_kind=SpanKind.CLIENT
        )
        if scope := unclaimed("retriever"):
            scope.bind(run)
        if run.recording and self.recorder.content:
            run.span.set_attribute(names.RETRIEVAL_QUERY_TEXT, to_text(query))

    @guarded
    def on_retriever_end(self, documents: Sequence[Any], **kwargs: Any) -> None:
        """Ends a retrieval span with the documents and their scores."""
        self.recorder.end(kwargs["run_id"], lambda run: self._documents(run, documents))

    def _documents(self, run: Run, documents: Sequence[Any]) -> None:
        run.span.set_attribute(names.RETRIEVAL_COUNT, len(documents))
        if self.recorder.content:
            found = [serialize.document(d) for d in documents]
            run.span.set_attribute(names.RETRIEVAL_DOCUMENTS, to_json(found))

    @guarded
    def on_retriever_error(self, error: BaseException, **kwargs: Any) -> None:
        """Ends a retrieval span as failed."""
        self.recorder.fail(kwargs["run_id"], error)

    # --- events on an open run ---------------------------------------------------------------

    @guarded
    def on_retry(self, retry_state: Any, **kwargs: Any) -> None:
        """Notes a retry inside one run (model clients retry below the callbacks)."""
        run = self.recorder.tree.get(kwargs["run_id"])
        if run is None or not run.recording:
            return
        found: dict[str, Any] = {names.RETRY_ATTEMPT: int(retry_state.attempt_number)}
        outcome = getattr(retry_state, "outcome", None)
        error = outcome.exception() if outcome is not None and outcome.failed else None
        if error is not None:
            found[names.ERROR_TYPE] = type(error).__qualname__
        run.span.add_event("retry", found)

    @guarded
    def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
        """Keeps the user's own `dispatch_custom_event` as a span event."""
        run = self.recorder.tree.get(kwargs["run_id"])
        if run is not None and run.span.is_recording():
            found = {names.CUSTOM_EVENT_DATA: to_text(data)} if self.recorder.content else {}
            run.span.add_event(name, found)

    @guarded
    def on_interrupt(self, event: Any) -> None:
        """A graph paused for a human: an event and a mark, not an error."""
        run = self.recorder.tree.get(event.run_id)
        if run is not None and run.recording:
            self.recorder.interrupted(run, event.interrupts, str(event.status))

    @guarded
    def on_resume(self, event: Any) -> None:
        """A paused graph goes on."""
        run = self.recorder.tree.get(event.run_id)
        if run is not None and run.recording:
            run.span.set_attribute(names.GRAPH_RESUMED, True)
            run.span.add_event("langgraph.resume", {"langgraph.checkpoint_id": event.checkpoint_id})


def _name(serialized: dict[str, Any] | None) -> str | None:
    about = serialized or {}
    path = about.get("id")
    return about.get("name") or (str(path[-1]) if isinstance(path, list) and path else None)


def _activate_without_task_context(run: Run) -> None:
    # Before 3.11 asyncio cannot start a task in a given context: LangGraph then runs an async
    # node in the task it made for that node alone, where the span may stay current to the end.
    scope = current_scope()
    if sys.version_info < (3, 11) and scope is not None and scope.asynchronous:
        otel_context.attach(run.context)
