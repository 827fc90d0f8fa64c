# SPDX-License-Identifier: Apache-2.0
"""Acknowledged means durable: SIGKILL under load, again and again, on one data folder.

`AGENTSTACK_TEST_KILL_ROUNDS` (default 8) and `AGENTSTACK_TEST_KILL_SEED` (default 1) repeat a run.
"""

from __future__ import annotations

import os

import pytest

from benchmarks import kill9

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(900)]


def test_every_acknowledged_span_is_there_exactly_once() -> None:
    rounds = int(os.environ.get("AGENTSTACK_TEST_KILL_ROUNDS", "8"))
    seed = int(os.environ.get("AGENTSTACK_TEST_KILL_SEED", "1"))
    spans = 64
    result = kill9.measure(rounds, seed, spans=spans)
    assert result["spans_acknowledged"] > 20 * spans, f"hardly any load: {result}"
    assert result["requests_sent_again"] > 0, f"no kill ever hit a request: {result}"
    assert result["spans_lost"] == 0, result
    assert result["duplicates_after_final"] == 0, result
    assert result["spans_damaged"] == 0, result
    assert result["spans_of_nobody"] == 0, result
    # The store itself never inserts a record twice; only a request sent again can be there twice.
    assert result["duplicates_before_final"] <= result["requests_sent_again"] * spans, result
    assert result["exit_code_after_sigterm"] == 0, result
