# SPDX-License-Identifier: Apache-2.0
"""The rules that are shipped: YAML packs and one YARA pack."""

from __future__ import annotations

from importlib.resources import files


def shipped(suffix: str) -> tuple[tuple[str, str], ...]:
    """(file name, content) of each shipped pack with `suffix`, in order of name."""
    folder = sorted(files(__name__).iterdir(), key=lambda each: each.name)
    return tuple(
        (each.name, each.read_text("utf-8")) for each in folder if each.name.endswith(suffix)
    )


__all__ = ["shipped"]
