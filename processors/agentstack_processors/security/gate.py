# SPDX-License-Identifier: Apache-2.0
"""What occurs in a text: the question that every text is asked, so it has to be cheap.

Two ways give the same answer. `Automaton` takes one pass, 10 us for a short text. But its states
are the sets of stems seen so far, and words nobody has seen build new ones letter by letter, 6 us
each: 24 KB of letters at random had it busy for 160 ms. `Stems` cuts a text into words and
remembers of each what it answers; stems of several words or with other signs are looked for only
where their longest words stand, and only where they could decide something. That is three times as
much for words that come again, and a tenth for those that do not. So short texts are given to
the one, and long ones and what disguises hide to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agentstack_processors.security.automaton import Automaton, Bits, expression
from agentstack_processors.security.stems import Stems

_MEMORY = 64 << 20


class Gate:
    """Stems and shapes, and what they answer; safe to share between threads.

    Args:
        stems: By stem, what is answered where it occurs.
        shapes: By expression, RE2, likewise; those that make many states together are kept apart.
        needed: Of answers that are possible, those that matter.
    """

    def __init__(
        self,
        stems: Mapping[str, Bits],
        shapes: Sequence[Mapping[str, Bits]],
        needed: Callable[[Bits], Bits],
    ) -> None:
        everything = {expression(stem): bits for stem, bits in stems.items()}
        for each in shapes:
            everything |= each
        self._automaton = Automaton(everything, _MEMORY)
        self._stems = Stems(stems, needed)
        self._shapes = tuple(map(Automaton, shapes))

    def found(self, data: bytes, *, short: bool = False) -> Bits:
        """What a folded text, UTF-8, answers.

        Args:
            data: The text, or a piece of it.
            short: Whether there is little of it, so that it may be in words never seen before.
        """
        if short:
            return self._automaton.found(data)
        answers = self._stems.found(data)
        for shapes in self._shapes:
            answers |= shapes.found(data)
        return answers


__all__ = ["Gate"]
