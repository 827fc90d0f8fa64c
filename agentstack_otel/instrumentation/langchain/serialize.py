# SPDX-License-Identifier: Apache-2.0
"""Any Python value → bounded JSON text, without ever raising into the caller."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, Final

MAX_CHARS: Final = 1 << 20
"""Longest JSON text of one attribute, in characters; beyond it long strings lose their tails."""

_STRING_CAPS: Final = (65_536, 8_192, 1_024, 128)
_MAX_DEPTH: Final = 24
_MAX_REPR: Final = 2_048


def to_json(value: Any, limit: int = MAX_CHARS) -> str:
    """Returns `value` as valid compact JSON of at most about `limit` characters."""
    text = _dumps(value)
    if len(text) <= limit:
        return text
    for cap in _STRING_CAPS:
        text = _dumps(_cut_strings(value, cap, 0))
        if len(text) <= limit:
            return text
    return _dumps({"truncated": True, "chars": len(text), "head": text[: limit // 2]})


def to_text(value: Any, limit: int = MAX_CHARS) -> str:
    """Returns strings as they are (cut at `limit`) and everything else as JSON."""
    if isinstance(value, str):
        return _cut(value, limit)
    return to_json(value, limit)


def _dumps(value: Any) -> str:
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, RecursionError, RuntimeError):
        # Keys that are not strings, NaN, cycles, or a container another thread is changing.
        return _encoder.encode(_cut_strings(value, _STRING_CAPS[0], 0))


def plain(value: Any) -> Any:
    """Returns a JSON-ready stand-in for one object that `json` does not know."""
    try:
        return _known(value)
    except Exception:  # an object whose attributes raise is still only an object to us
        return _repr(value)


def _known(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if hasattr(value, "page_content"):
        return document(value)
    if hasattr(value, "type") and hasattr(value, "content") and hasattr(value, "response_metadata"):
        from agentstack_otel.instrumentation.langchain import messages

        return messages.message(value)
    return _structure(value)


def _structure(value: Any) -> Any:
    if isinstance(value, type):
        return _repr(value)
    if callable(getattr(value, "model_dump", None)):
        return value.model_dump()
    if dataclasses.is_dataclass(value):
        # One level only: json calls back here for what is inside.
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if type(value).__module__ == "langgraph.types" and hasattr(value, "__slots__"):
        return {k: getattr(value, k) for k in value.__slots__ if hasattr(value, k)}
    return dict(value) if isinstance(value, Mapping) else _repr(value)


def document(value: Any) -> dict[str, Any]:
    """Returns a retrieved document as {id?, score?, content, metadata?}."""
    metadata = dict(getattr(value, "metadata", None) or {})
    found: dict[str, Any] = {}
    identity = getattr(value, "id", None) or metadata.get("id") or metadata.get("source")
    if identity is not None:
        found["id"] = str(identity)
    score = next((metadata[k] for k in _SCORE_KEYS if k in metadata), None)
    if isinstance(score, (int, float)) and not isinstance(score, bool):
        found["score"] = float(score)
    found["content"] = str(value.page_content)
    if metadata:
        found["metadata"] = metadata
    return found


# Where vector stores and rerankers put a document's score (there is no standard field).
_SCORE_KEYS: Final = ("score", "relevance_score", "_score", "similarity", "similarity_score")


def _cut_strings(value: Any, cap: int, depth: int) -> Any:
    if isinstance(value, str):
        return _cut(value, cap)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _repr(value) if depth >= _MAX_DEPTH else _cut_container(value, cap, depth + 1)


def _cut_container(value: Any, cap: int, depth: int) -> Any:
    if isinstance(value, dict):
        return {str(k): _cut_strings(v, cap, depth) for k, v in list(value.items())}
    if isinstance(value, (list, tuple)):
        return [_cut_strings(v, cap, depth) for v in list(value)]
    return _cut_strings(plain(value), cap, depth)


def _cut(text: str, cap: int) -> str:
    if len(text) <= cap:
        return text
    return f"{text[:cap]}… [{len(text) - cap} more characters]"


def _repr(value: Any) -> str:
    try:
        return repr(value)[:_MAX_REPR]
    except Exception:
        return f"<{type(value).__name__}>"


# Made once: `json.dumps` with options builds an encoder for every call.
# NaN and infinity are no JSON, whatever Python says.
_encoder: Final = json.JSONEncoder(
    default=plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")
)
