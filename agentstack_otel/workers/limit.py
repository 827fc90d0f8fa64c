# SPDX-License-Identifier: Apache-2.0
"""When giving up records is no longer about the records.

A few bad ones belong into the dead letters. When nearly all are bad, it is us: a schema that does
not fit, a wrong version. Then the worker stops and says so, instead of draining the log into the
dead letters (the idea of Arroyo's DlqLimit).
"""

from __future__ import annotations

from collections import deque

from agentstack_processors.verdicts import AgentStackError


class TooManyDeadLetters(AgentStackError):
    """The worker stopped because most of what it reads cannot be processed."""


class DeadLetterLimit:
    """Counts what passed and what was given up.

    Args:
        in_a_row: Records that may be given up with none stored in between.
        share: Part of the last `window` records that may be given up, 0 to 1.
        window: Records looked back on.
    """

    def __init__(self, in_a_row: int, share: float, window: int = 1000) -> None:
        self._in_a_row = in_a_row
        self._share = share
        self._row = 0
        self._recent: deque[bool] = deque(maxlen=window)
        self._window = window

    def passed(self, records: int) -> None:
        """`records` were stored."""
        self._row = 0
        self._recent.extend([False] * min(records, self._window))

    def give_up(self, reason: str) -> None:
        """One more is about to be given up.

        Raises:
            TooManyDeadLetters: That would be one too many.
        """
        if self._row >= self._in_a_row:
            raise TooManyDeadLetters(
                f"{self._row} records in a row could not be processed, the last one because: "
                f"{reason}"
            )
        given_up = sum(self._recent)
        if len(self._recent) == self._window and given_up >= self._share * self._window:
            raise TooManyDeadLetters(
                f"{given_up} of the last {self._window} records could not be processed, the last"
                f" one because: {reason}"
            )
        self._row += 1
        self._recent.append(True)


__all__ = ["DeadLetterLimit", "TooManyDeadLetters"]
