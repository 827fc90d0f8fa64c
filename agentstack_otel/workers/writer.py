# SPDX-License-Identifier: Apache-2.0
"""The writer's handler: requests from the log into the store, bytes as they came."""

from __future__ import annotations

from agentstack_exporters.clickhouse.protocol import Store
from agentstack_exporters.log.protocol import Signal

from agentstack_otel.workers.batch import Batch

# The table a signal ends up in; it leads the token, so that signals of one stretch do not meet.
TABLES: dict[Signal, str] = {"traces": "spans", "logs": "genai_events"}


class Writer:
    """Stores a batch under its token; see `Store.insert_otlp` for what may go wrong."""

    version = "v1"
    """Raise it when the same bytes decode to other rows."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def handle(self, batch: Batch) -> None:
        """Store all of it or nothing; with the same token again it is a no-op."""
        self._store.insert_otlp(
            batch.payloads, token=batch.token(TABLES[batch.signal]), signal=batch.signal
        )


__all__ = ["TABLES", "Writer"]
