# SPDX-License-Identifier: Apache-2.0
"""A `--url` that is no address is one sentence and code 2, whatever it is made of."""

from __future__ import annotations

import pytest

from agentstack_otel.cli.exits import USAGE, Fault
from agentstack_otel.cli.remote import RemoteSource


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://\x1b[31m",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
        "http://a b",
        "http://h\nx",
        "http://",
        "ftp://x",
        "http://h:0",
    ],
)
def test_what_is_no_address_is_named(url: str) -> None:
    with pytest.raises(Fault, match="is no address of a server") as fault:
        RemoteSource(url)
    assert fault.value.code == USAGE


@pytest.mark.parametrize("url", ["127.0.0.1:4320", "http://[::1]:4320/", "https://host/base"])
def test_an_address_is_taken(url: str) -> None:
    assert RemoteSource(url).url.endswith(url.rstrip("/"))
