# SPDX-License-Identifier: Apache-2.0
"""What a channel sends: one alert, and how many more of its kind it stands for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Told = Mapping[str, Any]
"""An alert as `Alert.as_json` tells it."""


@dataclass(frozen=True, slots=True)
class Message:
    """Alerts of one group in one message.

    Attributes:
        alert: The one with the highest score.
        count: How many alerts this stands for, at least 1.
        ids: Of the first fifty of them.
        group: What they have in common: rule with trace, or rule with service.
    """

    alert: Told
    count: int = 1
    ids: tuple[str, ...] = ()
    group: str = ""

    @property
    def id(self) -> str:
        """Names the message: sent again after a crash, it has the same id."""
        return digest(self.group, *(self.ids[:1] or (str(self.alert.get("id", "")),)))

    @property
    def group_id(self) -> str:
        """Names the group, in 32 hex digits."""
        return digest(self.group)

    @property
    def title(self) -> str:
        """Severity, rule and count in one line."""
        more = f" ({self.count} alerts)" if self.count > 1 else ""
        return f"{text(self.alert, 'severity')} {text(self.alert, 'rule')}{more}"

    @property
    def source(self) -> str:
        """Where it happened: service, else project."""
        return text(self.alert, "service_name") or text(self.alert, "project") or "agentstack"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One HTTP POST. Address and headers may be credentials: neither is ever logged."""

    url: str = field(repr=False)
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Format(Protocol):
    """How a kind of channel tells a message. Pure."""

    def __call__(self, message: Message, now: float) -> Outgoing:
        """The request for `message`; `now` in seconds since the epoch."""
        ...


def group_of(alert: Told) -> str:
    """What alerts are counted together by: project and rule, with the trace, else the service."""
    where = text(alert, "trace_id") or text(alert, "service_name")
    return "\x1f".join((text(alert, "project"), text(alert, "rule"), where))


def text(alert: Told, name: str, limit: int = 2000) -> str:
    """A field as text, bounded."""
    value = alert.get(name)
    return "" if value is None else str(value)[:limit]


def digest(*parts: str) -> str:
    """32 hex digits."""
    data = "\x1f".join(parts).encode("utf-8", "replace")
    return hashlib.blake2b(data, digest_size=16).hexdigest()


__all__ = ["Format", "Message", "Outgoing", "Told", "digest", "group_of", "text"]
