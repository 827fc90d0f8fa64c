# SPDX-License-Identifier: Apache-2.0
"""The stock clients against a stock sink: the facts our gateway is built on, kept true.

When one of these fails after an upgrade of a client, the table in `clients.py` is out of date.
"""

from __future__ import annotations

import secrets

import pytest

from tests.services.clients import CLIENTS, Client, Target
from tests.services.shared_trace import SHARED
from tests.services.sink import Received, Sink

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]


@pytest.fixture(params=CLIENTS, ids=lambda client: client.name)
def client(request: pytest.FixtureRequest) -> Client:
    chosen: Client = request.param
    return chosen


def _sent(client: Client, listening: Sink, base: int) -> Received:
    client.send(Target(listening.grpc, listening.http), secrets.token_hex(16), base)
    received = listening.calls.get(timeout=10)
    assert listening.calls.empty(), "the whole trace fits one request"
    return received


def test_the_trace_arrives_in_one_request_framed_as_documented(
    client: Client, listening: Sink, base: int
) -> None:
    received = _sent(client, listening, base)
    headers = received.headers
    assert received.transport == ("grpc" if "grpc" in client.name else "http")
    if received.transport == "http":
        is_json = headers["content-type"] == "application/json"
        assert is_json == ("json" in client.name)
        assert ("content-length" in headers) != client.name.startswith("js")
        assert (headers.get("transfer-encoding") == "chunked") == client.name.startswith("js")
        assert (headers.get("content-encoding") == "gzip") == client.name.endswith("gzip")
    else:
        # Whoever waits for ever must get an answer from us: the Java agent sets no deadline.
        deadline = "none" if client.name.startswith("java") else "10"
        assert headers["(deadline)"] == deadline
    spans = [
        span
        for resource in received.request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert sorted(span.span_id.hex() for span in spans) == [s["id"] for s in SHARED["spans"]]
    assert {span.flags & 0x100 for span in spans} == {0x100}
