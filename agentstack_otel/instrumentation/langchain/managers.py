# SPDX-License-Identifier: Apache-2.0
"""Keeps our handler in every callback manager exactly once, and settles who traces.

Wrapping the managers, and not `register_configure_hook`, is what cannot be lost: LangGraph uses a
manager the caller built as it is, without `configure()`, and a hook would never see it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from agentstack_otel.instrumentation.langchain.handler import AgentStackCallbackHandler
from agentstack_otel.instrumentation.langchain.recorder import guarded
from agentstack_otel.instrumentation.langchain.rivals import is_rival


class Membership:
    """`replace_rivals` True: other instrumentors' handlers are kept out; False: ours gives way."""

    def __init__(self, handler: AgentStackCallbackHandler, *, replace_rivals: bool) -> None:
        self._handler = handler
        self._replace = replace_rivals
        self._stopped = False

    def joins_after(self, original: Callable[..., None]) -> Callable[..., None]:
        """Wraps a method that (re)sets a manager's handlers."""

        @functools.wraps(original)
        def method(manager: Any, *args: Any, **kwargs: Any) -> None:
            original(manager, *args, **kwargs)
            self.join(manager)

        return method

    def arbitrates(self, original: Callable[..., None]) -> Callable[..., None]:
        """Wraps `add_handler`, through which rivals inject theirs after we joined."""

        @functools.wraps(original)
        def add_handler(manager: Any, handler: Any, *args: Any, **kwargs: Any) -> None:
            if is_rival(handler):
                if self._replace:
                    return
                self._leave(manager)
            original(manager, handler, *args, **kwargs)

        return add_handler

    @guarded
    def join(self, manager: Any) -> None:
        """Adds our handler to both lists unless it is there or a rival has the manager."""
        # Every run makes several managers, and nearly all of them hold our handler or nothing.
        handlers, inheritable = manager.handlers, manager.inheritable_handlers
        if (
            len(handlers) == len(inheritable) == 1
            and handlers[0] is inheritable[0] is self._handler
        ):
            return
        if any(map(is_rival, handlers)) or any(map(is_rival, inheritable)):
            if not self._replace:
                self._leave(manager)
                return
            handlers = [h for h in handlers if not is_rival(h)]
            inheritable = [h for h in inheritable if not is_rival(h)]
        # New lists: the old ones may be the caller's own.
        manager.handlers = self._with_ours(handlers)
        manager.inheritable_handlers = self._with_ours(inheritable)

    def _with_ours(self, handlers: list[Any]) -> list[Any]:
        return handlers if any(map(_is_ours, handlers)) else [*handlers, self._handler]

    @guarded
    def _leave(self, manager: Any) -> None:
        for name in ("handlers", "inheritable_handlers"):
            found = getattr(manager, name)
            setattr(manager, name, [h for h in found if not _is_ours(h)])


def _is_ours(handler: Any) -> bool:
    return isinstance(handler, AgentStackCallbackHandler)
