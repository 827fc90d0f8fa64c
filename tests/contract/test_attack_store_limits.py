# SPDX-License-Identifier: Apache-2.0
"""An answer without end is stopped while it is made, not after it has filled the memory."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from agentstack_exporters.clickhouse.chdb import ChdbStore, Config
from agentstack_processors.verdicts import Reject


@pytest.mark.parametrize(
    "query",
    [
        "SELECT number FROM numbers(1000000000)",
        "SELECT repeat('x', 10000) AS x FROM numbers(100000000)",
        "SELECT 1 AS a FROM numbers(1000000000)",
    ],
)
def test_an_answer_without_end_is_stopped_early_and_in_words(tmp_path: Path, query: str) -> None:
    store = ChdbStore(Config(path=tmp_path / "store", result_bytes=8 << 20))
    before = time.process_time()
    try:
        with pytest.raises(Reject, match=r"over the limit.*add a LIMIT"):
            store.query(query)
        assert time.process_time() - before < 5  # all of it would take minutes
        assert store.query("SELECT count() AS n FROM numbers(1000)") == [{"n": 1000}]
        assert len(store.query("SELECT number AS n FROM numbers(60000)")) == 60_000
    finally:
        store.close()


@pytest.mark.parametrize(
    "failing",
    [
        "SELECT throwIf(number = 600000) AS a FROM numbers(10000000)",
        "SELECT number AS a, sleepEachRow(0.0001) AS b FROM numbers(1000000)",
        "SELECT number AS a FROM numbers(1000000000)",
    ],
)
def test_nothing_of_a_query_that_failed_is_in_the_next_answer(tmp_path: Path, failing: str) -> None:
    store = ChdbStore(Config(path=tmp_path / "store", readers=1, query_seconds=1))
    try:
        for number in range(4):
            with pytest.raises(Reject):
                store.query(failing)
            assert store.query(f"SELECT {number} AS n") == [{"n": number}]
    finally:
        store.close()
