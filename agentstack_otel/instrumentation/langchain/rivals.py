# SPDX-License-Identifier: Apache-2.0
"""Other instrumentors' callback handlers, which would trace every run a second time."""

from __future__ import annotations

from typing import Any, Final

# Modules whose handlers are injected by an instrumentor. Handlers a user passes by hand
# (Langfuse, LangSmith, their own) live elsewhere and are never touched.
_MODULES: Final = (
    "openinference.instrumentation.langchain",
    "opentelemetry.instrumentation.langchain",
    "opentelemetry.instrumentation.genai.langchain",
)


# Managers are built for every run; the answer for a class never changes.
_known: dict[type[Any], bool] = {}


def is_rival(handler: object) -> bool:
    """Whether another LangChain instrumentor put this handler in."""
    kind = type(handler)
    found = _known.get(kind)
    if found is None:
        found = _known[kind] = any(
            f"{base.__module__}.".startswith(f"{module}.")
            for base in kind.__mro__
            for module in _MODULES
        )
    return found
