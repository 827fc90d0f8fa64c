# SPDX-License-Identifier: Apache-2.0
"""Latency of showing one trace out of a million spans, as `agentstack trace` asks for it."""

from __future__ import annotations

import json
import random
import statistics
import time

from agentstack_exporters.clickhouse.chdb import ChdbStore, Config
from agentstack_processors.otlp.stamp import stamp

from agentstack_otel.query import find
from benchmarks.load import Requests


def measure(spans: int = 1_000_000, queries: int = 200) -> dict[str, float]:
    """p50 and p95 in milliseconds over `queries` random traces of ten spans."""
    store = ChdbStore(Config(durable=False))
    store.migrate()
    try:
        _fill(store, spans)
        return {"spans": spans, **_ask(store, queries)}
    finally:
        store.close()


def _fill(store: ChdbStore, spans: int) -> None:
    source, batch = Requests(512), 40
    for number in range(-(-spans // (512 * batch))):
        payloads = [stamp(source.fresh(), "default", time.time_ns()) for _ in range(batch)]
        store.insert_otlp(payloads, token=f"fill-{number}")


def _ask(store: ChdbStore, queries: int) -> dict[str, float]:
    rows = store.query("SELECT DISTINCT trace_id FROM spans_trace_id_ts LIMIT 20000")
    wanted = random.Random(1).sample([row["trace_id"] for row in rows], queries)
    took = []
    for trace_id in wanted:
        begun = time.perf_counter()
        find.spans(store, trace_id)
        took.append((time.perf_counter() - begun) * 1000)
    return {
        "p50_ms": round(statistics.median(took), 1),
        "p95_ms": round(statistics.quantiles(took, n=20)[18], 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
