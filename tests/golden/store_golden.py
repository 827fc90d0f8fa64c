# SPDX-License-Identifier: Apache-2.0
"""The golden cases and how a `Store` is held against them."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from agentstack_exporters.clickhouse.protocol import Store

CASES = sorted(folder for folder in Path(__file__).with_name("store").iterdir() if folder.is_dir())


def expected(case: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((case / "expected.json").read_text())
    return sorted(rows, key=lambda row: row["span_id"])


def stored(store: Store, case: Path) -> list[dict[str, Any]]:
    """The rows of a case after inserting it; only its first insert into a store counts."""
    signal, table = ("logs", "genai_events") if case.name == "logs" else ("traces", "spans")
    payload = (case / "input.bin").read_bytes()
    store.insert_otlp([payload], token=f"{case.name}-{uuid.uuid4().hex}", signal=signal)  # type: ignore[arg-type]  # one of the two literals above
    sql = f"SELECT * FROM {table} FINAL WHERE project_id = {{p:String}} ORDER BY span_id"
    return store.query(sql, {"p": f"golden-{case.name}"})
