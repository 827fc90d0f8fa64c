# SPDX-License-Identifier: Apache-2.0
"""The processing of one request between its bytes and its record: check, redact, stamp."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, Protocol, runtime_checkable

from agentstack_exporters.log.protocol import Record
from agentstack_processors.otlp.blanks import Blanks
from agentstack_processors.otlp.request import (
    Checked,
    Window,
    check_logs,
    check_traces,
    count_data_points,
)
from agentstack_processors.otlp.scrub import Scrubber, scrub_logs, scrub_traces
from agentstack_processors.otlp.stamp import stamp
from agentstack_processors.verdicts import ConfigError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

Signal = Literal["traces", "logs", "metrics"]
METRICS_REASON = "metrics are not stored; send traces and GenAI log events"

_NS = 1_000_000_000
_MARKER = re.compile(rb"\[([A-Z][A-Z_]{1,30})(?:\]|:[0-9a-f]{4})")
_NEWEST = int(datetime(2100, 1, 1, tzinfo=timezone.utc).timestamp()) * _NS
_NOTHING = Checked(b"", 0, 0, ())
# signal → (response message, name of its rejected counter in protobuf and in JSON)
_RESPONSES: Mapping[str, tuple[Any, str, str]] = {
    "traces": (ExportTraceServiceResponse, "rejected_spans", "rejectedSpans"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records", "rejectedLogRecords"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points", "rejectedDataPoints"),
}


Redactor = Scrubber
"""What the pipeline needs of `agentstack_processors.redaction.Redactor`."""

Scrub = Callable[[bytes], bytes]


@runtime_checkable
class Glancing(Protocol):
    """A redactor that can say that its answer would take long, and that can do without ids."""

    def suspicious(self, data: bytes, view: bytes | memoryview | None = None) -> bool:
        """As `Redactor.suspicious`; `view` is what `Blanks` made of the request."""
        ...

    def glance(self, data: bytes, view: bytes | memoryview | None = None) -> bool | None:
        """As `suspicious`; None where the answer would take long."""
        ...


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of the pipeline."""

    retention_days: int = 90
    """Spans that started earlier would vanish by the tables' TTL: they are rejected by name."""

    def validate(self) -> None:
        """Raise ConfigError when nothing could be kept."""
        if self.retention_days < 1:
            raise ConfigError("gateway retention_days must be at least 1")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sender is told about a request that was taken.

    Attributes:
        signal: Which response message to use.
        accepted: Spans, records or points that are stored.
        rejected: Those that are not.
        message: Why, one phrase for each fault.
    """

    signal: Signal
    accepted: int
    rejected: int
    message: str

    @classmethod
    def of(cls, signal: Signal, checked: Checked) -> Answer:
        """Return the answer that may be given once the record is durable."""
        return cls(signal, checked.spans, checked.rejected, "; ".join(checked.reasons))

    def protobuf(self) -> bytes:
        """Return the Export…ServiceResponse; `partial_success` is unset on full success."""
        if not self.rejected:
            return b""
        response, counter, _ = _RESPONSES[self.signal]
        message = response()
        setattr(message.partial_success, counter, self.rejected)
        message.partial_success.error_message = self.message
        encoded: bytes = message.SerializeToString()
        return encoded

    def json(self) -> dict[str, Any]:
        """Return the same as OTLP/JSON, in which 64-bit integers are strings."""
        if not self.rejected:
            return {}
        counter = _RESPONSES[self.signal][2]
        return {"partialSuccess": {counter: str(self.rejected), "errorMessage": self.message}}


class Pipeline:
    """Turns request bytes into a record for the log. Thread-safe: it keeps room, but no state."""

    def __init__(
        self,
        config: Config,
        redactor: Redactor | None = None,
        clock: Callable[[], int] = time.time_ns,
        redacted: Callable[[Mapping[str, int]], None] = lambda _types: None,
    ) -> None:
        config.validate()
        self._redacted = redacted
        self._retention = config.retention_days * 86_400 * _NS
        self._redactor = redactor
        self._clock = clock
        self._scrubs = _scrubs(redactor)
        self._rooms = threading.local()
        self._preparing = threading.Lock()
        self._prepared = False
        self._glancing = redactor if isinstance(redactor, Glancing) else None

    def check(self, signal: Signal, payload: bytes) -> Checked:
        """Validate one serialised export request; takes out what cannot be stored.

        Raises:
            Reject: The request cannot be understood.
        """
        if not payload:
            return _NOTHING
        window = Window(self._clock() - self._retention, _NEWEST)
        if signal == "traces":
            return check_traces(payload, window)
        if signal == "logs":
            return check_logs(payload, window)
        points = count_data_points(payload)
        return Checked(b"", 0, points, (METRICS_REASON,) if points else ())

    def prepare(self) -> None:
        """Have the redactor read its rows, which takes half a second, once."""
        with self._preparing:
            if self._redactor is not None and not self._prepared:
                self._redactor.suspicious(b"")
            self._prepared = True

    def suspicious(self, checked: Checked) -> bool:
        """Tell whether `record` would have to open the request, which is slow."""
        if not checked.spans or self._redactor is None:
            return False
        if not self._prepared:
            self.prepare()
        if self._glancing is None:
            return self._redactor.suspicious(checked.payload)
        return self._glancing.suspicious(checked.payload, self._view(checked))

    def glance(self, checked: Checked) -> bool | None:
        """`suspicious` on an event loop: None where the answer would take long."""
        if self._glancing is None:
            return self.suspicious(checked)
        if not checked.spans:
            return False
        return self._glancing.glance(checked.payload, self._view(checked))

    def _view(self, checked: Checked) -> bytes | memoryview | None:
        """The request without its ids, where they are told; None: as it is."""
        if not checked.regular:
            return None
        if not hasattr(self._rooms, "blanks"):
            self._rooms.blanks = Blanks()
        blanks: Blanks = self._rooms.blanks
        return blanks.blanked(checked.payload, checked.spans)

    def record(
        self, signal: Literal["traces", "logs"], checked: Checked, project: str, *, scrub: bool
    ) -> Record:
        """Return what goes to the log.

        Args:
            signal: Which export request it is.
            checked: What `check` left of it.
            project: Tenant the caller was authenticated for.
            scrub: What `suspicious` said.
        """
        now = self._clock()
        payload = checked.payload
        if scrub:
            payload = self._scrubs[signal](payload)
            self._redacted(_markers(payload) - _markers(checked.payload))
        return Record(stamp(payload, project, now), checked.spans, now, project, signal)


def _markers(payload: bytes) -> Counter[str]:
    """How many markers of each type stand in a request."""
    return Counter(found.decode() for found in _MARKER.findall(payload))


def _scrubs(redactor: Redactor | None) -> Mapping[str, Scrub]:
    if redactor is None:
        return {}
    return {
        "traces": lambda payload: scrub_traces(payload, redactor),
        "logs": lambda payload: scrub_logs(payload, redactor),
    }


__all__ = ["Answer", "Config", "Pipeline", "Redactor", "Signal"]
