# SPDX-License-Identifier: Apache-2.0
r"""`suspicious`: may anything in a serialised OTLP request need redaction? Without decoding it.

RE2 names the places at which something may begin (`scout`). Most are ruled out by what stands
around them; for the others the string they stand in is found in the request (`leaves`), and the
redactor itself reads it, or as much of it as any row looks at (`searching` asks, `judging` reads).
So False is as good as having scrubbed everything, and True means that something was found, or that
looking on would cost more than opening.

Bytes that are no request (spans one after another, a text) are suspicious at the first such place.
Without RE2 they are searched for what the rows need, and suspicious sooner.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from functools import lru_cache

from agentstack_processors.redaction import encodings, layers
from agentstack_processors.redaction.allowance import GLANCE, Allowance, Spent
from agentstack_processors.redaction.escapes import HIDING
from agentstack_processors.redaction.gate import Gate
from agentstack_processors.redaction.judging import Scrubber
from agentstack_processors.redaction.keys import SECRET_WORDS
from agentstack_processors.redaction.patterns import Pattern
from agentstack_processors.redaction.places import ARRAYS, NEXT_PART, VARINTS
from agentstack_processors.redaction.reading import Reading
from agentstack_processors.redaction.scout import Scout
from agentstack_processors.redaction.searching import Search

_LOG = logging.getLogger(__name__)
_QUANTUM = rb"[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_\-]"
_SAYING = re.compile(
    rb"(?:" + _QUANTUM + rb"){3}[A-Za-z0-9+/_\-.=~]{4}|" + encodings.OTHERS.encode()
)


class RequestFilter:
    """The raw-bytes question, for one set of rows.

    Args:
        patterns: The rows.
        redactor: Reads what is found.
        scout: Let RE2 say where to look, when it is installed.
    """

    def __init__(
        self, patterns: Sequence[Pattern], redactor: Scrubber, *, scout: bool = True
    ) -> None:
        self._redactor = redactor
        self._gate = Gate(tuple(patterns))
        self._scout = _scout(tuple(patterns)) if scout else None
        if self._scout is not None and self._scout.blind:
            _LOG.warning(
                "redaction opens every request: a custom pattern has no character that has to be"
                " there, so nothing can be ruled out beforehand; give it a literal to begin with"
            )

    def suspicious(self, data: bytes, view: bytes | memoryview | None = None) -> bool:
        """False proves that redaction would change nothing in the request `data`.

        `view` is the same request, byte by byte, but for what redaction never changes.
        """
        if self._scout is None or not self._scout.ready:
            return self._unaided(data)
        if self._scout.blind:
            return True
        return Search(self._scout, self._redactor, data, view=view).anything()

    def glance(self, data: bytes, view: bytes | memoryview | None = None) -> bool | None:
        """`suspicious` for whom others wait: None where the answer would take long."""
        if self._scout is None or not self._scout.ready or self._scout.blind:
            return True if self._scout is not None and self._scout.blind else None
        try:
            allowance = Allowance(GLANCE)
            return Search(self._scout, self._redactor, data, allowance, view=view).anything()
        except Spent:
            return None

    def _unaided(self, data: bytes) -> bool:
        """Whether what any row needs is in these bytes at all."""
        text = data.decode("utf-8", "replace")
        reading = Reading(text)
        return (
            any(word in reading.folded for word in SECRET_WORDS)
            or HIDING.search(text) is not None
            or VARINTS.search(data) is not None
            or ARRAYS.search(data) is not None
            or NEXT_PART.search(data) is not None
            or bool(self._gate.candidates(reading))
            or next(layers.coded(text), None) is not None
            or _SAYING.search(data) is not None
        )


@lru_cache(maxsize=4)  # to read the rows takes half a second, and most redactors have the same
def _scout(patterns: tuple[Pattern, ...]) -> Scout:
    return Scout(patterns)


__all__ = ["RequestFilter", "Scrubber"]
