# SPDX-License-Identifier: Apache-2.0
"""The shipped rules are what the tests beside them say."""

from __future__ import annotations

import pytest
from agentstack_processors.security.engine import Config, load
from agentstack_processors.security.rules import CATEGORIES
from agentstack_processors.security.selftest import failures

RULES = load(Config())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_finds_what_its_file_says_and_nothing_it_must_not(rule):
    assert list(failures([rule])) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_has_tests_of_both_kinds_and_says_what_it_finds(rule):
    assert rule.matches
    assert rule.misses
    assert rule.description.endswith(".")


def test_every_category_has_rules():
    assert {rule.category for rule in RULES} == set(CATEGORIES)


def test_every_rule_of_folded_text_has_a_gate():
    assert [rule.id for rule in RULES if rule.view == "text" and not rule.stems] == []


def test_ids_are_those_of_the_documentation():
    from pathlib import Path

    page = Path(__file__).parents[3] / "docs" / "components" / "detection-rules.md"
    text = page.read_text("utf-8")
    assert [rule.id for rule in RULES if f"`{rule.id}`" not in text] == []
