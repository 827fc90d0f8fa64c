# SPDX-License-Identifier: Apache-2.0
"""Prices history again in a store of its own and kills itself without warning on the way.

Usage: `python -m tests.faults.crashing_reprice FOLDER PRICES SINCE_NS UNTIL_NS WINDOW INSERTS`:
dies right after that many inserts; 0 lives.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from agentstack_exporters.clickhouse.chdb import ChdbStore, Config
from agentstack_processors.cost.overrides import parse
from agentstack_processors.cost.table import PriceTable

from agentstack_otel.query import reprice
from agentstack_otel.query.spending import run_from


def main(folder: str, prices: str, since: str, until: str, window: str, inserts: str) -> None:
    reprice.WINDOW = int(window)
    store = ChdbStore(Config(path=Path(folder)))
    store.migrate()
    left = int(inserts)
    insert = store.insert

    def dying(*args: Any, **kwargs: Any) -> None:
        nonlocal left
        insert(*args, **kwargs)
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    store.insert = dying  # type: ignore[method-assign]  # the crash under test
    table = PriceTable(parse(Path(prices).read_text(), "own.yaml"))
    told: dict[str, Any] = {"since_ns": int(since), "until_ns": int(until)}
    while not told.get("done"):
        told = run_from(store, table, told, int(until))
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
