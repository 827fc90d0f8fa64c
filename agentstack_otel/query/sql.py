# SPDX-License-Identifier: Apache-2.0
"""A user's own SQL. The store refuses everything but one plain read, and says why."""

from __future__ import annotations

from agentstack_exporters.clickhouse.protocol import Row, Store


def run(store: Store, query: str) -> list[Row]:
    """Rows of `query`. Raises Reject with one sentence: not a read, or the engine's complaint."""
    return store.query(query)


__all__ = ["run"]
