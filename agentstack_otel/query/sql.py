# SPDX-License-Identifier: Apache-2.0
"""A user's own SQL. The store refuses everything but one plain read, and says why."""

from __future__ import annotations

from agentstack_exporters.clickhouse.protocol import Row, Store
from agentstack_processors.verdicts import Reject


def run(store: Store, query: str) -> list[Row]:
    """Rows of `query`. Raises Reject with one sentence: not a read, or the engine's complaint."""
    try:
        query.encode()
    except UnicodeEncodeError:  # half a surrogate pair, or a terminal's bytes that are no UTF-8
        raise Reject("the query is not valid Unicode text") from None
    return store.query(query)


__all__ = ["run"]
