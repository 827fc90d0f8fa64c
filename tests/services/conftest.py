# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the service suites: one AgentStack for all clients, Collectors in front of it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.services.sink import Sink, sink
from tests.services.up import Up


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running `agentstack up` shared by tests that keep to their own trace ids."""
    up = Up(tmp_path_factory.mktemp("up") / "data")
    up.start()
    yield up
    assert up.stop() == 0, up.said()


@pytest.fixture(scope="session")
def listening() -> Iterator[Sink]:
    with sink() as running:
        yield running


@pytest.fixture(scope="session")
def base() -> int:
    """The second the shared trace starts at: recent, or retention would refuse it."""
    return int(time.time()) - 60
