# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from agentstack_processors.redaction import Redactor, scout
from agentstack_processors.redaction.patterns import PATTERNS
from agentstack_processors.redaction.requests import RequestFilter

from tests.fakes.planted_secrets import SECRETS, TRACE_FIELDS, a_request

_WITHOUT_RE2 = """
import sys
sys.modules["re2"] = None  # as if it were not installed
from agentstack_processors.redaction import Redactor
redactor = Redactor()
for line in sys.stdin:
    print(redactor.suspicious(bytes.fromhex(line)))
"""


def test_every_expression_of_the_scout_stands_for_a_needle_of_the_table():
    needles = {literal.encode() for row in PATTERNS for literal in row.literals}
    needles |= {needle for row in PATTERNS for needle in (*row.words, *row.shapes)}
    assert set(scout._AROUND) <= needles


def test_a_row_the_scout_was_told_nothing_about_is_asked_for_by_its_needle():
    pytest.importorskip("re2")
    found = scout.Scout([b"x+y"], [b'iban-00"'])
    assert [place[0] for place in found.places(b"say x+y, then IBAN 12' and iban_12\\")] == [
        4,
        14,
        27,
    ]


def test_without_re2_the_same_requests_are_suspicious():
    payloads = [TRACE_FIELDS["attribute"](text).SerializeToString() for text, _ in SECRETS.values()]
    payloads.append(a_request().SerializeToString())
    answered = subprocess.run(
        [sys.executable, "-c", _WITHOUT_RE2],
        input="\n".join(payload.hex() for payload in payloads),
        capture_output=True,
        text=True,
        check=True,
    )
    redactor = Redactor()
    expected = [redactor.suspicious(payload) for payload in payloads]
    assert answered.stdout.split() == [str(answer) for answer in expected]
    assert expected == [True] * len(SECRETS) + [False]


def test_judging_with_re2_costs_less_than_half():
    pytest.importorskip("re2")
    text = "The agent looked up booking #4521 for $12.50 on 2026-03-14T10:30:00Z. " * 5000
    payload = TRACE_FIELDS["attribute"](text).SerializeToString()

    def cost(judge: RequestFilter) -> float:
        times = []
        for _ in range(5):
            begin = time.process_time()
            assert not judge.suspicious(payload)
            times.append(time.process_time() - begin)
        return min(times)

    assert cost(RequestFilter(PATTERNS)) < cost(RequestFilter(PATTERNS, scout=False)) / 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_builds_its_own_automaton():
    pytest.importorskip("re2")
    redactor, payload = Redactor(), TRACE_FIELDS["attribute"]("bob@example.com").SerializeToString()
    assert redactor.suspicious(payload)
    regex = redactor._requests._scout._regex
    parents = scout._compiled(regex)
    child = os.fork()
    if child == 0:
        afresh = scout._compiled.cache_info().currsize == 0
        well = redactor.suspicious(payload) and scout._compiled(regex) is not parents
        os._exit(0 if afresh and well else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("scouted", [True, False])
def test_a_request_full_of_words_that_need_a_number_nearby_is_opened_not_pondered(scouted: bool):
    judge = RequestFilter(PATTERNS, scout=scouted)
    few = TRACE_FIELDS["attribute"]("<div className='a'>" * 20).SerializeToString()
    many = TRACE_FIELDS["attribute"]("className " * 50_000).SerializeToString()
    assert not judge.suspicious(few)
    assert judge.suspicious(many)
