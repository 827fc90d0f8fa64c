# SPDX-License-Identifier: Apache-2.0
"""Verdicts of texts seen before: agents send their whole history with every call."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from agentstack_processors.security.engine import Engine, Scores
from agentstack_processors.security.recent import Recent
from agentstack_processors.security.verdict import Scope, Verdict

_LONG = 256
_HELD = 4 << 20
"""Bytes of long texts that are held as they are: a digest costs four times their hash."""

_Key = tuple[Scope, str | bytes]
_Asked = tuple[str, Scope]


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
        self._verdicts: OrderedDict[_Key, Verdict] = OrderedDict()
        self._digests = Recent[bytes](_HELD)
        self._lock = threading.Lock()

    def judge(self, text: str, scope: Scope = "user") -> Verdict:
        """The verdict on `text`, judged now or remembered."""
        key = (scope, self._key(text))
        known = self._known(key)
        if known is None:
            return self._judged(key, text, {})
        self.hits += 1
        return known

    def ahead(self, asked: Iterable[tuple[str, Scope]]) -> Ahead:
        """Who judges these texts, and others, faster than one after the other; for one thread."""
        known: dict[_Asked, Verdict] = {}
        new: dict[_Asked, _Key] = {}
        for each in asked:
            if each not in known and each not in new:
                key = (each[1], self._key(each[0]))
                verdict = self._known(key)
                if verdict is None:
                    new[each] = key
                else:
                    known[each] = verdict
        return Ahead(self, known, new, self.engine.foresee(new))

    def __len__(self) -> int:
        return len(self._verdicts)

    def _key(self, text: str) -> str | bytes:
        """Short texts are their own key; of long ones a digest is kept and not the text."""
        if len(text) <= _LONG:
            return text
        digest = self._digests.get(text)
        if digest is None:
            digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            self._digests.put(text, digest)
        return digest

    def _known(self, key: _Key) -> Verdict | None:
        with self._lock:
            known = self._verdicts.get(key)
            if known is not None:
                self._verdicts.move_to_end(key)
        return known

    def _judged(self, key: _Key, text: str, scores: Scores) -> Verdict:
        verdict = self.engine.judge(text, key[0], scores)
        with self._lock:
            self.misses += 1
            self._verdicts[key] = verdict
            if len(self._verdicts) > self.size:
                self._verdicts.popitem(last=False)
        return verdict


class Ahead:
    """A `VerdictCache` that was told what it will be asked; see `VerdictCache.ahead`.

    Args:
        cache: Whose verdicts these are.
        known: Verdicts that it had.
        new: Its keys of texts that are to be judged.
        scores: What the statistics say of some of them.
    """

    __slots__ = ("_cache", "_known", "_new", "_scores")

    def __init__(
        self,
        cache: VerdictCache,
        known: dict[_Asked, Verdict],
        new: Mapping[_Asked, _Key],
        scores: Scores,
    ) -> None:
        self._cache, self._known, self._new, self._scores = cache, known, new, scores

    def judge(self, text: str, scope: Scope = "user") -> Verdict:
        """The verdict on `text`."""
        asked = (text, scope)
        verdict = self._known.get(asked)
        if verdict is not None:
            self._cache.hits += 1
            return verdict
        key = self._new.get(asked)
        if key is None:
            return self._cache.judge(text, scope)
        verdict = self._known[asked] = self._cache._judged(key, text, self._scores)
        return verdict


__all__ = ["Ahead", "VerdictCache"]
