# SPDX-License-Identifier: Apache-2.0
"""The security worker: consumer group `security`, detection in a child process, alerts out.

The log keeps what this group has not read. Before that keeps senders out, spans go unjudged: from
`Config.skip_above` of the log's room on until it is down to `Config.skip_until`, or another group
is as far behind. They are counted and told. A worker that has failed gives up its place in the log:
the next start begins with what is kept.
"""

from __future__ import annotations

import logging
import time

from agentstack_exporters.clickhouse.protocol import Store
from agentstack_exporters.log.protocol import Log
from agentstack_exporters.log.sqlite import SqliteLog

from agentstack_otel.workers import loop
from agentstack_otel.workers.offload import Offload
from agentstack_otel.workers.security_handler import Config, SecurityHandler
from agentstack_otel.workers.security_metrics import Numbers

logger = logging.getLogger(__name__)

GROUP = "security"
DETECTOR = "agentstack_otel.workers.detection:Detector"

BATCHES = loop.Config(
    max_spans=8_000,
    max_bytes=16 << 20,
    keeps_log=False,
    # What is looked at is hostile by trade: whoever sends records that cannot be judged must not be
    # able to end detection for everybody else.
    dead_letters_in_a_row=1_000,
    dead_letter_share=1.0,
)
"""Of the loop: batches are smaller than the writer's, so that an alert is early."""

_FINISH_SECONDS = 3.0


class SecurityWorker(loop.Worker):
    """A worker that also keeps the baselines, and ends its child, when it stops."""

    def __init__(
        self, log: Log, handler: SecurityHandler, process: Offload, config: loop.Config
    ) -> None:
        super().__init__(log, GROUP, handler, config)
        self._security = handler
        self.process = process

    @property
    def numbers(self) -> Numbers:
        """What it found, for /metrics."""
        return self._security.numbers

    @property
    def starts(self) -> int:
        """Processes started."""
        return self.process.starts

    def stop(self, timeout: float = 10.0) -> bool:
        """As `Worker.stop`; a batch that takes long is broken off and judged at the next start."""
        deadline = time.monotonic() + timeout
        done = super().stop(min(timeout, _FINISH_SECONDS))
        if done:
            self._security.save()
        self.process.close()
        return done or super().stop(max(0.1, deadline - time.monotonic()))


def security_worker(
    log: Log,
    store: Store,
    config: Config | None = None,
    *,
    live: Log | None = None,
    batches: loop.Config | None = None,
) -> SecurityWorker:
    """The worker, ready to register and start.

    Args:
        log: What the gateway writes.
        store: For alerts.
        config: Settings.
        live: `alerts.live`; None where nobody delivers.
        batches: Of the loop; None: `BATCHES`.

    Raises:
        ConfigError: A setting makes no sense. The user's rules are compiled in the child: whoever
            reads them has to compile them once before, to say what is wrong with them.
    """
    config = config or Config()
    config.validate()
    process = Offload(DETECTOR, (config.settings,), config.process, name="detection")
    handler = SecurityHandler(store, live, config, process, lambda: _used(log))
    return SecurityWorker(log, handler, process, batches or BATCHES)


def _used(log: Log) -> float:
    """How full the log is, if it is this group that it is kept for."""
    if not isinstance(log, SqliteLog):  # others bound themselves
        return 0.0
    positions = {name: commit.position for name, commit in log.groups().items()}
    own = positions.pop(GROUP, 0)
    if any(position <= own for position in positions.values()):
        return 0.0  # another one is as far behind: leaving spans unjudged would free nothing
    return log.stats().used_bytes / log.config.max_bytes


__all__ = [
    "BATCHES",
    "DETECTOR",
    "GROUP",
    "Config",
    "SecurityHandler",
    "SecurityWorker",
    "security_worker",
]
