# SPDX-License-Identifier: Apache-2.0
"""What a call used, out of a span's attributes, in the units of genai-prices.

The GenAI conventions say that input tokens include those read from and written to a cache, and
output tokens those of reasoning. Not everybody follows: Anthropic's own numbers leave cached tokens
out of the input, Gemini's leave thoughts out of the output. Where the numbers themselves show it,
because the part is larger than the whole or the total only adds up so, the whole is put right.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from agentstack_processors.cost import attributes as named
from agentstack_processors.cost.models import Context
from agentstack_processors.semconv.dialects import count

_PLAIN_TIERS = frozenset({"", "auto", "default", "standard", "on_demand", "none"})


class Usage(NamedTuple):
    """Tokens of one call. Parts are included in their wholes.

    Attributes:
        input: All that went in.
        output: All that came out.
        cache_read: Part of the input: read from a cache.
        cache_write: Part of the input: written to one, for any time.
        cache_write_1h: Part of `cache_write`: kept for an hour.
        reasoning: Part of the output.
        input_audio, output_audio, input_image, output_image: By modality.
        cache_audio_read: What is both.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    input_audio: int = 0
    output_audio: int = 0
    cache_audio_read: int = 0
    input_image: int = 0
    output_image: int = 0

    @property
    def any(self) -> bool:
        """Whether anything was counted."""
        return bool(self.input or self.output or self.cache_read or self.cache_write)

    def counts(self) -> dict[str, int]:
        """For genai-prices. Overlaps of parts nobody reports are as small as they can be."""
        counts = {"input_tokens": self.input, "output_tokens": self.output}
        if self.cache_read:
            counts["cache_read_tokens"] = self.cache_read
        if self.cache_write:
            counts["cache_write_tokens"] = self.cache_write
            counts["cache_write_1h_tokens"] = self.cache_write_1h
        if self.reasoning:
            counts["output_reasoning_tokens"] = self.reasoning
        if self.input_audio or self.output_audio or self.input_image or self.output_image:
            counts.update(self._modalities())
        return counts

    def _modalities(self) -> dict[str, int]:
        cached = self.cache_read
        audio = max(self.cache_audio_read, cached + self.input_audio - self.input)
        audio = max(0, min(audio, cached, self.input_audio))
        image = max(
            0, min(cached - audio, self.input_image, cached + self.input_image - self.input)
        )
        return {
            "input_audio_tokens": self.input_audio,
            "output_audio_tokens": self.output_audio,
            "cache_audio_read_tokens": audio,
            "cache_audio_write_tokens": 0,
            "input_image_tokens": self.input_image,
            "output_image_tokens": self.output_image,
            "cache_image_read_tokens": image,
            "cache_image_write_tokens": 0,
        }


def read(texts: Mapping[str, str], columns: Mapping[str, str | int]) -> Usage:
    """The usage of a span.

    Args:
        texts: Its attributes, at least those in `attributes.WANTED`.
        columns: Its canonical columns, see `dialects.normalise`.
    """
    input_, output = int(columns["input_tokens"]), int(columns["output_tokens"])
    read_, reasoning = int(columns["cached_tokens"]), int(columns["reasoning_tokens"])
    if named.DETAILS.isdisjoint(texts):
        if read_ > input_:
            input_ += read_
        if reasoning > output:
            output += reasoning
        return Usage(input_, output, read_, reasoning=reasoning)
    return _detailed(texts, input_, output, read_, reasoning)


def _detailed(
    texts: Mapping[str, str], input_: int, output: int, read_: int, reasoning: int
) -> Usage:
    inside, outside = _object(texts, named.INPUT_DETAILS), _object(texts, named.OUTPUT_DETAILS)
    read_ = read_ or _first(texts, named.CACHE_READ_MORE) or _part(inside, "cache_read")
    hour = _first(texts, named.CACHE_WRITE_1H) or _part(inside, "ephemeral_1h_input_tokens")
    write = _first(texts, named.CACHE_WRITE) or _part(inside, "cache_creation", "cache_write")
    write = max(write, hour)
    reasoning = reasoning or _first(texts, named.REASONING_MORE) or _part(outside, "reasoning")
    total = _first(texts, named.TOTAL)
    cached = read_ + write
    if cached > input_ or (cached and total == input_ + output + cached):
        input_ += cached
    if reasoning > output or (reasoning and total == input_ + output + reasoning):
        output += reasoning
    return Usage(
        input=input_,
        output=output,
        cache_read=read_,
        cache_write=write,
        cache_write_1h=hour,
        reasoning=reasoning,
        input_audio=_first(texts, named.INPUT_AUDIO) or _part(inside, "audio"),
        output_audio=_first(texts, named.OUTPUT_AUDIO) or _part(outside, "audio"),
        cache_audio_read=_first(texts, named.CACHE_AUDIO_READ),
        input_image=_first(texts, named.INPUT_IMAGE),
        output_image=_first(texts, named.OUTPUT_IMAGE),
    )


def context(texts: Mapping[str, str]) -> Context:
    """How the call was made, where that can change its price."""
    found: dict[str, str] = {}
    tier = next((texts[key].lower() for key in named.SERVICE_TIER if texts.get(key)), "")
    batch = next((texts[key] for key in named.BATCH if texts.get(key)), "")
    speed = next((texts[key].lower() for key in named.SPEED if texts.get(key)), "")
    if tier == "batch" or batch.lower() not in ("", "false", "0"):
        found["processing"] = "batch"
    elif tier not in _PLAIN_TIERS:
        found["service_tier"] = tier
    if speed not in ("", "standard", "normal"):
        found["speed"] = speed
    return tuple(sorted(found.items()))


def _first(texts: Mapping[str, str], names: Iterable[str]) -> int:
    for name in names:
        text = texts.get(name)
        if text:
            return count(text)
    return 0


def _object(texts: Mapping[str, str], name: str) -> Mapping[str, object]:
    text = texts.get(name)
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _part(details: Mapping[str, object], *names: str) -> int:
    for name in names:
        value = details.get(name)
        if isinstance(value, int) and value > 0:
            return value
    return 0


__all__ = ["Usage", "context", "read"]
