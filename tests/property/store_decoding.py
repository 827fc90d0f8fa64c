# SPDX-License-Identifier: Apache-2.0
"""The property itself, for any `Store`: what SQL decodes is what the reference decoder says."""

from __future__ import annotations

import json
import uuid
from collections import Counter
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
    assert _bag(stored) == _bag(decode_traces(payload))


def assert_logs_decode_equally(store: Store, request: Any) -> None:
    project = fresh_project()
    payload = stamp(request.SerializeToString(), project, RECEIVED_AT)
    store.insert_otlp([payload], token=uuid.uuid4().hex, signal="logs")
    stored = store.query("SELECT * FROM genai_events WHERE project_id = {p:String}", {"p": project})
    assert _bag(stored) == _bag(decode_logs(payload))


def _bag(rows: list[dict[str, Any]]) -> Counter[str]:
    """Rows without their order: spans of one request may even share their ids."""
    return Counter(json.dumps(_whole_numbers(row), sort_keys=True) for row in rows)


def _whole_numbers(row: dict[str, Any]) -> dict[str, Any]:
    """JSON from the engine shows the float 0.0 as 0."""
    return {k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in row.items()}
