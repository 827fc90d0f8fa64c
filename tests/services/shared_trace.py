# SPDX-License-Identifier: Apache-2.0
"""What must be stored when a stock client sends `trace.json`, and how stored rows are read.

The expectation is written from the trace's description, not taken from any client, so that all
clients agreeing on something wrong is noticed too. The normaliser drops only what is listed here:

- columns in `NOT_COMPARED`, each with its reason;
- resource attributes under `CLIENT_RESOURCE` (an SDK describes itself and its host);
- span attributes a `Client` declares in `span_attributes`, which must then really be there.
"""

from __future__ import annotations

import json
from typing import Any

from tests.services.clients import TRACE

SHARED: dict[str, Any] = json.loads(TRACE.read_text())

NOT_COMPARED = {
    "ingested_at": "when the server took it",
    "flags": "Python sets no sampled bit in span flags (0x100), the others do (0x101)",
}

# Resource attributes that describe the sender, not the sent.
CLIENT_RESOURCE = ("telemetry.", "host.", "os.", "process.", "service.instance.id")

# Column -> SQL that reads it exactly: times as integers, tuples as plain arrays, no 64-bit integer
# as a JSON number.
COLUMNS = {
    name: name
    for name in (
        *("project_id", "trace_id", "span_id", "parent_span_id", "trace_state", "name", "kind"),
        *("service_name", "status", "status_message", "duration_ms", "attributes"),
        *("resource_attributes", "scope_name", "scope_version", "scope_attributes"),
        *("operation", "provider", "model", "agent", "tool", "conversation"),
    )
}
COLUMNS |= {name: f"toUnixTimestamp64Nano({name})" for name in ("start_time", "end_time")}
COLUMNS |= {
    "events": "arrayMap(e -> (toString(toUnixTimestamp64Nano(e.1)), e.2, e.3), events)",
    "links": "arrayMap(l -> (l.1, l.2, l.3, l.4), links)",
}
_COUNTS = (
    *("dropped_attributes", "dropped_events", "dropped_links"),
    *("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"),
)
COLUMNS |= {name: name for name in _COUNTS}
_INTEGERS = (*_COUNTS, "start_time", "end_time")


def query(trace_id: str) -> str:
    """SQL for the stored spans of one trace, in span id order."""
    picked = ", ".join(
        f"toString({sql}) AS `{name}_`" if name in _INTEGERS else f"{sql} AS `{name}_`"
        for name, sql in COLUMNS.items()
    )
    return f"SELECT {picked} FROM spans FINAL WHERE trace_id = '{trace_id}' ORDER BY span_id"


def stored(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `query` with Python values under the columns' own names."""
    named = [{name: row[f"{name}_"] for name in COLUMNS} for row in rows]
    for row in named:
        row.update({name: int(row[name]) for name in _INTEGERS})
        row["duration_ms"] = round(float(row["duration_ms"]), 6)
    return named


def normalised(rows: list[dict[str, Any]], span_attributes: frozenset[str]) -> list[dict[str, Any]]:
    """Rows without what their client adds by itself."""
    out = []
    for row in rows:
        missing = span_attributes - set(row["attributes"])
        assert not missing, f"{row['name']} lacks {missing}"
        attributes = {k: v for k, v in row["attributes"].items() if k not in span_attributes}
        resource = {
            k: v for k, v in row["resource_attributes"].items() if not k.startswith(CLIENT_RESOURCE)
        }
        out.append({**row, "attributes": attributes, "resource_attributes": resource})
    return out


def text(field: dict[str, Any]) -> str:
    """An attribute as `spans` stores it: a string as is, everything else as compact JSON."""
    if "text" in field:
        return str(field["text"])
    value = field["value"]
    return value if isinstance(value, str) else json.dumps(value)


def _texts(fields: list[dict[str, Any]]) -> dict[str, str]:
    return {field["key"]: text(field) for field in fields}


def expected(trace_id: str, base: int, project: str = "default") -> list[dict[str, Any]]:
    """The rows the shared trace must become, in span id order."""

    def at(when: str) -> int:
        seconds, nanoseconds = when.split(".")
        return (base + int(seconds)) * 10**9 + int(nanoseconds)

    rows = []
    for span in SHARED["spans"]:
        attributes = _texts(span["attributes"])
        start, end = at(span["start"]), at(span["end"])
        rows.append(
            {
                "project_id": project,
                "trace_id": trace_id,
                "span_id": span["id"],
                "parent_span_id": span["parent"],
                "trace_state": "",
                "name": span["name"],
                "kind": span["kind"],
                "service_name": SHARED["resource"]["service.name"],
                "status": span["status"]["code"],
                "status_message": span["status"]["message"],
                "start_time": start,
                "end_time": end,
                "duration_ms": round((end - start) / 1e6, 6),
                "attributes": attributes,
                "resource_attributes": SHARED["resource"],
                "scope_name": SHARED["scope"]["name"],
                "scope_version": SHARED["scope"]["version"],
                "scope_attributes": {},
                "events": [
                    [str(at(event["time"])), event["name"], _texts(event["attributes"])]
                    for event in span["events"]
                ],
                "links": [
                    [link["trace_id"], link["span_id"], "", _texts(link["attributes"])]
                    for link in span["links"]
                ],
                "dropped_attributes": 0,
                "dropped_events": 0,
                "dropped_links": 0,
                "operation": attributes.get("gen_ai.operation.name", ""),
                "provider": attributes.get("gen_ai.provider.name", ""),
                "model": attributes.get("gen_ai.request.model", ""),
                "agent": attributes.get("gen_ai.agent.name", ""),
                "tool": attributes.get("gen_ai.tool.name", ""),
                "conversation": attributes.get("gen_ai.conversation.id", ""),
                "input_tokens": int(attributes.get("gen_ai.usage.input_tokens", 0)),
                "output_tokens": int(attributes.get("gen_ai.usage.output_tokens", 0)),
                "cached_tokens": 0,
                "reasoning_tokens": 0,
            }
        )
    return rows
