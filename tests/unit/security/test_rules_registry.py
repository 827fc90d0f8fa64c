# SPDX-License-Identifier: Apache-2.0
"""Every id there is, and what is said of one that is none."""

from __future__ import annotations

import re
from pathlib import Path

import agentstack_processors.security as security
import pytest
from agentstack_processors.security.engine import Config, load
from agentstack_processors.security.names import unknown
from agentstack_processors.security.registry import WATCHES, ids

KNOWN = ids(Config())
SPOKEN = re.compile(r"\"((?:taint|loop|leak|anomaly|structure)\.[a-z_.-]+|obfuscation\.stuffed)\"")


def test_all_rules_that_any_part_tells_of_are_known():
    sources = Path(str(security.__file__)).parent.glob("*.py")
    told = {name for path in sources for name in SPOKEN.findall(path.read_text("utf-8"))}
    # these are made of a prefix and a kind
    told |= {"anomaly.latency", "anomaly.tokens", "anomaly.cost"}
    assert told == {watch.id for watch in WATCHES}


def test_the_manual_tells_of_every_rule_over_several_spans():
    manual = Path(__file__).parents[3] / "docs" / "components" / "detection-rules.md"
    text = manual.read_text("utf-8")
    assert [watch.id for watch in WATCHES if f"`{watch.id}`" not in text] == []


def test_rules_yara_watches_and_the_statistics_have_ids():
    assert {rule.id for rule in load(Config())} < KNOWN
    assert {"statistics", "yara.reverse_shell", "loop.cycle", "leak.pii.url"} < KNOWN


def test_the_users_own_have_too():
    own = 'rule crab { strings: $a = "x" condition: $a }'
    assert "yara.crab" in ids(Config(yara_folder=(("own.yar", own),)))


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("loop.same-calls", "loop.same-call"),
        ("injection.ignore-previous-instruction", "injection.ignore-previous-instructions"),
        ("statistic", "statistics"),
        ("spans.watch.pii.delegation-cycle", "structure.delegation-cycle"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(slip, meant):
    assert meant in unknown(slip, KNOWN)


def test_what_resembles_nothing_is_answered_with_where_to_look():
    assert "rules list" in unknown("qqqq", KNOWN)
    assert unknown("loop.cycle", KNOWN) == ""
