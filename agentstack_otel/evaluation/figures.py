# SPDX-License-Identifier: Apache-2.0
"""The figures of one source, and what was wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agentstack_otel.evaluation.corpus import Kind

_SHOWN = 240


@dataclass
class Tally:
    """Hits and misses of one type, or of all."""

    labelled: int = 0
    found: int = 0
    right: int = 0
    wrong: int = 0

    def recall(self) -> float | None:
        """Share of what is labelled that was found; None if nothing is."""
        return ratio(self.found, self.labelled)

    def precision(self) -> float | None:
        """Share of what was reported that is right; None if nothing was."""
        return ratio(self.right, self.right + self.wrong)

    def f1(self) -> float | None:
        """Harmonic mean of the two; None without labels."""
        recall, precision = self.recall(), self.precision()
        if recall is None:
            return None
        if not recall or not precision:
            return 0.0
        return round(2 * recall * precision / (recall + precision), 4)

    def as_json(self) -> dict[str, Any]:
        """Of one type."""
        return {
            "n": self.labelled,
            "recall": self.recall(),
            "precision": self.precision(),
            "f1": self.f1(),
        }


@dataclass(frozen=True, slots=True)
class Miss:
    """One error: the line, what was wrong, what the detector said."""

    line: int
    what: str
    text: str
    said: str = ""

    def as_json(self) -> dict[str, Any]:
        """With the beginning of the text."""
        shown = self.text if len(self.text) <= _SHOWN else self.text[: _SHOWN - 1] + "…"
        return {"line": self.line, "what": self.what, "text": shown, "said": self.said}


@dataclass
class Outcome:
    """Everything measured on one source by one judge."""

    source: str
    kind: Kind
    texts: int = 0
    negatives: int = 0
    alarmed: int = 0
    failed: int = 0
    total: Tally = field(default_factory=Tally)
    types: dict[str, Tally] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)
    misses: list[Miss] = field(default_factory=list)

    def of(self, name: str) -> Tally:
        """The tally of a type."""
        return self.types.setdefault(name, Tally())

    def as_json(self, misses: int = 0) -> dict[str, Any]:
        """One element of `sources`; a figure that has no meaning there is null."""
        shown: dict[str, Any] = {
            "source": self.source,
            "kind": self.kind,
            "n": self.texts,
            "recall": self.total.recall(),
            "fpr": ratio(self.alarmed, self.negatives),
            "precision": self.total.precision(),
            "f1": self.total.f1(),
            "by_type": {name: self.types[name].as_json() for name in sorted(self.types)},
            "ms_per_text": round(sum(self.milliseconds) / max(1, len(self.milliseconds)), 4),
            "ms_p99": round(percentile(self.milliseconds, 0.99), 4),
        }
        if self.failed:
            shown["failed"] = self.failed
        if misses:
            shown["misses"] = [miss.as_json() for miss in self.misses[:misses]]
        return shown


def ratio(part: int, whole: int) -> float | None:
    """To four places; None of nothing."""
    return round(part / whole, 4) if whole else None


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that `share` of all do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


__all__ = ["Miss", "Outcome", "Tally", "percentile", "ratio"]
