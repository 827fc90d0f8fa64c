# SPDX-License-Identifier: Apache-2.0
"""Use or mention: whether a text makes the attack a rule found, or talks about it."""

from __future__ import annotations

import re

BEFORE = 160
AFTER = 80
NEGATED = 0.15
QUOTED = 0.55
REPORTED = 0.45
FENCED = 0.6
ABOUT = (1.0, 0.9, 0.7, 0.5, 0.4)
"""Factor by how many different words of the trade the whole text uses."""
LEAST = 0.25

_NEGATION = re.compile(
    r"(?:\bnever|\bnot|n't|\bcannot|\bwithout|\brefus\w+ to|\bdecline to|\bavoid|\bunable to"
    r"|\bforbidden to|\bprohibited from|\bprevents?|\bprotects? (?:you )?(?:against|from)"
    r"|\binstead of|\brather than)(?:\s+(?:ever|to|under any circumstances?,?|reveal\w*|be|try to"
    r"|attempt to|directly|in any way|users?|anyone|from|directly or indirectly)){0,4}[\s,:]*$"
)
_REPORT = re.compile(
    r"\b(?:for example|for instance|e\.g\.|such as|like|examples?|says?|said|saying"
    r"|stat(?:es|ed|ing)|contain(?:s|ed|ing)?|includ(?:es|ed|ing)|phrases?|strings?|text|called"
    r"|known as|payload|prompts? (?:like|such as)|attackers? (?:may|might|can|could|will)"
    r"|(?:may|might|could|can) (?:then )?(?:try|attempt|ask|instruct|trick)\w*"
    r"|(?:try|tries|tried|trying|attempts?|attempting|attempted) to|asked|asks|told|wrote"
    r"|instructed|tricked|designed to|aim(?:s|ed)? to|used to|wants? to"
    r"|flags?|detects?|blocks?|catch(?:es)?)\b[^.!?\n]{0,60}$"
)
_TRADE = re.compile(
    r"\b(?:prompt[ -]injections?|injection attacks?|jailbreak(?:s|ing)? (?:attempts?|attacks?"
    r"|detection)|attackers?|adversar(?:y|ial|ies)|vulnerabilit(?:y|ies)|mitigat(?:e|es|ion|ions)"
    r"|red[ -]team(?:ing|s|ers)?|guardrails?|owasp|exploit(?:s|ation)?|malicious|payloads?"
    r"|scanners?|detectors?|threat models?|security (?:research(?:ers?)?|teams?|reviews?|risks?)"
    r"|benchmarks?|datasets?|probes?|llm01|cve-\d+|false positives?|classifiers?"
    r"|attack(?:s)? (?:success|surface|vectors?|types?|techniques?)|defen[cs]es?"
    r"|evaluat(?:e|ion|ing))\b"
)
_QUOTES = "\"'`"


def factor(text: str, start: int, end: int) -> float:
    """How much of a rule's weight is left for a match at `start:end` of the folded `text`."""
    before = text[max(0, start - BEFORE) : start]
    value = NEGATED if _NEGATION.search(before[-70:]) else 1.0
    quoted = _quoted(before, text[end : end + AFTER])
    if quoted:
        value *= QUOTED
    if _REPORT.search(before):
        value *= REPORTED
    if text.count("```", 0, start) % 2:
        value *= FENCED
    return max(LEAST if value >= LEAST else value, value)


def about(text: str) -> float:
    """The factor of a text that uses the words of the trade."""
    words = {match[0][:8] for match in _TRADE.finditer(text)}
    return ABOUT[min(len(words), len(ABOUT) - 1)]


def _quoted(before: str, after: str) -> bool:
    """Whether the match stands within quotation marks on its own line."""
    left = before.rsplit("\n", 1)[-1]
    right = after.split("\n", 1)[0]
    for mark in _QUOTES:
        opened = left.rfind(mark)
        if opened < 0 or mark not in right:
            continue
        if left.count(mark) % 2 and (opened == 0 or not left[opened - 1].isalnum()):
            return True
    return False


__all__ = ["about", "factor"]
