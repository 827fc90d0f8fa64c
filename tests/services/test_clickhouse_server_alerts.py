# SPDX-License-Identifier: Apache-2.0
"""Alerts on a real ClickHouse 25.8 server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from agentstack_exporters.clickhouse.protocol import Store

from tests.contract.alerts_contract import AlertsContract
from tests.services.clickhouse_http_store import HttpStore
from tests.services.clickhouse_server import running

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def server() -> Iterator[HttpStore]:
    with running() as url:
        store = HttpStore(url, retention_days=0)
        store.migrate()
        yield store
        store.close()


class TestAlertsOnAServer(AlertsContract):
    @pytest.fixture
    def store(self, server: HttpStore) -> Store:
        return server
