# SPDX-License-Identifier: Apache-2.0
"""Slack's incoming webhooks: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks

What an attacker wrote is shown as plain text: no mention, no link, no formatting comes of it.
"""

from __future__ import annotations

import json
from typing import Any

from agentstack_exporters.alerts.message import Message, Outgoing, text

_SIGNS = {"CRITICAL": "🔴", "HIGH": "🟠", "MEDIUM": "🟡", "LOW": "⚪"}
_HEADER = 150  # Slack's own limits
_SECTION = 3000


class Slack:
    """Messages for one incoming webhook.

    Args:
        url: Of the webhook; it is the credential.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, message: Message, now: float) -> Outgoing:
        """See `Format`."""
        del now
        told = {
            "text": escaped(f"{message.title}: {text(message.alert, 'description', 500)}"),
            "blocks": list(_blocks(message)),
            "unfurl_links": False,
            "unfurl_media": False,
        }
        return Outgoing(self._url, json.dumps(told).encode())


def escaped(said: str) -> str:
    """Text in which Slack sees no mention and no link."""
    return said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(message: Message) -> list[dict[str, Any]]:
    alert = message.alert
    sign = _SIGNS.get(text(alert, "severity"), "⚪")
    blocks = [
        {"type": "header", "text": _plain(f"{sign} {message.title}", _HEADER)},
        _section(text(alert, "description") or "no description"),
    ]
    if evidence := text(alert, "evidence"):
        blocks.append(_section(f"{text(alert, 'field', 100)}: {evidence}".removeprefix(": ")))
    return [*blocks, {"type": "context", "elements": [_plain(_facts(message), 2000)]}]


def _facts(message: Message) -> str:
    names = ("project", "service_name", "agent", "category", "score", "trace_id", "span_id")
    pairs = ((name, text(message.alert, name, 200)) for name in names)
    return " · ".join(f"{name.removesuffix('_name')} {value}" for name, value in pairs if value)


def _section(said: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(said, _SECTION)}


def _plain(said: str, limit: int) -> dict[str, Any]:
    cut = said if len(said) <= limit else said[: limit - 1] + "…"
    return {"type": "plain_text", "text": cut or " ", "emoji": False}


__all__ = ["Slack", "escaped"]
