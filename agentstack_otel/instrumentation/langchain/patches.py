# SPDX-License-Identifier: Apache-2.0
"""The places of LangChain and LangGraph this instrumentor wraps, each when it is first imported.

A program that never imports LangChain pays nothing, and nothing is imported on its behalf. A
place that has moved in some version is logged and left alone: the rest goes on working.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import wrapt

from agentstack_otel.instrumentation.langchain import wrappers
from agentstack_otel.instrumentation.langchain.recorder import Recorder

_log: Final = logging.getLogger("agentstack.langchain")
_Make = Callable[..., Any]

_CHAT: Final = "langchain_core.language_models.chat_models"
_TEXT: Final = "langchain_core.language_models.llms"
# module, class ('' = the module itself), attribute, wrapper factory
_PLACES: Final[tuple[tuple[str, str, str, _Make], ...]] = (
    ("langchain_core.runnables.config", "", "_set_config_context", wrappers.config_context),
    ("langgraph._internal._runnable", "", "_set_config_context", wrappers.config_context),
    ("langgraph.pregel.main", "Pregel", "stream", wrappers.stream("graph")),
    ("langgraph.pregel.main", "Pregel", "astream", wrappers.astream("graph")),
    ("langgraph.graph._branch", "BranchSpec", "_route", wrappers.call("edge", "ends")),
    ("langgraph.graph._branch", "BranchSpec", "_aroute", wrappers.acall("edge", "ends")),
    ("langgraph.graph._branch", "BranchSpec", "_finish", wrappers.branch_taken),
    (_CHAT, "BaseChatModel", "stream", wrappers.stream("llm")),
    (_CHAT, "BaseChatModel", "astream", wrappers.astream("llm")),
    (_CHAT, "BaseChatModel", "_generate_with_cache", wrappers.generate),
    (_CHAT, "BaseChatModel", "_agenerate_with_cache", wrappers.agenerate),
    (_TEXT, "BaseLLM", "stream", wrappers.stream("llm")),
    (_TEXT, "BaseLLM", "astream", wrappers.astream("llm")),
    (_TEXT, "BaseLLM", "_generate_helper", wrappers.generate),
    (_TEXT, "BaseLLM", "_agenerate_helper", wrappers.agenerate),
    ("langchain_core.tools.base", "BaseTool", "arun", wrappers.acall("tool")),
    ("langchain_core.retrievers", "BaseRetriever", "invoke", wrappers.call("retriever")),
    ("langchain_core.retrievers", "BaseRetriever", "ainvoke", wrappers.acall("retriever")),
)


class Patches:
    """Applies the wrappers and takes them off again."""

    def __init__(self, recorder: Recorder, *, replace_rivals: bool) -> None:
        self._recorder = recorder
        self._replace_rivals = replace_rivals
        self._active = True
        self._done: list[tuple[Any, str, Any, Any]] = []

    def apply(self) -> None:
        """Wraps what is imported now and arranges for the rest."""
        wrapt.register_post_import_hook(self._managers, "langchain_core.callbacks.base")
        wrapt.register_post_import_hook(self._embeddings, "langchain_core.embeddings.embeddings")
        for module in dict.fromkeys(place[0] for place in _PLACES):
            wrapt.register_post_import_hook(self._module, module)

    def undo(self) -> None:
        """Puts the originals back; where somebody wrapped ours, ours only stops acting."""
        self._active = False
        for owner, name, original, ours in reversed(self._done):
            if owner.__dict__.get(name) is ours:
                if original is None:
                    delattr(owner, name)
                else:
                    setattr(owner, name, original)
        self._done.clear()

    def _module(self, module: ModuleType) -> None:
        for name, owner, attribute, make in _PLACES:
            if name == module.__name__:
                self._wrap(getattr(module, owner, None) if owner else module, attribute, make)

    def _managers(self, module: ModuleType) -> None:
        if not self._active:
            return
        # Imported here: the handler is a subclass of a class of the module just loaded.
        from agentstack_otel.instrumentation.langchain.handler import AgentStackCallbackHandler
        from agentstack_otel.instrumentation.langchain.managers import Membership

        handler = AgentStackCallbackHandler(self._recorder)
        member = Membership(handler, replace_rivals=self._replace_rivals)
        manager = getattr(module, "BaseCallbackManager", None)
        for attribute, make in (
            ("__init__", member.joins_after),
            ("set_handlers", member.joins_after),
            ("add_handler", member.arbitrates),
        ):
            self._wrap(manager, attribute, lambda original, _recorder, make=make: make(original))

    def _embeddings(self, module: ModuleType) -> None:
        from agentstack_otel.instrumentation.langchain.embeddings import init_subclass

        owner = getattr(module, "Embeddings", None)
        if self._active and owner is not None and "__init_subclass__" not in owner.__dict__:
            ours = init_subclass(owner, self._recorder, lambda: self._active)
            owner.__init_subclass__ = ours
            self._done.append(
                (owner, "__init_subclass__", None, owner.__dict__["__init_subclass__"])
            )

    def _wrap(self, owner: Any, attribute: str, make: _Make) -> None:
        if not self._active:
            return
        original = getattr(owner, attribute, None)
        if original is None:
            _log.warning("LangChain has no %s here: its spans may be incomplete", attribute)
            return
        ours = make(original, self._recorder)
        setattr(owner, attribute, ours)
        self._done.append((owner, attribute, original, ours))
