# SPDX-License-Identifier: Apache-2.0
"""Verdicts of texts seen before: agents send their whole history with every call."""

from __future__ import annotations

import threading
from collections import OrderedDict
from hashlib import blake2b

from agentstack_processors.security.engine import Engine
from agentstack_processors.security.verdict import Scope, Verdict

_LONG = 256


class VerdictCache:
    """`Engine.judge` with a memory of the last `size` texts.

    Args:
        engine: Who judges a text that is new.
        size: How many verdicts are kept.
    """

    def __init__(self, engine: Engine, size: int = 50_000) -> None:
        self.engine = engine
        self.size = max(1, size)
        self.hits = 0
        self.misses = 0
        self._verdicts: OrderedDict[tuple[Scope, str | bytes], Verdict] = OrderedDict()
        self._lock = threading.Lock()

    def judge(self, text: str, scope: Scope = "user") -> Verdict:
        """The verdict on `text`, judged now or remembered."""
        key = (scope, _key(text))
        with self._lock:
            known = self._verdicts.get(key)
            if known is not None:
                self._verdicts.move_to_end(key)
                self.hits += 1
                return known
        verdict = self.engine.judge(text, scope)
        with self._lock:
            self.misses += 1
            self._verdicts[key] = verdict
            if len(self._verdicts) > self.size:
                self._verdicts.popitem(last=False)
        return verdict

    def __len__(self) -> int:
        return len(self._verdicts)


def _key(text: str) -> str | bytes:
    """Short texts are their own key; of long ones a digest is kept and not the text."""
    if len(text) <= _LONG:
        return text
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


__all__ = ["VerdictCache"]
