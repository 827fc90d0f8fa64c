# SPDX-License-Identifier: Apache-2.0
"""What the gateway counts, in a Prometheus registry of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Meters:
    """Counters of one gateway; labels are few and fixed, so their children are kept."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "agentstack_gateway_requests",
            "Export requests answered, by transport, signal and outcome",
            ("transport", "signal", "outcome"),
            registry=self.registry,
        )
        self._items = Counter(
            "agentstack_gateway_items",
            "Spans, log records and data points, by signal and verdict",
            ("signal", "verdict"),
            registry=self.registry,
        )
        self._bytes = Counter(
            "agentstack_gateway_received_bytes",
            "Bytes of request bodies as they travelled",
            ("transport",),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "agentstack_gateway_answer_seconds",
            "Time from the complete body to the answer",
            ("transport",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._redactions = Counter(
            "agentstack_redactions",
            "Markers put in the place of what senders did not redact, by type",
            ("type",),
            registry=self.registry,
        )
        self._failures = Counter(
            "agentstack_redaction_failures",
            "Texts withheld because they could not be judged",
            registry=self.registry,
        )
        self._request = lru_cache(256)(self._requests.labels)
        self._item = lru_cache(64)(self._items.labels)

    def gauge(self, name: str, what: str, read: Callable[[], float]) -> None:
        """Register a gauge that is read when somebody looks."""
        Gauge(name, what, registry=self.registry).set_function(read)

    def answered(
        self, transport: str, signal: str, outcome: str, size: int, seconds: float
    ) -> None:
        """Count one answered request."""
        self._request(transport, signal, outcome).inc()
        self._bytes.labels(transport).inc(size)
        self._seconds.labels(transport).observe(seconds)

    def refused(self, transport: str, signal: str, outcome: str) -> None:
        """Count one request that was answered before its body was taken."""
        self._request(transport, signal, outcome).inc()

    def counted(self, signal: str, accepted: int, rejected: int) -> None:
        """Count what one request held."""
        self._item(signal, "accepted").inc(accepted)
        if rejected:
            self._item(signal, "rejected").inc(rejected)

    def redacted(self, types: Mapping[str, int]) -> None:
        """Count the markers that scrubbing put in; `REDACTION_FAILED` is what was withheld."""
        for name, count in types.items():
            if name == "REDACTION_FAILED":
                self._failures.inc(count)
            else:
                self._redactions.labels(name).inc(count)

    def render(self) -> bytes:
        """Return the Prometheus text format."""
        return generate_latest(self.registry)
