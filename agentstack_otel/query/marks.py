# SPDX-License-Identifier: Apache-2.0
"""Open alerts on the traces and spans they are about."""

from __future__ import annotations

from collections.abc import Iterable

from agentstack_exporters.clickhouse.protocol import Row, Store
from agentstack_exporters.clickhouse.queries import load

_MOST = 20_000


def mark(store: Store, traces: list[Row], project: str = "") -> list[Row]:
    """Rows of traces, with the open `alerts` of each counted and the worst `severity`."""
    found: dict[str, list[Row]] = {}
    for alert in _of(store, (row["trace_id"] for row in traces), project):
        found.setdefault(alert["trace_id"], []).append(alert)
    for row in traces:
        alerts = found.get(row["trace_id"], [])
        row["alerts"] = len(alerts)
        row["severity"] = alerts[0]["severity"] if alerts else ""
    return traces


def attach(store: Store, spans: list[Row], project: str = "") -> list[Row]:
    """Rows of one trace's spans, each with its open `alerts`: id, rule, severity, description."""
    found: dict[str, list[Row]] = {}
    for alert in _of(store, {row["trace_id"] for row in spans}, project):
        kept = {name: alert[name] for name in ("id", "rule", "severity", "score", "description")}
        found.setdefault(alert["span_id"], []).append(kept)
    for row in spans:
        row["alerts"] = found.get(row["span_id"], [])
    return spans


def _of(store: Store, trace_ids: Iterable[str], project: str) -> list[Row]:
    ids = list(trace_ids)
    if not ids:
        return []
    params = {"project": project, "ids": ids, "limit": _MOST}
    return store.query(load("alerts_of_traces"), params)


__all__ = ["attach", "mark"]
