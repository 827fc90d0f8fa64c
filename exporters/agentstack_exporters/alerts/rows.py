# SPDX-License-Identifier: Apache-2.0
"""Alerts as rows of `security_alerts`, and as what travels over `alerts.live`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from agentstack_processors.security.alert import Alert

from agentstack_exporters.log.protocol import Record

TABLE = "security_alerts"
COLUMNS = (
    "project_id",
    "time",
    "alert_id",
    "trace_id",
    "span_id",
    "conversation",
    "service_name",
    "agent",
    "rule_name",
    "rule_version",
    "category",
    "severity",
    "score",
    "description",
    "field",
    "evidence",
    "attributes",
    "status",
    "version",
)

DETECTED = 1
"""Version of a row as detection makes it. An acknowledgement carries the time in nanoseconds, so
detecting the same thing again, months later, does not open it again."""

_TEXT = 2000
_EVIDENCE = 1000
_ATTRIBUTES = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST = 9_223_372_036_000_000_000  # what DateTime64(9) can hold, whole seconds


def row(alert: Alert, version: int = DETECTED) -> list[Any]:
    """Values in the order of `COLUMNS`; texts bounded and valid UTF-8.

    Args:
        alert: What was found.
        version: Of two rows with one id the higher one stays. Raise it for an alert whose numbers
            move on (a budget that is passed further).
    """
    return [
        _text(alert.project, 256),
        _time(alert.time),
        alert.id,
        _text(alert.trace_id, 64),
        _text(alert.span_id, 32),
        _text(alert.conversation, 512),
        _text(alert.service_name, 256),
        _text(alert.agent, 256),
        _text(alert.rule, 256),
        _text(alert.rule_version, 64),
        _text(alert.category, 64),
        alert.severity,
        max(0, min(100, alert.score)),
        _text(alert.description, _TEXT),
        _text(alert.field, 256),
        _text(alert.evidence, _EVIDENCE),
        _attributes(alert.attributes),
        "OPEN",
        version,
    ]


def payload(alerts: Sequence[Alert]) -> bytes:
    """Alerts as one record's payload: a JSON array of `Alert.as_json()`."""
    return json.dumps([alert.as_json() for alert in alerts], separators=(",", ":")).encode()


def records(alerts: Iterable[Alert], per_record: int = 500) -> Iterable[Record]:
    """Records for `alerts.live`, of one project each.

    `spans` counts the alerts. `signal` says nothing here: this log holds alerts only.
    """
    by_project: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_project.setdefault(alert.project, []).append(alert)
    for project, found in by_project.items():
        for start in range(0, len(found), per_record):
            some = found[start : start + per_record]
            name = _text(project, 256)
            yield Record(payload(some), len(some), time.time_ns(), name, "logs")


def opened(data: bytes) -> list[dict[str, Any]]:
    """What `payload` made, as dicts. Raises ValueError when it is no such payload."""
    found = json.loads(data)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError("not a list of alerts")
    return found


def _text(text: str, limit: int) -> str:
    # A JSON string inside a message may hold half a surrogate pair; UTF-8 cannot.
    whole = text.encode("utf-8", "replace").decode()
    return whole if len(whole) <= limit else whole[: limit - 1] + "…"


def _attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    pairs = list(attributes.items())[:_ATTRIBUTES]
    return {_text(key, 128): _text(str(value), _TEXT) for key, value in pairs}


def _time(ns: int) -> str:
    seconds, rest = divmod(max(0, min(ns, _LATEST)), 1_000_000_000)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


__all__ = ["COLUMNS", "DETECTED", "TABLE", "opened", "payload", "records", "row"]
