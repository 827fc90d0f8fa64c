# SPDX-License-Identifier: Apache-2.0
"""One trace, twelve ways in: every stock client's rows equal the expectation, hence each other."""

from __future__ import annotations

import secrets

import pytest

from tests.services.clients import CLIENTS, Client, Target
from tests.services.shared_trace import (
    expected,
    normalised,
    query,
    stored,
)
from tests.services.up import Up

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_the_stored_rows_are_what_the_trace_says(client: Client, server: Up, base: int) -> None:
    trace_id = secrets.token_hex(16)
    client.send(Target(server.grpc, server.http), trace_id, base)
    want = expected(trace_id, base)
    server.wait_for(len(want), f"trace_id = '{trace_id}'")
    rows = stored(server.sql(query(trace_id)))
    assert normalised(rows, client.span_attributes) == want
