# SPDX-License-Identifier: Apache-2.0
"""Tells objects that hold files or threads about `os.fork`.

SQLite's rule is to carry no connection across a fork: the child would inherit locks it does not
have. So connections are closed before the fork and opened again, lazily, on both sides.
`subprocess` does not run these hooks and inherits nothing (close-on-exec).
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class ForkAware(Protocol):
    """What wants to be told. None of the three may raise."""

    def before_fork(self) -> None:
        """Become safe to copy, and stay so until one of the other two is called."""
        ...

    def after_fork_in_parent(self) -> None:
        """Go on."""
        ...

    def after_fork_in_child(self) -> None:
        """Start afresh: no thread but this one exists, locks held by others stay held."""
        ...


_watched: WeakSet[ForkAware] = WeakSet()
_told: list[ForkAware] = []


def watch(item: ForkAware) -> None:
    """Tell `item` about forks for as long as it lives."""
    _watched.add(item)


def _before() -> None:
    _told[:] = list(_watched)
    for item in _told:
        item.before_fork()


def _in_parent() -> None:
    for item in _told:
        item.after_fork_in_parent()
    _told.clear()


def _in_child() -> None:
    for item in _told:
        item.after_fork_in_child()
    _told.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


__all__ = ["ForkAware", "watch"]
