# SPDX-License-Identifier: Apache-2.0
"""What a worker needs of its handler."""

from __future__ import annotations

from typing import Protocol

from agentstack_otel.workers.batch import Batch


class Handler(Protocol):
    """What a worker does with its records. A pure function of (batch, version) into a store."""

    @property
    def version(self) -> str:
        """Generation of code and schema; part of the token."""
        ...

    def handle(self, batch: Batch) -> None:
        """Process all of it or nothing.

        Raises:
            Retry: Not now; the same batch comes again.
            Reject: Something in it will never do.
        """
        ...


__all__ = ["Handler"]
