# SPDX-License-Identifier: Apache-2.0
"""Modes, patterns of one's own, allow-lists, and what counts as a runaway expression."""

from __future__ import annotations

import re
import time

import pytest
from agentstack_processors.redaction import FAILED, Config, Custom, Redactor
from agentstack_processors.redaction.backtracking import hazard
from agentstack_processors.redaction.validators import is_marker
from agentstack_processors.verdicts import ConfigError

_TEXT = "card 4111 1111 1111 1111, mail bob@example.com, end"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("replace", r"card \[CARD:[0-9a-f]{4}\], mail \[EMAIL:[0-9a-f]{4}\], end"),
        ("hash", r"card \[CARD:[0-9a-f]{16}\], mail \[EMAIL:[0-9a-f]{16}\], end"),
        (
            "mask",
            r"card \[CARD:[0-9a-f]{4}:\*{12}1111\], mail \[EMAIL:[0-9a-f]{4}:\*{15}\], end",
        ),
        ("drop", "card , mail , end"),
    ],
)
def test_the_mode_says_what_stands_in_the_place_of_a_value(mode, expected):
    redactor = Redactor(Config(key="k", mode=mode))
    scrubbed = redactor.scrub(_TEXT)
    assert re.fullmatch(expected, scrubbed), scrubbed
    assert redactor.scrub(scrubbed) == scrubbed


@pytest.mark.parametrize("mode", ["replace", "hash", "mask"])
def test_equal_values_stay_correlatable_and_markers_are_known_as_such(mode):
    redactor = Redactor(Config(key="k", mode=mode))
    first, second = redactor.scrub("a@b.io"), redactor.scrub("A@B.IO")
    assert first == second
    assert is_marker(first)
    key = redactor.scrub_attribute("db.password", "hunter2")
    assert redactor.scrub_attribute("db.password", key) == key


def test_a_pattern_of_ones_own_is_applied_and_goes_before_the_others():
    own = Custom("EMPLOYEE_ID", r"EMP-([0-9]{6})", group=1, literals=("EMP-",))
    redactor = Redactor(Config(key="k", custom=(own,)))
    assert re.fullmatch(
        r"ask EMP-\[EMPLOYEE_ID:[0-9a-f]{4}\] x", redactor.scrub("ask EMP-123456 x")
    )
    only = Redactor(Config(key="k", custom=(own,), types=("EMPLOYEE_ID",)))
    assert only.scrub("bob@example.com") == "bob@example.com"


def test_values_on_the_allow_list_stay():
    redactor = Redactor(Config(key="k", allow=(r"[a-z]{1,20}@example\.com", "4111 1111 1111 1111")))
    assert redactor.scrub(_TEXT) == _TEXT
    assert "[EMAIL:" in redactor.scrub("bob@example.org")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (Config(mode="shred"), "mode: 'shred'"),
        (Config(types=("NOPE",)), "NOPE unknown"),
        (Config(custom=(Custom("lower", "x{3}"),)), "'lower' is no new type"),
        (Config(custom=(Custom("EMAIL", "x{3}"),)), "'EMAIL' is no new type"),
        (Config(custom=(Custom("MINE", "(x"),)), "no regular expression"),
        (Config(custom=(Custom("MINE", "x?"),)), "matches nothing at all"),
        (Config(custom=(Custom("MINE", "x{3}", group=2),)), "no group 2"),
        (Config(custom=(Custom("MINE", "x" * 2000),)), "longer than"),
        (Config(custom=(Custom("MINE", "(a+)+b"),)), "could take for ever"),
        (Config(allow=("(a|a)*b",)), "allow: .* could take for ever"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(config, said):
    with pytest.raises(ConfigError, match=said):
        config.validate()
    with pytest.raises(ConfigError, match=said):
        Redactor(config)


@pytest.mark.parametrize(
    "regex",
    [
        r"(a+)+b", r"(a|a)*b", r"(a|ab)*c", r"(?:ab)+", r"(x+x+)+y", r"\w+@\w+", r"\d+-\d+",
        r"x.*y", r"(a{1,30}){1,30}", r"[a-z]{0,64}[a-z0-9]{0,64}[a-z]{0,64}x", r"#\d+\w+",
        r"(?=a+)b", r"a+b", r"(.)\1+x", r"(?:a?){50}a{50}", r"ID\s*.*\s*x",
        r"(?:\w{1,9}\s?){1,50}!",
    ],
)  # fmt: skip
def test_expressions_that_could_run_away_are_refused(regex):
    assert hazard(regex)


@pytest.mark.parametrize(
    "regex",
    [
        r"EMP-\d{6}", r"EMP-\d+", r"EMP-\d+\b", r"ID:\s*\d+", r"[a-z]{1,20}-[0-9]+",
        r"(?i)emp[0-9]{4,8}",
        r"\bCASE-(?:19|20)\d{2}-\d{4,6}\b", r"A[^A]*B", r"(?<!x)ACME_[A-Za-z0-9]{32}", r"#[^\s#]+",
        r"(?:AB|CD)[0-9]{6}[A-Z]?",
    ],
)  # fmt: skip
def test_harmless_expressions_are_welcome_and_are_linear_indeed(regex):
    assert hazard(regex) == ""
    compiled = re.compile(regex)
    for piece in ("EMP-1", "ID: 1", "a-", "A", "#a", "CASE-2024-", "ab0", "1", " "):
        costs = []
        for size in (20_000, 200_000):
            text = piece * (size // len(piece))
            begin = time.process_time()
            sum(1 for _ in compiled.finditer(text))
            costs.append(time.process_time() - begin)
        assert costs[1] < 40 * max(costs[0], 0.0005), piece


class _Unreadable(str):
    def encode(self, *args, **kwargs):
        raise MemoryError


def test_what_cannot_be_judged_is_withheld_and_counted():
    redactor = Redactor(Config(key="k"))
    assert redactor.scrub("fine bob@example.com") != FAILED
    assert redactor.failures == 0
    assert redactor.scrub(_Unreadable("bob@example.com")) == FAILED
    assert redactor.scrub_attribute("note", _Unreadable("bob@example.com")) == FAILED
    assert redactor.scrub_parts([_Unreadable("bob@"), 7]) == [FAILED, FAILED]
    assert redactor.failures == 3
