# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry distribution for AI agents."""

from __future__ import annotations

from agentstack_otel.version import __version__

__all__ = ["__version__"]
