# SPDX-License-Identifier: Apache-2.0
"""Wrappers that make a run's span current in user code and end runs LangChain forgets.

Every factory takes (original, recorder) and returns a function with the original's signature.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from agentstack_otel.instrumentation.langchain import chains
from agentstack_otel.instrumentation.langchain.context import (
    Active,
    Scope,
    async_steps,
    current_scope,
    steps,
)
from agentstack_otel.instrumentation.langchain.recorder import Recorder, guarded
from agentstack_otel.instrumentation.langchain.spans import Run

_Function = Callable[..., Any]
_Factory = Callable[[_Function, Recorder], _Function]


def config_context(original: _Function, recorder: Recorder) -> _Function:
    """`_set_config_context`: runs inside the throwaway context copy that user code gets."""

    @functools.wraps(original)
    def _set_config_context(config: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(config, *args, **kwargs)
        context = _context_of(config.get("callbacks"), "parent_run_id", recorder)
        if context is not None:
            otel_context.attach(context)
        return result

    return _set_config_context


def stream(kind: str) -> _Factory:
    """A generator method that starts a run of this kind in its first step."""

    def factory(original: _Function, _: Recorder) -> _Function:
        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            return steps(lambda: original(self, *args, **kwargs), Scope(kind, self))

        return method

    return factory


def astream(kind: str) -> _Factory:
    """The same for an async generator method."""

    def factory(original: _Function, _: Recorder) -> _Function:
        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            scope = Scope(kind, self, asynchronous=True)
            return async_steps(lambda: original(self, *args, **kwargs), scope)

        return method

    return factory


def call(kind: str, owner: str = "") -> _Factory:
    """A method that starts one run of this kind; `owner` names the attribute the scope carries."""

    def factory(original: _Function, _: Recorder) -> _Function:
        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            with Scope(kind, getattr(self, owner) if owner else self):
                return original(self, *args, **kwargs)

        return method

    return factory


def acall(kind: str, owner: str = "") -> _Factory:
    """The same for a coroutine method; a cancelled run is ended here, as LangChain does not."""

    def factory(original: _Function, recorder: Recorder) -> _Function:
        @functools.wraps(original)
        async def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            scope = Scope(kind, getattr(self, owner) if owner else self, asynchronous=True)
            with scope:
                try:
                    return await original(self, *args, **kwargs)
                except Exception:
                    raise
                except BaseException as error:
                    _abort(recorder, scope.run, error)
                    raise

        return method

    return factory


def branch_taken(original: _Function, recorder: Recorder) -> _Function:
    """`BranchSpec._finish`: knows the branch also when the edge's function sends no callbacks."""

    @functools.wraps(original)
    def _finish(self: Any, writer: Any, input: Any, result: Any, config: Any) -> Any:
        _record_silent_edge(recorder, result, config)
        return original(self, writer, input, result, config)

    return _finish


@guarded
def _record_silent_edge(recorder: Recorder, result: Any, config: Any) -> None:
    scope = current_scope()
    if scope is None or scope.kind != "edge" or scope.run is not None:
        return
    node = recorder.tree.get(getattr(config.get("callbacks"), "parent_run_id", None))
    if node is None or not is_instrumentation_enabled():
        return
    targets = chains.edge_targets(result, scope.owner)
    recorder.tracer.start_span(
        chains.edge_name(node.name, targets),
        context=node.context,
        start_time=scope.started_at,
        attributes=chains.edge_attributes(node, targets),
    ).end()


def generate(original: _Function, recorder: Recorder) -> _Function:
    """A model's own work, done in the context the callback ran in: there is no copy to use."""

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        with Active(_context_of(_manager(args, kwargs), "run_id", recorder)):
            return original(self, *args, **kwargs)

    return method


def agenerate(original: _Function, recorder: Recorder) -> _Function:
    """The same for a coroutine; a cancelled call is ended here, as LangChain does not."""

    @functools.wraps(original)
    async def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        manager = _manager(args, kwargs)
        with Active(_context_of(manager, "run_id", recorder)):
            try:
                return await original(self, *args, **kwargs)
            except Exception:
                raise
            except BaseException as error:
                _abort(recorder, recorder.tree.get(getattr(manager, "run_id", None)), error)
                raise

    return method


def _manager(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # Third argument of `_generate_with_cache`, a list of them in `_generate_helper`: one request
    # can carry several prompts, and its work then counts for the first.
    found = kwargs.get("run_manager") or kwargs.get("run_managers")
    if found is None and len(args) > 2:
        found = args[2]
    return (found[0] if found else None) if isinstance(found, list) else found


def _context_of(manager: Any, attribute: str, recorder: Recorder) -> Context | None:
    run = recorder.tree.get(getattr(manager, attribute, None))
    return run.context if run is not None else None


@guarded
def _abort(recorder: Recorder, run: Run | None, error: BaseException) -> None:
    if run is not None:
        recorder.fail(run.id, error)
