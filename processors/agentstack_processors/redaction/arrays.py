# SPDX-License-Identifier: Apache-2.0
"""Texts that stand in one array: a list of independent values, or the chunks of a stream.

Nobody says which. Each text is therefore judged by itself first, so that a list of addresses keeps
one marker for each; only what is found across the ends of what is left is taken for a stream. The
price: the head of an address whose tail is an address too (`["bob.", "smith@…"]`) stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from agentstack_processors.redaction.keys import names_a_secret

# A key goes on in the next chunk with what keys are made of; a short word is a value of its own.
_GOES_ON = re.compile(r"[A-Za-z0-9+/_=.\-]{8}")


class PartsScrubber(Protocol):
    """What is needed of `agentstack_processors.redaction.Redactor`."""

    def scrub_attribute(self, key: str, text: str) -> str:
        """The value of a named attribute without secrets."""
        ...

    def scrub_parts(self, parts: Sequence[str]) -> list[str]:
        """The same for texts that follow one another."""
        ...


def scrub_array(redactor: PartsScrubber, key: str, texts: Sequence[str]) -> list[str]:
    """The texts of the array `key` without secrets, those cut up over several texts included.

    Args:
        redactor: Decides over each text.
        key: Name of the attribute.
        texts: In their order.
    """
    clean = [redactor.scrub_attribute(key, text) for text in texts]
    if len(texts) < 2 or names_a_secret(key):
        return clean
    for index in range(len(texts) - 1):
        if clean[index] != texts[index] and clean[index + 1] == texts[index + 1]:
            _follow(redactor, key, texts, clean, index)
    whole = "".join(clean)
    # by the key, because a policy may leave this attribute alone
    return clean if redactor.scrub_attribute(key, whole) == whole else redactor.scrub_parts(clean)


def _follow(
    redactor: PartsScrubber, key: str, texts: Sequence[str], clean: list[str], index: int
) -> None:
    """What was found at the end of one text may go on at the beginning of the next."""
    pair = texts[index : index + 2]
    if _GOES_ON.match(pair[1]) is None:
        return
    if not redactor.scrub_attribute(key, "".join(pair)).endswith(pair[1]):
        clean[index : index + 2] = redactor.scrub_parts(pair)


__all__ = ["PartsScrubber", "scrub_array"]
