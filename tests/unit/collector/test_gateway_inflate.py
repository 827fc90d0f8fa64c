# SPDX-License-Identifier: Apache-2.0
"""Decompression that is bounded by the budget and not by the sender."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from agentstack_processors.verdicts import ConfigError, Reject, Retry

from agentstack_otel.collector.admission import Admission, Config
from agentstack_otel.collector.inflate import inflate, inflate_grpc

LIMITS = Config(request=8 << 20, in_flight=64 << 20)


def _ignore(_: int) -> None: ...


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_bomb_costs_no_more_memory_than_the_cap(
    name: str, pack: Callable[[bytes], bytes]
) -> None:
    bomb = pack(bytes(200 << 20))
    grown: list[int] = []
    tracemalloc.start()
    try:
        with pytest.raises(Reject) as caught:
            inflate(bomb, name, LIMITS, grown.append)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.too_large
    assert sum(grown) <= LIMITS.request
    assert peak < 2.5 * LIMITS.request


def test_a_small_bomb_is_caught_by_its_ratio() -> None:
    limits = Config(ratio=10, ratio_from=1000)
    with pytest.raises(Reject, match="decompressed body is more than"):
        inflate(gzip.compress(bytes(100_000)), "gzip", limits, _ignore)
    assert inflate(gzip.compress(bytes(1000)), "gzip", limits, _ignore) == bytes(1000)


def test_memory_is_asked_for_as_it_grows_and_not_before_it_is_there() -> None:
    asked: list[int] = []

    def refuse_the_third(size: int) -> None:
        asked.append(size)
        if len(asked) == 3:
            raise Retry("enough")

    with pytest.raises(Retry):
        inflate(gzip.compress(bytes(8 << 20)), "gzip", LIMITS, refuse_the_third)
    assert sum(asked) <= 3 << 20


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 5 << 20])
def test_every_size_comes_back_whole(size: int) -> None:
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    assert inflate(gzip.compress(body), "gzip", LIMITS, _ignore) == body
    assert inflate(zlib.compress(body), "deflate", LIMITS, _ignore) == body
    assert inflate_grpc(gzip.compress(body), LIMITS, _ignore) == body
    assert inflate_grpc(zlib.compress(body), LIMITS, _ignore) == body
    if body[:2] != b"\x1f\x8b":
        assert inflate_grpc(body, LIMITS, _ignore) == body


def test_a_plain_message_that_starts_like_zlib_is_plain() -> None:
    message = b"\x78\x01\x0a\x00"  # unknown field 15 = 1, then an empty resource_spans
    assert inflate_grpc(message, LIMITS, _ignore) == message
    assert inflate_grpc(b"\x78\x9c\x01", LIMITS, _ignore) == b"\x78\x9c\x01"


def test_the_budget_is_shared_and_given_back() -> None:
    admission = Admission(Config(request=100, in_flight=100))
    first, second = admission.ticket(), admission.ticket()
    first.grow(60)
    with pytest.raises(Retry):
        second.grow(41)
    second.grow(40)
    assert (admission.held, admission.stress) == (100, 100)
    first.close()
    first.close()
    second.close()
    assert (admission.held, admission.stress) == (0, 0)


def test_a_budget_below_one_request_makes_no_sense() -> None:
    with pytest.raises(ConfigError, match="in_flight"):
        Config(request=100, in_flight=99).validate()
