# SPDX-License-Identifier: Apache-2.0
"""Who said what in the message JSON of any framework.

`read` walks a decoded JSON value and names each part's speaker. Known shapes: GenAI conventions
(`parts`), OpenAI, Anthropic, Gemini/ADK, LangChain (plain and `lc`), Vercel AI SDK. Roles are
believed only where a framework wrote them: what a tool returned is text however it is shaped, so
a result cannot call itself a system prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import getsizeof
from typing import Any, NamedTuple

import orjson

from agentstack_processors.security.recent import Recent
from agentstack_processors.security.verdict import Scope

ROLES: Mapping[str, Scope] = {
    "system": "system",
    "developer": "system",
    "systemmessage": "system",
    "user": "user",
    "human": "user",
    "humanmessage": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "tool": "tool_output",
    "function": "tool_output",
    "toolmessage": "tool_output",
    "functionmessage": "tool_output",
    "ipython": "tool_output",
}
_CALLS = frozenset(("tool_call", "tool_use", "tool-call", "function_call", "server_tool_use"))
_RESULTS = frozenset(
    ("tool_call_response", "tool_result", "tool-result", "function_call_output", "tool_response")
)
_PART = frozenset(
    ("type", "text", "functionCall", "function_call", "functionResponse", "function_response")
)
_TEXT = frozenset(("text", "input_text", "output_text", "reasoning", "thinking", ""))
_NO_CONVERSATION = frozenset(("config", "system", "metadata", "tools"))
_ARGUMENTS = ("arguments", "args", "input", "parameters")
_ANSWERS = ("response", "result", "output", "content")
_LISTS = ("messages", "contents", "generations", "choices", "candidates", "chat_history", "history")
_DEEPEST = 24
_MOST_LEAVES = 20_000
_OPENING = frozenset(("{", "["))
_JSON = frozenset(("{", "[", '"'))
_NO_NAMES = frozenset(("", "type"))
_SHORTEST = 4
_MEMO = 16_384
_KNOWN = Recent[str](8 << 20)
"""Results come again with every call that repeats the conversation."""
_TEXT_PART = ("type", "text")
_WORDLESS = 40
_NAME = 200
"""Characters of a name that are repeated for members of its list once it was told in full."""


class Said(NamedTuple):
    """One part of a conversation: who, what, and for a tool call which tool."""

    scope: Scope
    text: str
    tool: str = ""


def decode(text: str) -> Any:
    """The JSON value `text` holds; `text` itself when it is not JSON of a list or object."""
    if text[:1] not in _JSON:
        return text
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def flat(value: Any) -> str:
    """A tool's arguments or result as the text a model reads: `key: value` lines."""
    if isinstance(value, str):
        if value[:1] not in _JSON:
            return value
        known = _KNOWN.get(value)
        return _flattened(value) if known is None else known
    return _usual(value) if type(value) is dict else _joined(value)


def _usual(value: dict[str, Any]) -> str:
    """Arguments are a few plain values more often than not."""
    lines = []
    for key, member in value.items():
        if type(member) is not str or member[:1] in _OPENING or key in _NO_NAMES:
            return _joined(value)
        lines.append(f"{key}: {member}")
    return "\n".join(lines)


def _flattened(text: str) -> str:
    decoded = decode(text)
    flattened = decoded if isinstance(decoded, str) else _joined(decoded)
    if len(text) <= _MEMO:
        _KNOWN.put(text, flattened, getsizeof(flattened))
    return flattened


def _joined(value: Any) -> str:
    lines: list[str] = []
    _lines(value, "", lines, 0)
    return "\n".join(lines)


def _lines(value: Any, name: str, lines: list[str], depth: int) -> bool:
    """Whether `name` is in the lines now: one of its members may be nothing to print."""
    if isinstance(value, str):
        nested = decode(value) if value[:1] in ("{", "[") else value
        if isinstance(nested, str):
            lines.append(f"{name}: {value}" if name and len(lines) <= _MOST_LEAVES else value)
            return True
        value = nested
    if depth > _DEEPEST or len(lines) > _MOST_LEAVES:
        lines.append(str(value)[:1000])
    elif isinstance(value, dict):
        if value.get("type") == "text" and isinstance(value.get("text"), str):
            lines.append(value["text"])
            if len(value) == len(_TEXT_PART):
                return False
            value = {key: member for key, member in value.items() if key not in _TEXT_PART}
        for key, member in value.items():
            at = len(lines)
            if not _lines(member, key, lines, depth + 1) and _worded(key):
                lines.insert(at, key)  # the name of an object, or of nothing
    elif isinstance(value, list):
        told = False
        for member in value:
            if _lines(member, name, lines, depth + 1):
                told = True
                name = name[:_NAME]
        return told
    elif value is not None:
        lines.append(f"{name}: {value}" if name else str(value))
        return True
    return False


