# SPDX-License-Identifier: Apache-2.0
"""The property itself, for any `Store`: what SQL decodes is what the reference decoder says."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from agentstack_exporters.clickhouse.protocol import Store
from agentstack_processors.otlp.reference import decode_logs, decode_traces
from agentstack_processors.otlp.stamp import stamp

from tests.fakes.store_requests import fresh_project

RECEIVED_AT = 1_790_000_000_123_456_789


def assert_traces_decode_equally(store: Store, *requests: Any) -> None:
    """The requests go in as one batch: where an insert is slow, it is so for its planning."""
    payloads = _stamped(requests)
    store.insert_otlp([*payloads.values()], token=uuid.uuid4().hex)
    for project, payload in payloads.items():
        assert differences(_stored(store, "spans", project), decode_traces(payload)) == []


def assert_logs_decode_equally(store: Store, *requests: Any) -> None:
    """As `assert_traces_decode_equally`."""
    payloads = _stamped(requests)
    store.insert_otlp([*payloads.values()], token=uuid.uuid4().hex, signal="logs")
    for project, payload in payloads.items():
        assert differences(_stored(store, "genai_events", project), decode_logs(payload)) == []


def _stamped(requests: Sequence[Any]) -> dict[str, bytes]:
    """Each request as it lies in the log, by its own project."""
    projects = [fresh_project() for _ in requests]
    return {
        project: stamp(request.SerializeToString(), project, RECEIVED_AT)
        for project, request in zip(projects, requests, strict=True)
    }


def _stored(store: Store, table: str, project: str) -> list[dict[str, Any]]:
    return store.query(f"SELECT * FROM {table} WHERE project_id = {{p:String}}", {"p": project})


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
