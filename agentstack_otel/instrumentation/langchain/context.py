# SPDX-License-Identifier: Apache-2.0
"""Makes a run's span current in the user's code, and only there.

Callbacks cannot do it: a generator's callbacks run in its consumer's context, async ones possibly
in another task, and a token kept between start and end is then detached in the wrong place
("Failed to detach context") or never. Here a span becomes current in two ways only, and neither
keeps a token across calls:

- LangChain runs nodes, tools and lambdas in a throwaway copy of the context
  (`_set_config_context`): the span is put into that copy and dies with it.
- Around calls that have no such copy (`Pregel.stream`, `BaseChatModel._generate_with_cache`,
  retrievers) it is set before one call or one step of a generator and put back right after it.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from agentstack_otel.instrumentation.langchain.spans import Run


class Active:
    """`with Active(context):` — current inside, whatever was current before it again after."""

    __slots__ = ("_context", "_previous")

    def __init__(self, context: Context | None) -> None:
        self._context = context
        self._previous: Context | None = None

    def __enter__(self) -> None:
        self._previous = otel_context.get_current()
        if self._context is not None:
            otel_context.attach(self._context)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Setting the old value (instead of resetting a token) is right in any context, also when
        # a generator is closed by the garbage collector somewhere else.
        if self._previous is not None and otel_context.get_current() is not self._previous:
            otel_context.attach(self._previous)


class Scope:
    """One call we wrap, waiting for the callback that starts its run.

    `kind` is what that run must be; the first start of that kind inside claims the scope.
    """

    __slots__ = ("_active", "_token", "asynchronous", "kind", "owner", "run", "started_at")

    def __init__(self, kind: str, owner: Any, *, asynchronous: bool = False) -> None:
        self.kind = kind
        self.owner = owner
        self.asynchronous = asynchronous
        self.run: Run | None = None
        self.started_at = time.time_ns()
        self._token: Token[Scope | None] | None = None
        self._active = Active(None)

    def bind(self, run: Run) -> None:
        """Ties the run to this call and makes its span current until the step ends."""
        self.run = run
        otel_context.attach(run.context)

    def __enter__(self) -> Scope:
        self._active = Active(self.run.context if self.run is not None else None)
        self._active.__enter__()
        self._token = _scope.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._token is not None:
                _scope.reset(self._token)
        except ValueError:
            # Entered in another context (a generator closed elsewhere): nothing to put back here.
            pass
        finally:
            self._active.__exit__(kind, error, traceback)


_scope: ContextVar[Scope | None] = ContextVar("agentstack-langchain-scope", default=None)


def current_scope() -> Scope | None:
    """Returns the innermost wrapped call, claimed or not."""
    return _scope.get()


def unclaimed(kind: str) -> Scope | None:
    """Returns the innermost wrapped call if it still waits for a run of this kind."""
    scope = _scope.get()
    return scope if scope is not None and scope.run is None and scope.kind == kind else None


def steps(make: Callable[[], Iterator[Any]], scope: Scope) -> Generator[Any, Any, Any]:
    """Drives a generator so that its run's span is current inside each step and never between."""
    inner = make()
    try:
        while True:
            with scope:
                try:
                    item = next(inner)
                except StopIteration as stop:
                    return stop.value
            yield item
    finally:
        close = getattr(inner, "close", None)
        if close is not None:
            with scope:
                close()


async def async_steps(
    make: Callable[[], AsyncIterator[Any]], scope: Scope
) -> AsyncGenerator[Any, Any]:
    """The same for an async generator."""
    inner = make()
    if inspect.isawaitable(inner):  # an override that returns a coroutine of an iterator
        inner = await inner
    try:
        while True:
            with scope:
                try:
                    item = await inner.__anext__()
                except StopAsyncIteration:
                    return
            yield item
    finally:
        close = getattr(inner, "aclose", None)
        if close is not None:
            with scope:
                await close()