def _worded(name: str) -> bool:
    """Whether a name may say something, and not only name a field."""
    return " " in name or len(name) > _WORDLESS or not name.isascii()


def usual(message: Any) -> tuple[Scope, str, str] | None:
    """The usual message, one part by a known speaker: most of every history, told apart quickly.

    What `Said` holds; None where `read` has to look closer.
    """
    if type(message) is not dict:
        return None
    parts, role = message.get("parts"), message.get("role")
    if type(parts) is not list or len(parts) != 1 or type(role) is not str:
        return None
    part = parts[0]
    speaker = ROLES.get(role)
    if speaker is None or type(part) is not dict or "tool_calls" in message:
        return None
    return _usual_part(part, speaker)


def _usual_part(part: dict[str, Any], speaker: Scope) -> tuple[Scope, str, str] | None:
    tool: Any = ""
    text: Any = None
    kind = part.get("type")
    if kind == "text":
        text = part.get("content")
        if speaker == "tool_output" and type(text) is str:
            text = flat(text) if len(part) == len(_TEXT_PART) else None
    elif kind == "tool_call" and "function" not in part:
        speaker, tool, given = "tool_input", part.get("name"), part.get("arguments")
        text = flat(given) if given and type(tool) is str and tool else None
    elif kind == "tool_call_response" and "name" not in part and "toolName" not in part:
        speaker, given = "tool_output", part.get("response")
        text = flat(given) if given else None
    return (speaker, text, tool) if type(text) is str and text else None


def read(value: Any, scope: Scope) -> list[Said]:
    """The parts of one message, a list of them, or what a framework wraps around them.

    Args:
        value: A decoded JSON value; strings are texts.
        scope: Who speaks where nothing says so.
    """
    said: list[Said] = []
    _read(value, scope, 0, said)
    return said


def _read(value: Any, scope: Scope, depth: int, said: list[Said]) -> None:
    if isinstance(value, str):
        if value:
            said.append(Said(scope, value))
    elif depth > _DEEPEST:
        return
    elif isinstance(value, list):
        if len(value) == 2 and _pair(value):
            _content(value[1], ROLES[value[0].lower()], depth, said)
            return
        for member in value:
            _read(member, scope, depth + 1, said)
    elif isinstance(value, dict):
        _object(value, scope, depth, said)


def _pair(value: list[Any]) -> bool:
    who, what = value
    return (
        isinstance(who, str) and isinstance(what, (str, list)) and who.lower() in ROLES
    )  # LangChain's ("user", "text")


def _object(value: dict[str, Any], scope: Scope, depth: int, said: list[Said]) -> None:
    role = value.get("role")
    if role is None and ("content" in value or "data" in value):
        role = value.get("type")
    speaker = ROLES.get(role.lower()) if isinstance(role, str) else None
    if speaker is not None:
        _message(value, speaker, depth, said)
    elif isinstance(value.get("kwargs"), dict):
        _serialised(value, scope, depth, said)
    elif not _PART.isdisjoint(value):
        _part(value, scope, depth, said)
    elif ("toolName" in value or "name" in value) and any(key in value for key in _ARGUMENTS):
        _call(value, said)
    else:
        _wrapped(value, scope, depth, said)


def _serialised(value: dict[str, Any], scope: Scope, depth: int, said: list[Said]) -> None:
    names = value.get("id")
    last = names[-1] if isinstance(names, list) and names else ""
    kwargs = value["kwargs"]
    kind = last if isinstance(last, str) and last.lower() in ROLES else kwargs.get("type", "")
    speaker = ROLES.get(kind.lower()) if isinstance(kind, str) else None
    if speaker is None:
        _read(kwargs, scope, depth + 1, said)
    else:
        _message(kwargs, speaker, depth, said)


