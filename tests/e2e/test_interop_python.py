# SPDX-License-Identifier: Apache-2.0
"""The stock Python exporters against a real `agentstack up`: the part of the interoperability
suite (`tests/services`) that needs no other language, so that it runs with every `make test`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import pytest

from tests.services.clients import CLIENTS, Client, Target
from tests.services.shared_trace import (
    COLUMNS,
    NOT_COMPARED,
    expected,
    normalised,
    query,
    stored,
)
from tests.services.up import Up

PYTHON = [client for client in CLIENTS if client.name.startswith("python")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(tmp_path_factory.mktemp("up") / "data")
    up.start()
    yield up
    assert up.stop() == 0, up.said()


@pytest.mark.parametrize("client", PYTHON, ids=lambda client: client.name)
def test_a_stock_exporter_s_rows_are_what_the_trace_says(client: Client, server: Up) -> None:
    trace_id, base = secrets.token_hex(16), int(time.time()) - 60
    client.send(Target(server.grpc, server.http), trace_id, base)
    want = expected(trace_id, base)
    server.wait_for(len(want), f"trace_id = '{trace_id}'")
    assert normalised(stored(server.sql(query(trace_id))), client.span_attributes) == want


def test_the_same_trace_sent_twice_is_stored_once(server: Up) -> None:
    trace_id, base = secrets.token_hex(16), int(time.time()) - 60
    for client in PYTHON[:1] * 2:
        client.send(Target(server.grpc, server.http), trace_id, base)
    other, where = secrets.token_hex(16), f"trace_id = '{trace_id}'"
    PYTHON[0].send(Target(server.grpc, server.http), other, base)
    server.wait_for(4, f"trace_id = '{other}'")  # later in the log, so both copies are stored
    assert server.count(where) == 4


def test_no_column_of_spans_is_left_out_of_the_comparison(server: Up) -> None:
    columns = server.sql(
        "SELECT name FROM system.columns WHERE table = 'spans'"
        " AND database = currentDatabase() AND default_kind NOT IN ('ALIAS', 'MATERIALIZED')"
    )
    assert {row["name"] for row in columns} == set(COLUMNS) | set(NOT_COMPARED)
