# SPDX-License-Identifier: Apache-2.0
"""How much one text is worth: whoever writes texts must not be able to keep the detectors busy.

Confirming rules is what costs, about in proportion to the bytes rules are tried on. Ordinary texts
ask for some rules, or for many on few bytes; a text that is stuffed with the words of all rules
asks for all of them everywhere. So there is a limit in bytes and not in time: the same text always
gets the same verdict. The heaviest rules are tried first, so what is left out is what weighs least.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MOST = 1_000_000
"""What one text may cost, in bytes on which rules are tried, each rule's added up: 160 rules, as
many as a jailbreak of a page asks for, on 4 KB. Twice as much finds one attack
in a thousand more, and makes a text that RE2 has never seen the like of twice as slow."""
STUFFED = 150
"""So many rules that were asked for and could not be tried are a finding: who writes like that
hides something. Of 7,900 harmless texts up to a page none left any out, and of 470 pages of up to
60 KB, most of them put together of texts made to look like attacks, none more than 123."""
STUFFED_ATTACK = 40
"""So many are enough where the statistics read an attack, whatever else weakens what they say."""
HIDDEN = 150_000
"""How much of it is kept for what disguises hide: words around one must not use it all up."""
TRY = 2_048
"""What it costs to try a rule at all, on however little."""
ABROAD = 2
"""What a byte costs more in a text that is not ASCII: RE2 has more to learn there."""
WEIGH = 6_144
"""What it costs to read the words around a match."""
PIECE = 2_048
"""Bytes of which it is asked which rules they ask for."""
OVERLAP = 512
"""Bytes at the end of a piece that are in the next one too."""
SURE = 100
"""A score beyond which nothing more is looked for: no finding makes it higher."""
FIRST_LOOK = 12
"""After so many rules were found it is asked for the first time what they add up to."""


@dataclass(slots=True)
class Effort:
    """What is left to do for one text.

    Attributes:
        left: What may still be spent (`MOST`).
        untried: Ids of rules that were asked for when nothing was left.
        look: How many rules must be found before it is asked what they add up to.
        done: Whether more findings would change nothing.
    """

    left: int = MOST
    untried: set[str] = field(default_factory=set)
    look: int = FIRST_LOOK
    done: bool = False

    def grants(self, rule: str, size: int, kept: int = 0) -> bool:
        """Whether `rule` may be tried on `size` bytes, where so much is to be `kept`."""
        if size + TRY > self.left - kept:
            self.untried.add(rule)
            return False
        self.left -= size + TRY
        return True

    def found(self) -> None:
        """A match was found, and is going to be weighed."""
        self.left -= WEIGH


def pieces(size: int) -> list[tuple[int, int]]:
    """Where the pieces of so many bytes begin and end; one that would be short joins the last."""
    if size <= PIECE + PIECE // 2:
        return [(0, size)]
    step = PIECE - OVERLAP
    begins = range(0, size - OVERLAP, step)
    return [(begin, min(size, begin + PIECE)) for begin in begins]


__all__ = ["ABROAD", "HIDDEN", "MOST", "STUFFED", "STUFFED_ATTACK", "SURE", "Effort", "pieces"]
