# SPDX-License-Identifier: Apache-2.0
"""Kinds of texts that are kept out of the training are written and measured."""

from __future__ import annotations

from training.collected import UNTAUGHT
from training.generated import generated
from training.probe import PROBES, probe, written


def test_every_kind_has_a_row_with_shares() -> None:
    rows = [line.split(" | ") for line in probe(0.01, 1).split("\n")[2:]]
    kinds = [row[0].strip(" |").split(", ")[0] for row in rows]
    assert kinds[: len(PROBES)] == [rule for _, rule, _, _ in PROBES]
    assert sorted(kinds[len(PROBES) :]) == sorted(UNTAUGHT)
    assert all(0 <= float(share.strip(" |")) <= 1 for row in rows for share in row[2:])


def test_the_same_seed_writes_the_same_texts() -> None:
    first, second = (written("agents", "agent_order", 20, seed=3) for _ in range(2))
    assert first == second
    assert first != written("agents", "agent_order", 20, seed=4)


def test_no_kind_is_taught() -> None:
    taught = {text.source for text in generated(0.01, 1)}
    assert not taught & {f"made-{rule}" for _, rule, _, _ in PROBES}
