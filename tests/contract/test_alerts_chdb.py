# SPDX-License-Identifier: Apache-2.0
"""Alerts in the embedded store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from agentstack_exporters.clickhouse.chdb import ChdbStore, Config
from agentstack_exporters.clickhouse.protocol import Store

from tests.contract.alerts_contract import AlertsContract


@pytest.fixture(scope="module")
def chdb() -> Iterator[ChdbStore]:
    made = ChdbStore(Config(durable=False, retention_days=0))
    made.migrate()
    yield made
    made.close()


class TestAlertsInChdb(AlertsContract):
    @pytest.fixture
    def store(self, chdb: ChdbStore) -> Store:
        return chdb
