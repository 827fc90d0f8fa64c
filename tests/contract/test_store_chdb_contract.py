# SPDX-License-Identifier: Apache-2.0
"""ChdbStore keeps the contract of every Store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agentstack_exporters.clickhouse.chdb import ChdbStore, Config
from agentstack_exporters.clickhouse.protocol import Store

from tests.contract.store_contract import StoreContract


class Shared:
    """One store for the module; a test may close it and open it again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = self._open()
        self.store.migrate()

    def _open(self) -> ChdbStore:
        return ChdbStore(Config(path=self.path, durable=False))

    def reopened(self) -> ChdbStore:
        self.store.close()
        self.store = self._open()
        return self.store


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    shared = Shared(tmp_path_factory.mktemp("store"))
    yield shared
    shared.store.close()


class TestChdbStore(StoreContract):
    @pytest.fixture
    def store(self, shared: Shared) -> Store:
        return shared.store

    @pytest.fixture
    def reopened(self, shared: Shared) -> Callable[[], Store]:
        return shared.reopened
