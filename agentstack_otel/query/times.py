# SPDX-License-Identifier: Apache-2.0
"""Nanoseconds, ISO-8601 and "15m ago", without losing the nanoseconds."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from agentstack_processors.verdicts import ConfigError

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*([smhdw])")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def iso(ns: int) -> str:
    """`2026-11-21T10:00:00.000000001Z` from nanoseconds since the epoch."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def since(text: str, now_ns: int) -> int:
    """Nanoseconds since the epoch that `text` names: `15m`, `2h`, `7d`, or an ISO-8601 time.

    Raises:
        ConfigError: It is neither.
    """
    ago = _AGO.fullmatch(text.strip().lower())
    if ago:
        return now_ns - int(float(ago[1]) * _UNITS[ago[2]] * 1e9)
    try:
        at = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise ConfigError(
            f"since: {text!r} is neither an age (30s, 15m, 2h, 7d, 1w) nor an ISO-8601 time"
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return int((at - _EPOCH) / timedelta(microseconds=1)) * 1000


__all__ = ["iso", "since"]
