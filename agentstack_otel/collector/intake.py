# SPDX-License-Identifier: Apache-2.0
"""The road both transports share: budget → decode → pipeline → log → answer.

Acknowledge means durable: an answer leaves here only after the log's future has resolved.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from agentstack_exporters.log.protocol import Log, Record
from agentstack_processors.otlp.request import Checked
from agentstack_processors.verdicts import ConfigError, Retry

from agentstack_otel.collector.admission import Admission, Ticket
from agentstack_otel.collector.answers import BUG, Fault, fault
from agentstack_otel.collector.gathering import Gathering
from agentstack_otel.collector.meters import Meters
from agentstack_otel.collector.pipeline import Answer, Pipeline, Signal

_log = logging.getLogger(__name__)
T = TypeVar("T")

INLINE_BYTES = 1 << 20
"""Plain bodies up to this size are checked on the event loop (6 ms at most). Handing each to a
thread costs a quarter more CPU; decompression and redaction are handed over whatever the size, and
so is the question whether anything has to be redacted where much has to be read for it."""


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of the intake."""

    workers: int = 2
    """Threads that decompress, check and redact."""
    append_timeout: float = 4.0
    """Seconds to wait for the log; the Collector sends again after 5 s without an answer."""

    def validate(self) -> None:
        """Raise ConfigError naming the setting."""
        if self.workers < 1:
            raise ConfigError("gateway workers must be at least 1")
        if not 0 < self.append_timeout < 5:
            raise ConfigError("gateway append_timeout must lie between 0 and 5 seconds")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request as a transport received it.

    Attributes:
        transport: "grpc" or "http", for the counters.
        signal: Which export request it is.
        project: Tenant it was authenticated for.
        body: As it travelled.
        heavy: Whether decoding it is slow or makes it bigger.
        decode: Body → serialised protobuf; takes what it needs more of the budget by its second
            argument. Raises Reject or Retry.
    """

    transport: str
    signal: Signal
    project: str
    body: bytes
    heavy: bool
    decode: Callable[[bytes, Callable[[int], None]], bytes]


class Intake:
    """Takes arrivals from any event loop."""

    def __init__(
        self, config: Config, pipeline: Pipeline, log: Log, admission: Admission, meters: Meters
    ) -> None:
        config.validate()
        self._config = config
        self._pipeline = pipeline
        self._log = log
        self._admission = admission
        self._meters = meters
        self._pool = ThreadPoolExecutor(config.workers, thread_name_prefix="agentstack-intake")
        self._gatherings = threading.local()  # each event loop has its own

    async def take(self, arrival: Arrival, ticket: Ticket) -> Answer | Fault:
        """Return the answer to one request; never raises for what a sender did.

        The ticket already holds the body as it travelled; it is closed here.
        """
        began = time.perf_counter()
        try:
            answer: Answer | Fault = await self._take(arrival, ticket)
        except Exception as error:  # the outermost loop: whatever it is, the sender gets an answer
            answer = fault(error)
            if answer.row is BUG:
                _log.exception("%s request of %d bytes", arrival.signal, len(arrival.body))
        finally:
            ticket.close()
        outcome = answer.row.name if isinstance(answer, Fault) else "ok"
        self._meters.answered(
            arrival.transport,
            arrival.signal,
            outcome,
            len(arrival.body),
            time.perf_counter() - began,
        )
        return answer

    async def _take(self, arrival: Arrival, ticket: Ticket) -> Answer:
        suspicious: bool | None
        if arrival.heavy or len(arrival.body) > INLINE_BYTES:
            checked, suspicious = await self._off_loop(self._check, arrival, ticket)
            if suspicious:
                await self._append(await self._off_loop(self._record, arrival, checked, True))
            elif checked.spans:
                await self._append(self._record(arrival, checked, False))
        else:
            with self._gathering.taking() as together:
                checked = self._checked(arrival, ticket)
                suspicious = self._pipeline.glance(checked)
                if suspicious is None:
                    suspicious = await self._off_loop(self._pipeline.suspicious, checked)
                if suspicious:
                    await self._append(await self._off_loop(self._record, arrival, checked, True))
                elif checked.spans:
                    record = self._record(arrival, checked, False)
                    await together.join(len(record.payload))
                    await self._append(record)
        self._meters.counted(arrival.signal, checked.spans, checked.rejected)
        return Answer.of(arrival.signal, checked)

    async def _off_loop(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def _check(self, arrival: Arrival, ticket: Ticket) -> tuple[Checked, bool]:
        checked = self._checked(arrival, ticket)
        return checked, self._pipeline.suspicious(checked)

    def _checked(self, arrival: Arrival, ticket: Ticket) -> Checked:
        payload = arrival.decode(arrival.body, ticket.grow)
        return self._pipeline.check(arrival.signal, payload)

    def _record(self, arrival: Arrival, checked: Checked, scrub: bool) -> Record:
        assert arrival.signal != "metrics"  # of which `check` keeps nothing
        return self._pipeline.record(arrival.signal, checked, arrival.project, scrub=scrub)

    @property
    def _gathering(self) -> Gathering:
        if not hasattr(self._gatherings, "here"):
            self._gatherings.here = Gathering()
        here: Gathering = self._gatherings.here
        return here

    async def _append(self, record: Record) -> None:
        """Wait until the log has the record on disk. Raises Retry after the timeout."""
        try:
            await asyncio.wait_for(
                _when_done(self._log.append(record)), self._config.append_timeout
            )
        except asyncio.TimeoutError:
            # It may still be stored; then the next attempt is a duplicate, which the store drops.
            raise Retry("the log did not answer in time; send again") from None

    def prepare(self) -> None:
        """Begin what the first request would have to wait for; returns at once."""
        self._pool.submit(self._pipeline.prepare)

    def close(self) -> None:
        """Let running work end and release the threads."""
        self._pool.shutdown(wait=True)


def _when_done(future: Future[int]) -> asyncio.Future[int]:
    """Return an awaitable of `future` that can be cancelled without cancelling the append.

    asyncio.wrap_future would hand a client's cancellation on to the log's own future.
    """
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[int] = loop.create_future()

    def settle() -> None:
        if waiter.done():
            return
        error = future.exception()
        if error is None:
            waiter.set_result(future.result())
        else:
            waiter.set_exception(error)

    def wake(_: Future[int]) -> None:
        try:
            loop.call_soon_threadsafe(settle)
        except RuntimeError:  # the loop has been closed: nobody is waiting any more
            _log.debug("an append ended after the gateway had stopped")

    future.add_done_callback(wake)
    return waiter
