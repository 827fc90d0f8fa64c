# SPDX-License-Identifier: Apache-2.0
"""A server's workers in a process of their own, to be killed: writer, detection, delivery."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from agentstack_exporters.alerts.settings import Channel, Config
from agentstack_exporters.clickhouse.chdb import ChdbStore
from agentstack_exporters.clickhouse.chdb import Config as StoreConfig
from agentstack_exporters.log.sqlite import Config as LogConfig
from agentstack_exporters.log.sqlite import SqliteLog

from agentstack_otel.workers import loop, security
from agentstack_otel.workers.delivery import Delivery
from agentstack_otel.workers.security import security_worker
from agentstack_otel.workers.writer import Writer

SECRET = "shared-with-the-receiver"
CHANNEL = Channel("hook", "webhook", secret=SECRET, group_seconds=0.0, per_minute=6000)


def main(folder: Path, url: str, slow: bool) -> None:
    """Work until killed. `slow` waits after each batch, so that a kill meets it half done."""
    log = SqliteLog(LogConfig(path=folder / "log.db"))
    live = SqliteLog(LogConfig(path=folder / "alerts.db"))
    store = ChdbStore(StoreConfig(path=folder / "store"))
    store.migrate()
    from dataclasses import replace

    settings = Config((replace(CHANNEL, url=url),), allow_internal=("127.0.0.1",))
    batches = loop.Config(max_spans=20 if slow else 8_000, linger_seconds=0.01)
    config = security.Config(baselines=folder / "baselines.bin")
    detection = security_worker(log, store, config, live=live, batches=batches)
    writer = loop.Worker(log, "writer", Writer(store))
    delivery = Delivery(live, settings, folder / "delivery.db")
    for worker in (writer, detection, delivery):
        worker.register()
    for worker in (writer, detection, delivery):
        worker.start()
    print("up", flush=True)
    while True:
        line = sys.stdin.readline()
        if line.strip() == "child":
            print(detection.process.pid or 0, flush=True)
        elif line.strip() == "lag":
            lags = writer.lag, detection.lag, delivery.lag, sum(delivery.waiting().values())
            print(*lags, detection.stats.batches, flush=True)
        elif line.strip() == "stop" or not line:
            break
    for each in (detection, writer, delivery):
        each.stop()
    log.close()
    live.close()
    store.close()


if __name__ == "__main__":
    threading.current_thread().name = "attacked-agent"
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "slow")
