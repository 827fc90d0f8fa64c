# SPDX-License-Identifier: Apache-2.0
"""How much work the gateway holds at once, and how big one request may be."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from agentstack_processors.verdicts import ConfigError, Reject, Retry

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Config:
    """Size limits, in bytes, and how many at once."""

    http_body: int = 5 * _MIB
    """One HTTP body as it travels (compressed, when it is)."""
    request: int = 64 * _MIB
    """One request after decompression, over either transport, and one gRPC message as it travels.
    A stock Collector's default batch is 8.8 MB; the OTLP specification recommends 64 MiB."""
    in_flight: int = 256 * _MIB
    """All requests between arrival and answer; beyond it clients are told to come back."""
    ratio: int = 400
    """How many times bigger than its compressed form a body may get (telemetry: 5 to 50)."""
    ratio_from: int = 4 * _MIB
    """Bodies that decompress to less than this are not judged by ratio."""
    streams: int = 32
    """Calls that one gRPC connection may have open. grpcio reads a whole message before anybody is
    asked, so this times `request` is what a connection can hold beyond the budget. Further calls
    wait on the client's side; a stock Collector has 10 open."""

    def validate(self) -> None:
        """Raise ConfigError naming the first limit that makes no sense."""
        for name in ("http_body", "request", "in_flight", "ratio", "ratio_from", "streams"):
            if getattr(self, name) < 1:
                raise ConfigError(f"gateway limit {name} must be at least 1")
        if self.in_flight < self.request:
            raise ConfigError(
                f"gateway limit in_flight ({self.in_flight} bytes) must not be below request "
                f"({self.request} bytes), or the biggest request could never be taken"
            )


class Ticket:
    """The bytes one request holds of the budget. Grows while it is read; closed exactly once."""

    __slots__ = ("_admission", "held")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.held = 0

    def grow(self, size: int) -> None:
        """Take `size` more bytes. Raises Retry when the budget is spent."""
        self._admission.take(size)
        self.held += size

    def close(self) -> None:
        """Give everything back. Idempotent."""
        held, self.held = self.held, 0
        self._admission.give_back(held)


class Admission:
    """The byte budget shared by both transports. Thread-safe."""

    def __init__(self, config: Config) -> None:
        config.validate()
        self.config = config
        self._lock = threading.Lock()
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes in flight now."""
        return self._held

    @property
    def stress(self) -> int:
        """How much of the budget is in use, 0 to 100."""
        return min(100, 100 * self._held // self.config.in_flight)

    def ticket(self) -> Ticket:
        """Return a ticket that holds nothing yet."""
        return Ticket(self)

    def take(self, size: int) -> None:
        """Take bytes off the budget. Raises Retry."""
        with self._lock:
            if self._held + size > self.config.in_flight:
                raise Retry("the gateway holds as much unfinished work as it may; send again")
            self._held += size

    def give_back(self, size: int) -> None:
        """Return bytes to the budget."""
        with self._lock:
            self._held -= size


def too_large(size: int | str, limit: int, what: str) -> Reject:
    """Return the one sentence for everything that is over a size cap."""
    return Reject(f"{what} is {size} bytes; the limit is {limit} bytes", too_large=True)