def _wrapped(value: dict[str, Any], scope: Scope, depth: int, said: list[Said]) -> None:
    for key in ("system", "system_instruction", "systemInstruction"):
        if key in value:
            _content(value[key], "system", depth, said)
    config = value.get("config")
    if isinstance(config, dict) and "system_instruction" in config:
        _content(config["system_instruction"], "system", depth, said)
    found = False
    for key in (*_LISTS, "message", "content", "parts", "prompt", "output", "update"):
        if key in value and value[key] is not None:
            found = True
            _read(value[key], scope, depth + 1, said)
    if not found:
        for key, member in value.items():
            if key not in _NO_CONVERSATION and _speaks(member):
                _read(member, scope, depth + 1, said)


def _speaks(member: Any) -> bool:
    """Whether a member of an unknown object may hold texts, and not an id or a setting."""
    if isinstance(member, str):
        return len(member) >= _SHORTEST and " " in member
    return isinstance(member, (dict, list))


def _message(value: dict[str, Any], scope: Scope, depth: int, said: list[Said]) -> None:
    content = value.get("parts")
    if content is None:
        content = value.get("content")
    if content is None and isinstance(value.get("data"), dict):
        content = value["data"].get("content")
    _content(content, scope, depth, said)
    calls = value.get("tool_calls")
    if isinstance(calls, list):
        for call in calls:
            if isinstance(call, dict):
                _call(call, said)


def _content(content: Any, scope: Scope, depth: int, said: list[Said]) -> None:
    if isinstance(content, str):
        if content:
            said.append(Said(scope, flat(content) if scope == "tool_output" else content))
    elif isinstance(content, list) and depth <= _DEEPEST:
        for part in content:
            if isinstance(part, dict):
                _part(part, scope, depth + 1, said)
            elif isinstance(part, str) and part:
                said.append(Said(scope, part))
    elif isinstance(content, dict):
        _part(content, scope, depth + 1, said)


def _part(part: dict[str, Any], scope: Scope, depth: int, said: list[Said]) -> None:
    kind = part.get("type") or ""
    if not isinstance(kind, str):
        kind = ""
    if kind in _TEXT:
        for key in ("content", "text", "thinking", "reasoning"):
            text = part.get(key)
            if isinstance(text, str):
                if text:
                    said.append(Said(scope, text))
                if scope == "tool_output" and len(part) > 1 + ("type" in part):
                    _beside(part, key, said)
                return
    if kind in _CALLS or kind == "function":
        _call(part, said)
    elif kind in _RESULTS:
        _answer(part, said)
    else:
        _untyped(part, scope, depth, said)


def _beside(part: dict[str, Any], text: str, said: list[Said]) -> None:
    """What a tool wrote beside its text: agents hand the part on as it is."""
    other = flat({key: value for key, value in part.items() if key not in ("type", text)})
    if other:
        said.append(Said("tool_output", other))


def _untyped(part: dict[str, Any], scope: Scope, depth: int, said: list[Said]) -> None:
    """Gemini's parts, which name what they hold by its key, and what is left."""
    for key in ("functionCall", "function_call"):
        if isinstance(part.get(key), dict):
            _call(part[key], said)
            return
    for key in ("functionResponse", "function_response"):
        if isinstance(part.get(key), dict):
            _answer(part[key], said)
            return
    if scope == "tool_output":
        text = flat(part)
        if text:
            said.append(Said(scope, text))
        return
    inner = part.get("parts", part.get("content", part.get("text")))
    if depth <= _DEEPEST:
        _content(inner, scope, depth + 1, said)


def _call(call: dict[str, Any], said: list[Said]) -> None:
    function = call.get("function")
    inner = function if isinstance(function, dict) else call
    name = inner.get("name") or inner.get("toolName") or call.get("tool_name") or ""
    for key in _ARGUMENTS:
        if inner.get(key) is not None:
            text = flat(inner[key])
            if text:
                said.append(Said("tool_input", text, str(name)))
            return


def _answer(part: dict[str, Any], said: list[Said]) -> None:
    for key in _ANSWERS:
        if part.get(key) is not None:
            text = flat(part[key])
            if text:
                said.append(
                    Said("tool_output", text, str(part.get("name") or part.get("toolName") or ""))
                )
            return


__all__ = ["ROLES", "Said", "decode", "flat", "read", "usual"]
