# SPDX-License-Identifier: Apache-2.0
"""The one pass that says which rules a text asks for: the same as asking each stem by itself."""

from __future__ import annotations

import random

import pytest
import re2
from agentstack_processors.security.engine import Config, load
from agentstack_processors.security.normalise import fold
from agentstack_processors.security.rules import Rule
from agentstack_processors.security.ruleset import RuleSet
from agentstack_processors.security.stems import Stems, expression, numbers


@pytest.fixture(scope="module")
def rules() -> tuple[Rule, ...]:
    return load(Config())


@pytest.fixture(scope="module")
def together(rules: tuple[Rule, ...]) -> RuleSet:
    return RuleSet(rules)


def asks_for(rule: Rule, folded: str) -> bool:
    """What a rule's groups of stems mean, literally."""
    return all(any(re2.search(expression(stem), folded) for stem in each) for each in rule.stems)


def test_a_rule_is_asked_for_where_a_stem_of_each_of_its_groups_occurs(
    rules: tuple[Rule, ...], together: RuleSet
) -> None:
    rng = random.Random(7)
    texts = [text for rule in rules for text in (*rule.matches, *rule.misses)]
    for text in rng.sample(texts, 60):
        folded = fold(f"{text} {rng.choice(texts)}")[:2_000]
        asked = {tried.rule.id for tried, _, _ in together.asked(folded.encode())[0]}
        expected = {rule.id for rule in rules if rule.view == "text" and asks_for(rule, folded)}
        assert asked == expected


def test_the_heaviest_rules_come_first(together: RuleSet, rules: tuple[Rule, ...]) -> None:
    text = fold(" ".join(text for rule in rules[:40] for text in rule.matches))
    weights = [tried.rule.weight for tried, _, _ in together.asked(text.encode())[0]]
    assert len(weights) > 40
    assert weights == sorted(weights, reverse=True)


@pytest.mark.parametrize(
    ("stem", "found", "not_found"),
    [
        ("ai", "maintain", "a i"),
        ("|ai", "an aim", "maintain"),
        ("|ai|", "an ai, too", "an aim"),
        ("do not", "undo nothing", "do  not"),
        ("|tu es|", "tu es la", "tu est"),
        ("<|", "a <|b", "< |"),
        ("忽略", "请忽略它", "忽 略"),
    ],
)
def test_a_stem_occurs_anywhere_at_the_beginning_of_a_word_or_as_a_word(
    stem: str, found: str, not_found: str
) -> None:
    stems = Stems({5: [stem, "another stem"]})
    assert stems.found(found.encode()) == 1 << 5
    assert stems.found(not_found.encode()) == 0


def test_one_stem_answers_all_questions_it_is_part_of() -> None:
    stems = Stems({0: ["tea", "cup"], 1: ["cup"], 3: ["pot"]}, {4: ["[0-9]{3}"]})
    assert [*numbers(stems.found(b"a cup"))] == [0, 1]
    assert [*numbers(stems.found(b"tea pot 123"))] == [0, 3, 4]
    assert [*numbers(stems.found(b""))] == []


class Exhausted:
    """An automaton that has no memory left for its states."""

    def Match(self, data: bytes) -> None:
        del data


def test_without_memory_for_its_states_everything_may_be_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stems = Stems({0: ["tea"], 1: ["cup"]}, {3: ["[0-9]{3}"]})
    monkeypatch.setattr(stems, "_set", Exhausted())
    assert [*numbers(stems.found(b"neither of them"))] == [0, 1, 3]
