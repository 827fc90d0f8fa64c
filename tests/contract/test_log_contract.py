# SPDX-License-Identifier: Apache-2.0
"""Every implementation of the `Log` port against the one contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agentstack_exporters.log.sqlite import Config, SqliteLog

from tests.contract.log_contract import LogContract


class TestSqliteLog(LogContract):
    """As the gateway opens it."""

    @pytest.fixture
    def open_log(self, tmp_path: Path) -> Callable[[], Any]:
        return lambda: SqliteLog(Config(path=tmp_path / "log.db"))


class TestSpool(LogContract):
    """As the SDK opens it: cheaper syncs, shared with other processes."""

    @pytest.fixture
    def open_log(self, tmp_path: Path) -> Callable[[], Any]:
        return lambda: SqliteLog(
            Config(path=tmp_path / "run.db", synchronous="NORMAL", poll_seconds=0.05)
        )


class TestTinyGroups(LogContract):
    """Every record in a transaction of its own: grouping changes nothing one can see."""

    @pytest.fixture
    def open_log(self, tmp_path: Path) -> Callable[[], Any]:
        return lambda: SqliteLog(
            Config(path=tmp_path / "log.db", synchronous="NORMAL", group_bytes=1)
        )
