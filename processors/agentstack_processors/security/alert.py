# SPDX-License-Identifier: Apache-2.0
"""What detection and budgets tell people: one row of `security_alerts`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made_by
from typing import Any, Literal

Severity = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]

LOW, MEDIUM, HIGH, CRITICAL = 30, 50, 70, 85
"""The least score of each severity; what scores less is not an alert."""


def severity(score: int) -> Severity | None:
    """The severity of a score between 0 and 100, or None below `LOW`."""
    if score >= CRITICAL:
        return "CRITICAL"
    if score >= HIGH:
        return "HIGH"
    if score >= MEDIUM:
        return "MEDIUM"
    return "LOW" if score >= LOW else None


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing somebody should look at.

    Attributes:
        project: Tenant.
        time: When it happened: nanoseconds since the epoch, of the span and not of its detection.
        trace_id: 32 hex digits, or '' where no single trace is meant (a budget).
        span_id: 16 hex digits, or ''.
        rule: Name of the rule or detector.
        category: What kind of threat.
        score: 0 to 100.
        description: One sentence for a person.
        field: Attribute key in which it was found, or ''.
        evidence: Short excerpt; made of scrubbed text only.
        conversation: Of the span.
        service_name: Likewise.
        agent: Likewise.
        rule_version: Generation of the rule.
        place: What tells two alerts of one rule in one field of one span apart, if there can be
            two; part of the id.
        attributes: Further facts: offsets, contributing rules, counts.
    """

    project: str
    time: int
    trace_id: str
    span_id: str
    rule: str
    category: str
    score: int
    description: str
    field: str = ""
    evidence: str = ""
    conversation: str = ""
    service_name: str = ""
    agent: str = ""
    rule_version: str = "1"
    place: str = ""
    attributes: Mapping[str, str] = made_by(default_factory=dict)

    @property
    def id(self) -> str:
        """32 hex digits out of where it was found and by what: detecting again gives it again."""
        parts = (self.project, self.trace_id, self.span_id, self.rule, self.field, self.place)
        text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=16).hexdigest()

    @property
    def severity(self) -> str:
        """LOW, MEDIUM, HIGH or CRITICAL; '' for a score that is no alert."""
        return severity(self.score) or ""

    def as_json(self) -> dict[str, Any]:
        """What goes over `alerts.live` and into webhooks."""
        return {
            "id": self.id,
            "project": self.project,
            "time_unix_nano": self.time,
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "rule": self.rule,
            "rule_version": self.rule_version,
            "category": self.category,
            "severity": self.severity,
            "score": self.score,
            "description": self.description,
            "field": self.field,
            "evidence": self.evidence,
            "conversation": self.conversation,
            "service_name": self.service_name,
            "agent": self.agent,
            "attributes": dict(self.attributes),
        }


__all__ = ["CRITICAL", "HIGH", "LOW", "MEDIUM", "Alert", "Severity", "severity"]
