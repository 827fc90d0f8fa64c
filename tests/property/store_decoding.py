# SPDX-License-Identifier: Apache-2.0
"""The property itself, for any `Store`: what SQL decodes is what the reference decoder says."""

from __future__ import annotations

import json
import uuid
from typing import Any

from agentstack_exporters.clickhouse.protocol import Store
from agentstack_processors.otlp.reference import decode_logs, decode_traces
from agentstack_processors.otlp.stamp import stamp

from tests.fakes.store_requests import fresh_project

RECEIVED_AT = 1_790_000_000_123_456_789


def assert_traces_decode_equally(store: Store, request: Any) -> None:
    project = fresh_project()
    payload = stamp(request.SerializeToString(), project, RECEIVED_AT)
    store.insert_otlp([payload], token=uuid.uuid4().hex)
    stored = store.query("SELECT * FROM spans WHERE project_id = {p:String}", {"p": project})
    assert differences(stored, decode_traces(payload)) == []


def assert_logs_decode_equally(store: Store, request: Any) -> None:
    project = fresh_project()
    payload = stamp(request.SerializeToString(), project, RECEIVED_AT)
    store.insert_otlp([payload], token=uuid.uuid4().hex, signal="logs")
    stored = store.query("SELECT * FROM genai_events WHERE project_id = {p:String}", {"p": project})
    assert differences(stored, decode_logs(payload)) == []


def differences(stored: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[str]:
    """One sentence for each row too many, each row missing and each column that differs."""
    ours, theirs = _by_id(stored), _by_id(expected)
    found = [f"{len(stored)} rows stored, {len(expected)} expected"] * (len(ours) != len(theirs))
    for key in sorted({*ours, *theirs}):
        if key not in ours or key not in theirs:
            found.append(f"row {key} is {'missing' if key in theirs else 'too many'}")
        else:
            found += _columns(key, ours[key], theirs[key])
    return found


def _columns(key: str, stored: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    return [
        f"row {key}, {name}: stored {stored.get(name)!r}, expected {expected.get(name)!r}"
        for name in sorted({*stored, *expected})
        if _exact(stored.get(name)) != _exact(expected.get(name))
    ]


def _by_id(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rows without their order, told apart by what the generator makes unique in a request."""
    keyed = {f"{row['trace_id']}/{row['span_id']}": row for row in rows}
    assert len(keyed) == len(rows), "two rows share their ids"
    return keyed


def _exact(value: Any) -> str:
    """Maps have no order; JSON from the engine shows the float 0.0 as 0."""
    whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if whole else value, sort_keys=True)
