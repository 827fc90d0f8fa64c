# SPDX-License-Identifier: Apache-2.0
"""Where something was seen, kept after the span itself is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from agentstack_processors.otlp.opened import OpenSpan
from agentstack_processors.security.alert import Alert


class Where(NamedTuple):
    """What an alert needs to know of its span."""

    project: str
    trace_id: str
    span_id: str
    time: int
    conversation: str
    service_name: str
    agent: str

    @classmethod
    def of(cls, span: OpenSpan) -> Where:
        """Of a span; the time is its end."""
        return cls(
            span.project,
            span.trace_id,
            span.span_id,
            span.end,
            span.conversation,
            span.service_name,
            span.agent,
        )

    def alert(
        self,
        rule: str,
        category: str,
        score: float,
        description: str,
        *,
        field: str = "",
        evidence: str = "",
        place: str = "",
        attributes: Mapping[str, str] | None = None,
    ) -> Alert:
        """An alert on this span; the score is cut to 0 to 100."""
        return Alert(
            project=self.project,
            time=self.time,
            trace_id=self.trace_id,
            span_id=self.span_id,
            rule=rule,
            category=category,
            score=max(0, min(100, round(score))),
            description=description,
            field=field,
            evidence=evidence,
            conversation=self.conversation,
            service_name=self.service_name,
            agent=self.agent,
            place=place,
            attributes=attributes or {},
        )


__all__ = ["Where"]
