# SPDX-License-Identifier: Apache-2.0
"""Entry point `opentelemetry_post_instrument`: runs when everything is set up, before the app."""

from __future__ import annotations

import logging

from agentstack_otel import config, lifecycle

_logger = logging.getLogger("agentstack")


def run() -> None:
    """Install the hooks that send the last spans. Never raises."""
    try:
        settings, _ = config.load()
        if settings.enabled:
            lifecycle.install(settings.flush_timeout, sigterm=settings.flush_on_sigterm)
    except Exception:
        _logger.exception("AgentStack: the hooks for the end of the process were not installed")


__all__ = ["run"]
