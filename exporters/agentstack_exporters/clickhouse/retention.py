# SPDX-License-Identifier: Apache-2.0
"""How long rows are kept: the tables' TTL, set apart from the migrations because it may change."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agentstack_exporters.clickhouse.migrations import Execute, Query

#: Table to the column its age is counted from.
TABLES = {
    "spans": "start_time",
    "spans_trace_id_ts": "end_time",
    "genai_events": "time",
    "security_alerts": "time",
    "cost_metrics": "time",
    "cost_places": "time",
}
_DAYS = re.compile(r"TTL toDateTime\(\w+\) \+ toIntervalDay\((\d+)\)")
_DEFINITIONS = (
    "SELECT name, create_table_query FROM system.tables"
    " WHERE database = currentDatabase() AND has({tables:Array(String)}, name)"
)


@dataclass(frozen=True, slots=True)
class Retention:
    """Delete rows `days` after their time; 0 keeps everything."""

    days: int

    def apply(self, *, query: Query, execute: Execute) -> list[str]:
        """Alter the tables whose TTL differs; returns their names. Parts are dropped whole."""
        changed = []
        for row in query(_DEFINITIONS, {"tables": list(TABLES)}):
            found = _DAYS.search(row["create_table_query"])
            if (int(found[1]) if found else 0) != self.days:
                execute(self._alter(row["name"]), {})
                changed.append(row["name"])
        return changed

    def _alter(self, table: str) -> str:
        if not self.days:
            return f"ALTER TABLE {table} REMOVE TTL"
        return (
            f"ALTER TABLE {table} MODIFY TTL"
            f" toDateTime({TABLES[table]}) + INTERVAL {self.days} DAY"
            " SETTINGS materialize_ttl_after_modify = 0"
        )
