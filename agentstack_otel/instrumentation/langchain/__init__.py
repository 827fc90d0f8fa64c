# SPDX-License-Identifier: Apache-2.0
"""Traces LangChain and LangGraph without a change to the user's code.

One tree per run: `invoke_workflow` or `invoke_agent` at the top, below it nodes, conditional
edges, model calls, tools, retrievals and embeddings, in the GenAI semantic conventions.
"""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import (  # type: ignore[attr-defined]  # hidden from mypy
    BaseInstrumentor,
)

from agentstack_otel.capturing import records_content
from agentstack_otel.version import __version__

if TYPE_CHECKING:
    from agentstack_otel.instrumentation.langchain.patches import Patches
    from agentstack_otel.instrumentation.langchain.recorder import Recorder

_SCOPE: Final = "agentstack_otel.instrumentation.langchain"


class AgentStackLangChainInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # as above
    """`instrument(tracer_provider=None, content=None, replace_rivals=None)`.

    content: False keeps messages, arguments, results and documents out of spans; None (default)
        asks `AGENTSTACK_CONTENT` (`none` = False; scrubbing happens in the exporter).
    replace_rivals: True (default) keeps handlers of other LangChain instrumentors out; False
        gives way to them. None: True unless `OTEL_PYTHON_DISTRO` names another distribution.
    """

    _recorder: Recorder | None = None
    _patches: Patches | None = None

    def instrumentation_dependencies(self) -> Collection[str]:
        """Returns what must be installed for this instrumentor to make sense."""
        return ("langchain-core >= 1.0, < 2",)

    def _instrument(self, **kwargs: Any) -> None:
        # Imported here: loading the entry point of a program without LangChain costs nothing.
        from agentstack_otel.instrumentation.langchain.attributes import SCHEMA_URL
        from agentstack_otel.instrumentation.langchain.patches import Patches
        from agentstack_otel.instrumentation.langchain.recorder import Recorder

        tracer = trace.get_tracer(
            _SCOPE, __version__, kwargs.get("tracer_provider"), schema_url=SCHEMA_URL
        )
        content, replace = kwargs.get("content"), kwargs.get("replace_rivals")
        recorder = Recorder(tracer, content=records_content() if content is None else content)
        self._recorder = recorder
        self._patches = Patches(recorder, replace_rivals=_ours() if replace is None else replace)
        self._patches.apply()
        atexit.register(recorder.tree.abandon_all)
        if hasattr(os, "register_at_fork"):
            # The parent goes on with its runs; a child that also ended them would double spans.
            forget = weakref.WeakMethod(recorder.tree.forget_all)
            os.register_at_fork(after_in_child=lambda: (alive := forget()) and alive())

    def _uninstrument(self, **_: Any) -> None:
        if self._patches is not None:
            self._patches.undo()
        if self._recorder is not None:
            atexit.unregister(self._recorder.tree.abandon_all)
            self._recorder.tree.abandon_all()
        self._patches = self._recorder = None


def _ours() -> bool:
    return os.environ.get("OTEL_PYTHON_DISTRO", "agentstack") in {"", "agentstack"}
