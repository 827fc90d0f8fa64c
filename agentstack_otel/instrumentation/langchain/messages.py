# SPDX-License-Identifier: Apache-2.0
"""LangChain messages → GenAI semantic-convention messages (`role` + `parts`).

Duck-typed on purpose: nothing of LangChain is imported, so that a new message class degrades to
text instead of failing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from agentstack_otel.instrumentation.langchain.serialize import to_text

Part = dict[str, Any]
Message = dict[str, Any]

_ROLES: Final = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
# Larger inline media is replaced by its size: an image is evidence, not text to search.
_MAX_BLOB: Final = 262_144


def message(value: Any) -> Message:
    """Returns one message as {role, parts, name?}."""
    if isinstance(value, str):
        return {"role": "user", "parts": [text_part(value)]}
    found: Message = {"role": role(value), "parts": parts(value)}
    name = getattr(value, "name", None)
    if name:
        found["name"] = name
    return found


def split_system(values: Iterable[Any]) -> tuple[list[Part], list[Message]]:
    """Returns (parts of the leading system messages, all other messages)."""
    system: list[Part] = []
    rest: list[Message] = []
    for value in values:
        if not rest and getattr(value, "type", None) == "system":
            system.extend(content_parts(value.content))
        else:
            rest.append(message(value))
    return system, rest


def output_message(value: Any, finish_reason: str | None) -> Message:
    """Returns a model's answer as {role, parts, finish_reason?}."""
    found = message(value)
    found["role"] = "assistant"
    if finish_reason:
        found["finish_reason"] = finish_reason
    return found


def role(value: Any) -> str:
    """Returns the convention's role for a LangChain message."""
    kind = str(getattr(value, "type", "user"))
    kind = kind.removesuffix("MessageChunk").lower() if kind.endswith("Chunk") else kind
    if kind == "chat":
        return str(getattr(value, "role", "user"))
    return _ROLES.get(kind, kind)


def parts(value: Any) -> list[Part]:
    """Returns all parts of one message: its content, then its tool calls."""
    if role(value) == "tool":
        answer = getattr(value, "content", "")
        return [_tool_response(getattr(value, "tool_call_id", None), answer)]
    extra = getattr(value, "additional_kwargs", None) or {}
    found = content_parts(getattr(value, "content", ""))
    thought = extra.get("reasoning_content")
    if isinstance(thought, str) and thought:
        found.insert(0, {"type": "reasoning", "content": thought})
    found.extend(_tool_calls(value))
    return found


def content_parts(content: Any) -> list[Part]:
    """Returns message content (text, or a list of blocks of any provider) as parts."""
    if isinstance(content, str):
        return [text_part(content)] if content else []
    if isinstance(content, Sequence):
        return [part for block in content if (part := _block(block)) is not None]
    return [text_part(to_text(content))] if content is not None else []


def text_part(text: str) -> Part:
    """Returns a text part."""
    return {"type": "text", "content": text}


def tool_definition(tool: Any) -> dict[str, Any]:
    """Returns a provider's tool schema as {type, name, description?, parameters?}."""
    if not isinstance(tool, dict):
        return {"type": "function", "name": str(getattr(tool, "name", tool))}
    inner = tool["function"] if isinstance(tool.get("function"), dict) else tool
    found: dict[str, Any] = {"type": "function", "name": inner.get("name", tool.get("type"))}
    if inner.get("description"):
        found["description"] = inner["description"]
    schema = inner.get("parameters") or inner.get("input_schema") or inner.get("inputSchema")
    if schema:
        found["parameters"] = schema
    return found


def _tool_calls(value: Any) -> list[Part]:
    calls = [*(getattr(value, "tool_calls", None) or ())]
    broken = [*(getattr(value, "invalid_tool_calls", None) or ())]
    return [
        {"type": "tool_call", "id": c.get("id"), "name": c.get("name"), "arguments": c.get("args")}
        for c in (*calls, *broken)
    ]


def _tool_response(call_id: Any, answer: Any) -> Part:
    return {"type": "tool_call_response", "id": call_id, "response": answer}


def _block(block: Any) -> Part | None:
    if isinstance(block, str):
        return text_part(block)
    if not isinstance(block, dict):
        return text_part(to_text(block))
    kind = str(block.get("type", ""))
    return None if kind in _ALSO_TOOL_CALLS else _typed_block(kind, block)


def _typed_block(kind: str, block: dict[str, Any]) -> Part:
    if kind in {"text", "input_text", "output_text"} or ("text" in block and not kind):
        return text_part(str(block.get("text", "")))
    if kind in {"thinking", "reasoning", "reasoning_content"}:
        return {"type": "reasoning", "content": _reasoning_text(block)}
    if kind == "tool_result":
        return _tool_response(block.get("tool_use_id"), block.get("content"))
    if kind in _MEDIA:
        return _media(kind, block)
    return {**block, "type": kind or "generic"}


# LangChain repeats these blocks in `message.tool_calls`, where they are normalised.
_ALSO_TOOL_CALLS: Final = {"tool_use", "tool_call", "tool_call_chunk", "input_json_delta"}
_MEDIA: Final = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "audio": "audio",
    "input_audio": "audio",
    "video": "video",
    "file": "document",
    "document": "document",
}


def _reasoning_text(block: dict[str, Any]) -> str:
    for key in ("thinking", "reasoning", "text", "reasoning_content"):
        if isinstance(block.get(key), str):
            return str(block[key])
    return to_text(block.get("summary") or "")


def _media(kind: str, block: dict[str, Any]) -> Part:
    modality = _MEDIA[kind]
    url = block.get("image_url") or block.get("url")
    url = url.get("url") if isinstance(url, dict) else url
    if isinstance(url, str) and not url.startswith("data:"):
        return {"type": "uri", "modality": modality, "uri": url}
    if block.get("file_id") or block.get("id"):
        return {
            "type": "file",
            "modality": modality,
            "file_id": block.get("file_id") or block["id"],
        }
    return _blob(modality, url, block)


def _blob(modality: str, url: Any, block: dict[str, Any]) -> Part:
    source = block.get("source") if isinstance(block.get("source"), dict) else block
    source = block.get("input_audio") if isinstance(block.get("input_audio"), dict) else source
    mime, data = (source or {}).get("mime_type") or (source or {}).get("media_type"), None
    if isinstance(url, str):
        head, _, data = url.partition(",")
        mime = head[5:].split(";")[0] or mime
    else:
        data = (source or {}).get("base64") or (source or {}).get("data")
    data = to_text(data, limit=_MAX_BLOB * 2) if data is not None else ""
    found: Part = {"type": "blob", "modality": modality, "mime_type": mime}
    if len(data) > _MAX_BLOB:
        return {**found, "content": "", "omitted_characters": len(data)}
    return {**found, "content": data}
