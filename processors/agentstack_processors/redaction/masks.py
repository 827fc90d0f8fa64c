# SPDX-License-Identifier: Apache-2.0
"""What of a value stays to be seen under `mode="mask"`."""

from __future__ import annotations

MODES = ("replace", "hash", "mask", "drop")
# The last digits that a bank or a telephone company would print too; of anything else none stay.
_LAST_FOUR = frozenset(("CARD", "IBAN", "PHONE"))
_MOST = 32  # stars; how long a secret is says something about it


def masked(name: str, value: str) -> str:
    """Stars for the characters of `value`, and its last four where that is customary."""
    plain = "".join(char for char in value if char.isalnum())
    if name in _LAST_FOUR and len(plain) >= 8:
        return "*" * min(_MOST, len(plain) - 4) + plain[-4:]
    return "*" * min(_MOST, len(value))
