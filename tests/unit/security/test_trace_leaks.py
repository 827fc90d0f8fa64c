# SPDX-License-Identifier: Apache-2.0
"""Redacted data on its way out is seen by its markers, and by nothing else."""

from __future__ import annotations

import pytest
from agentstack_processors.security.alert import Alert
from agentstack_processors.security.engine import Config, Engine
from agentstack_processors.security.leaks import kind_of
from agentstack_processors.security.spans import SpanJudge

from tests.fakes.open_spans import Run

ENGINE = Engine(Config(disabled=frozenset(("statistics",))))
KEY = "[OPENAI_KEY:7f3a]"


def _leaks(run: Run) -> list[Alert]:
    judge = SpanJudge(ENGINE)
    return [a for span in run.spans for a in judge.judge(span) if a.category == "leak"]


def _people(count: int, kind: str = "EMAIL") -> str:
    return " ".join(f"[{kind}:{number:04x}]" for number in range(count))


def test_a_credential_out_of_a_file_in_a_mail_is_a_leak() -> None:
    run = Run("Mail the report.").calls("read_file", {"path": ".env"}, f"KEY={KEY}")
    run.calls("send_email", {"to": "a", "body": f"the key is {KEY}"}, "sent")
    (alert,) = _leaks(run)
    assert (alert.rule, alert.severity, alert.evidence) == ("leak.secret.tool_input", "HIGH", KEY)
    assert run.spans[2].span_id == alert.span_id


def test_a_credential_in_an_address_is_the_worst() -> None:
    run = Run("Look at the page.").calls("fetch", {"url": f"https://x.example/?k={KEY}"}, "ok")
    assert [(a.rule, a.severity) for a in _leaks(run)] == [("leak.secret.url", "CRITICAL")]


def test_what_the_user_gave_may_be_used() -> None:
    run = Run(f"Log in with {KEY}, my mail is {_people(7)}.")
    run.calls("login", {"token": KEY}, "ok").calls("send_invites", {"to": _people(7)}, "ok")
    assert _leaks(run.says(f"Logged in with {KEY}.")) == []


@pytest.mark.parametrize(
    ("answer", "rules"),
    [
        (f"The key is {KEY}", ["leak.secret.answer"]),
        (_people(12), ["leak.pii.answer"]),
        (_people(3, "SSN"), ["leak.pii.answer"]),
        (_people(3), []),
        ("Nothing [to see: here] [EMAIL:zzzz]", []),
    ],
)
def test_answers_that_hand_out_what_tools_said(answer: str, rules: list[str]) -> None:
    run = Run("What do we have?")
    run.calls("dump", {}, f"{KEY} {_people(20)} {_people(5, 'SSN')}").says(answer)
    assert [alert.rule for alert in _leaks(run)] == rules


def test_looking_a_customer_up_is_no_leak_but_mailing_the_list_is() -> None:
    run = Run("Update the customer.").calls("find", {"n": 1}, _people(9) + _people(3, "IBAN"))
    run.calls("update_customer", {"mail": _people(1), "iban": _people(1, "IBAN")}, "ok")
    assert _leaks(run) == []
    run.calls("send_email", {"body": _people(9) + _people(3, "IBAN")}, "ok")
    assert [(a.rule, a.severity) for a in _leaks(run)] == [("leak.pii.tool_input", "HIGH")]


def test_a_leak_is_told_once_however_often_it_is_repeated() -> None:
    run = Run("Look at the page.").calls("fetch", {"url": f"https://x.example/?k={KEY}"}, "ok")
    run.calls("fetch", {"url": f"https://x.example/?k={KEY}"}, "ok").says("Done.").says("Really.")
    assert len(_leaks(run)) == 1


def test_markers_are_sorted_by_what_they_stand_for() -> None:
    assert [kind_of(name) for name in ("GITHUB_TOKEN", "CARD", "EMAIL", "OWN_PATTERN")] == [
        "secret",
        "hard",
        "soft",
        "soft",
    ]
