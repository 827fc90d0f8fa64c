# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry distribution for AI agents.

Most names are loaded at their first use (PEP 562), so that `import agentstack_otel` costs next to
nothing in programs that only carry it. `init` and `observe` are not: they are called like their
modules, which would take their places.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from agentstack_otel.init import init
from agentstack_otel.observe import observe
from agentstack_otel.version import __version__

if TYPE_CHECKING:
    from agentstack_exporters.otlp.exporter import AgentStackSpanExporter
    from agentstack_processors.verdicts import ConfigError

    from agentstack_otel.lifecycle import flush, shutdown
    from agentstack_otel.runs import AgentTracer

_HOME = {
    "AgentStackSpanExporter": "agentstack_exporters.otlp.exporter",
    "AgentTracer": "agentstack_otel.runs",
    "ConfigError": "agentstack_processors.verdicts",
    "flush": "agentstack_otel.lifecycle",
    "shutdown": "agentstack_otel.lifecycle",
}

__all__ = [
    "AgentStackSpanExporter",
    "AgentTracer",
    "ConfigError",
    "__version__",
    "flush",
    "init",
    "observe",
    "shutdown",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
