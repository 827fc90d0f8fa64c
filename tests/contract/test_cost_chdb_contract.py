# SPDX-License-Identifier: Apache-2.0
"""Costs in the embedded store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from agentstack_exporters.clickhouse.chdb import ChdbStore

from tests.contract.cost_contract import CostContract


@pytest.fixture(scope="module")
def store() -> Iterator[ChdbStore]:
    store = ChdbStore()
    store.migrate()
    yield store
    store.close()


class TestChdb(CostContract):
    pass
