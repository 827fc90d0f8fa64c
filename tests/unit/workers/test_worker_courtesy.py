# SPDX-License-Identifier: Apache-2.0
"""Work that can wait waits while the process is busy, and not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from agentstack_processors.verdicts import ConfigError

from agentstack_otel.workers.courtesy import Courtesy
from agentstack_otel.workers.loop import Config
from tests.fakes.held_clock import HeldClock


def used(clock: HeldClock, cores_in_use: Callable[[float], float]) -> Callable[[], float]:
    """CPU seconds of a process that keeps so many cores busy, by the time since the start."""
    start, total, last = clock.now, 0.0, clock.now

    def read() -> float:
        nonlocal total, last
        total += (clock.now - last) * cores_in_use(last - start)
        last = clock.now
        return total

    return read


def waited(cores_in_use: Callable[[float], float], stop: threading.Event | None = None) -> float:
    clock = HeldClock()
    courtesy = Courtesy(10, clock, cpu_seconds=used(clock, cores_in_use), cores=2)
    courtesy.wait(stop or threading.Event())
    return sum(clock.slept)


def test_an_idle_process_is_looked_at_once() -> None:
    assert waited(lambda _: 0.3) == 0.25


def test_a_busy_process_is_waited_for_until_it_leaves_room() -> None:
    assert waited(lambda seconds: 1.9 if seconds < 4 else 0.5) == 4.25


def test_a_process_that_stays_busy_is_waited_for_ten_seconds() -> None:
    assert waited(lambda _: 2.0) == 10


def test_a_stop_ends_the_wait() -> None:
    stop = threading.Event()
    stop.set()
    assert waited(lambda _: 2.0, stop) == 0


def test_a_negative_wait_makes_no_sense() -> None:
    with pytest.raises(ConfigError, match="gives_way_seconds"):
        Config(gives_way_seconds=-1).validate()
