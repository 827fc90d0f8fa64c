# SPDX-License-Identifier: Apache-2.0
"""What traces and spans cost, on their rows."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from agentstack_exporters.clickhouse.protocol import Row, Store

from agentstack_otel.query import cost

REPEATED = "repeated"
"""Status of a span whose usage another span tells too: its cost does not count."""


def mark(store: Store, traces: list[Row], project: str = "") -> list[Row]:
    """Rows of traces with `cost` (text, None if not known) and `unpriced` calls."""
    ids = [row["trace_id"] for row in traces]
    first = min((int(row["start_ns"]) for row in traces), default=0)
    found = cost.of_traces(store, project, ids, first)
    for row in traces:
        known = found.get(row["trace_id"], {})
        row["cost"] = known.get("cost")
        row["unpriced"] = known.get("unpriced", 0)
    return traces


def attach(store: Store, spans: list[Row], project: str = "") -> list[Row]:
    """Rows of one trace's spans, each with `cost`, `cost_status`, `priced_as` and `estimated`.

    `cost_status` is `priced`, why there is no price, `repeated`, or '' for what used no model.
    """
    if not spans:
        return spans
    first = min(int(row["start_ns"]) for row in spans)
    last = max(int(row["start_ns"]) for row in spans)
    found = cost.of_spans(store, project, spans[0]["trace_id"], first, last)
    for row in spans:
        known = found.get(row["span_id"], {})
        row["cost"] = known.get("cost")
        row["cost_status"] = REPEATED if known.get("repeated") else known.get("cost_status", "")
        row["priced_as"] = known.get("priced_as", "")
        row["estimated"] = bool(known.get("estimated"))
    return spans


def total(spans: Iterable[Row]) -> Row:
    """`cost` of a trace and its `unpriced` calls, out of what `attach` made."""
    uses = [row for row in spans if row.get("cost_status") not in (None, "", REPEATED)]
    costs = [Decimal(row["cost"]) for row in uses if row["cost"] is not None]
    return {
        "cost": format(sum(costs, Decimal(0)), "f") if costs else None,
        "unpriced": len(uses) - len(costs),
    }


__all__ = ["REPEATED", "attach", "mark", "total"]
