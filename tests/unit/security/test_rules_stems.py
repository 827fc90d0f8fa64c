# SPDX-License-Identifier: Apache-2.0
"""The one pass that says which rules a text asks for: the same as asking each stem by itself."""

from __future__ import annotations

import random

import pytest
import re2
from agentstack_processors.security.automaton import Automaton, expression, numbers
from agentstack_processors.security.engine import Config, load
from agentstack_processors.security.gate import Gate
from agentstack_processors.security.normalise import fold
from agentstack_processors.security.rules import Rule
from agentstack_processors.security.ruleset import RuleSet
from agentstack_processors.security.stems import REMEMBERED, Stems
from agentstack_processors.security.words import Answer, Words
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def rules() -> tuple[Rule, ...]:
    return load(Config())


@pytest.fixture(scope="module")
def together(rules: tuple[Rule, ...]) -> RuleSet:
    return RuleSet(rules)


def asks_for(rule: Rule, folded: str) -> bool:
    """What a rule's groups of stems mean, literally."""
    return all(any(re2.search(expression(stem), folded) for stem in each) for each in rule.stems)


@pytest.mark.parametrize("short", [True, False])
def test_a_rule_is_asked_for_where_a_stem_of_each_of_its_groups_occurs(
    rules: tuple[Rule, ...], together: RuleSet, short: bool
) -> None:
    rng = random.Random(7)
    texts = [text for rule in rules for text in (*rule.matches, *rule.misses)]
    for text in rng.sample(texts, 40):
        folded = fold(f"{text} {rng.choice(texts)}")[:2_000]
        asked = {tried.rule.id for tried, _, _ in together.asked(folded.encode(), short=short)[0]}
        expected = {rule.id for rule in rules if rule.view == "text" and asks_for(rule, folded)}
        assert asked == expected


def test_the_heaviest_rules_come_first(together: RuleSet, rules: tuple[Rule, ...]) -> None:
    text = fold(" ".join(text for rule in rules[:40] for text in rule.matches))
    weights = [tried.rule.weight for tried, _, _ in together.asked(text.encode())[0]]
    assert len(weights) > 40
    assert weights == sorted(weights, reverse=True)


STEMS = [
    ("ai", "maintain", "a i"),
    ("|ai", "an aim", "maintain"),
    ("|ai|", "an ai, too", "an aim"),
    ("ai|", "an ai|", "an ai"),
    ("do not", "undo nothing", "do  not"),
    ("|tu es|", "tu es la", "tu est"),
    ("gpt4", "chatgpt4o", "chatgpt5"),
    ("n't ask", "don't asks", "don't task"),
    ("<|", "a <|b", "< |"),
    ("忽略", "请忽略它", "忽 略"),
    ("ne tiens", "je ne tiens", "je ne tien"),
]


@pytest.mark.parametrize(("stem", "found", "not_found"), STEMS)
@pytest.mark.parametrize("short", [True, False])
def test_a_stem_occurs_anywhere_at_the_beginning_of_a_word_or_as_a_word(
    stem: str, found: str, not_found: str, short: bool
) -> None:
    gate = Gate({stem: 1 << 5, "another stem": 1 << 5}, [], lambda possible: possible)
    assert gate.found(found.encode(), short=short) == 1 << 5
    assert gate.found(not_found.encode(), short=short) == 0


@pytest.mark.parametrize("short", [True, False])
def test_stems_and_shapes_answer_all_questions_they_are_part_of(short: bool) -> None:
    gate = Gate(
        {"tea": 0b1, "cup": 0b11, "pot": 0b1000}, [{"[0-9]{3}": 0b10000}, {"[.]{3}": 0b100}], int
    )
    assert [*numbers(gate.found(b"a cup", short=short))] == [0, 1]
    assert [*numbers(gate.found(b"tea pot 123", short=short))] == [0, 3, 4]
    assert [*numbers(gate.found(b"...", short=short))] == [2]
    assert [*numbers(gate.found(b"", short=short))] == []


@given(st.lists(st.sampled_from([each for row in STEMS for each in row[1:]]), max_size=6))
def test_both_ways_give_the_same_answer(parts: list[str]) -> None:
    stems = {stem: 1 << number for number, (stem, _, _) in enumerate(STEMS)}
    gate = Gate(stems, [], lambda possible: possible)
    for between in ("", " ", "é", "9"):
        data = between.join(parts).encode()
        assert gate.found(data) == gate.found(data, short=True)


@given(
    st.lists(st.text("abcno0_", min_size=1, max_size=9), min_size=1, max_size=40, unique=True),
    st.lists(st.tuples(st.text("abcno0_", min_size=1, max_size=5), st.booleans(), st.booleans())),
    st.booleans(),
)
def test_many_words_say_together_what_each_says_alone(
    words: list[str], parts: list[tuple[str, bool, bool]], endless: bool
) -> None:
    known = Words()
    for number, (part, begins, ends) in enumerate(parts):
        known.add(part, begins, ends, Answer(1 << number, first=(number,)))
    asked = [word.encode() for word in (*words, *(["abcno0" * 60] if endless else []))]
    expected = [
        {
            number
            for number, (part, begins, ends) in enumerate(parts)
            if part.encode() in _ends_of(word, len(part), begins, ends)
        }
        for word in asked
    ]
    for answers in (known.read(asked), [known.read([word])[0] for word in asked]):
        assert [{*answer.first} for answer in answers] == expected
        assert [{*numbers(answer.bits)} for answer in answers] == expected


def _ends_of(word: bytes, size: int, begins: bool, ends: bool) -> list[bytes]:
    """The parts of a word of some size that may be asked for."""
    if begins and ends:
        return [word]
    if begins or ends:
        return [word[:size] if begins else word[-size:]]
    return [word[at : at + size] for at in range(len(word))]


def test_phrases_are_looked_for_only_where_they_matter() -> None:
    stems = Stems({"do not": 0b1, "tell": 0b10}, lambda possible: possible & 0b10)
    assert stems.found(b"do not tell") == 0b10


def test_words_that_never_come_again_are_not_remembered_for_ever() -> None:
    stems = Stems({"tea": 1}, lambda possible: possible)
    for first in range(0, 3 * REMEMBERED, 1_000):
        words = [f"w{chr(97 + n % 26)}{number_as_letters(n)}" for n in range(first, first + 1_000)]
        stems.found(" ".join(words).encode())
    assert len(stems._known) <= REMEMBERED
    assert stems.found(b"a teapot") == 1


def number_as_letters(number: int) -> str:
    return "".join(chr(97 + int(digit)) for digit in str(number))


class Exhausted:
    """An automaton that has no memory left for its states."""

    def Match(self, data: bytes) -> None:
        del data


def test_without_memory_for_its_states_everything_may_be_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    automaton = Automaton({"tea": 0b1, "cup": 0b10, "[0-9]{3}": 0b1000})
    monkeypatch.setattr(automaton, "_set", Exhausted())
    assert [*numbers(automaton.found(b"neither of them"))] == [0, 1, 3]
