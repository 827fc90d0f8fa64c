# SPDX-License-Identifier: Apache-2.0
"""Entry point `opentelemetry_distro`: what `opentelemetry-instrument` asks first.

It only fills in variables nobody set, and decides which instrumentors are loaded.
"""

from __future__ import annotations

import logging
import os
from functools import cached_property
from typing import Any

from opentelemetry.instrumentation.dependencies import (
    DependencyConflictError,
    get_dist_dependency_conflicts,
)
from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]  # untyped
from opentelemetry.util._importlib_metadata import EntryPoint, entry_points

from agentstack_otel import config
from agentstack_otel.arbitration import Verdict, arbitrate

_logger = logging.getLogger("agentstack")

INSTRUMENTORS = "opentelemetry_instrumentor"


class AgentStackDistro(BaseDistro):  # type: ignore[misc]  # untyped in the SDK
    """The distribution: defaults by `setdefault`, one instrumentor per library."""

    def _configure(self, **_: Any) -> None:
        settings, _problems = config.load()  # problems are reported once, by the configurator
        if settings.enabled:
            config.apply_defaults(settings, os.environ)

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None:
        """Load one instrumentor unless we are off or another one covers its library better."""
        if not config.load()[0].enabled:
            return
        verdict = self._verdicts.get((entry_point.name, entry_point.value))
        if verdict is not None and not verdict.wins and verdict.winner:
            _logger.debug("%s is not loaded: %s wins", verdict.distribution, verdict.winner)
            return
        try:
            super().load_instrumentor(entry_point, **kwargs)
        except (ImportError, DependencyConflictError):
            raise  # the loader skips these one by one
        except Exception as error:  # it would give up on all instrumentors that follow
            _logger.warning("AgentStack: instrumentor %s failed: %r", entry_point.name, error)

    @cached_property
    def _verdicts(self) -> dict[tuple[str, str], Verdict]:
        verdicts = arbitrate(entry_points(group=INSTRUMENTORS), usable)
        return {(verdict.name, verdict.value): verdict for verdict in verdicts}


def usable(entry_point: Any, disabled: str | None = None) -> bool:
    """Whether the loader of OpenTelemetry would get as far as loading this instrumentor.

    Args:
        entry_point: Of group `opentelemetry_instrumentor`.
        disabled: Names left out by the user; None reads OTEL_PYTHON_DISABLED_INSTRUMENTATIONS.
    """
    if disabled is None:
        disabled = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "")
    names = [name.strip() for name in disabled.split(",")]
    if "*" in names or entry_point.name in names:
        return False
    try:
        return not get_dist_dependency_conflicts(entry_point.dist)
    except Exception:  # broken metadata of somebody's package
        return True


__all__ = ["AgentStackDistro", "usable"]
