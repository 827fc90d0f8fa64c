# SPDX-License-Identifier: Apache-2.0
"""Times in and out."""

from __future__ import annotations

import pytest
from agentstack_processors.verdicts import ConfigError

from agentstack_otel.query.times import iso, since

NOW = 1_795_000_000_000_000_000


def test_iso_keeps_every_nanosecond():
    assert iso(1_795_000_000_123_456_789) == "2026-11-18T11:06:40.123456789Z"
    assert iso(1) == "1970-01-01T00:00:00.000000001Z"


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("2h", 7200), ("7d", 604_800), ("1.5h", 5400)]
)
def test_an_age_counts_back_from_now(text, seconds):
    assert since(text, NOW) == NOW - seconds * 10**9


def test_a_time_without_zone_is_utc():
    assert since("2026-11-18T11:06:40", NOW) == since("2026-11-18T11:06:40Z", NOW) == NOW
    assert since("2026-11-18T12:06:40+01:00", NOW) == NOW


@pytest.mark.parametrize("text", ["yesterday", "", "-5m", "5 lightyears", "9" * 400 + "d"])
def test_anything_else_is_refused_with_examples(text):
    with pytest.raises(ConfigError, match="15m"):
        since(text, NOW)
