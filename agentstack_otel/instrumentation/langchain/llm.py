# SPDX-License-Identifier: Apache-2.0
"""What a LangChain model call says about itself, as GenAI attributes. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from agentstack_otel.instrumentation.langchain import attributes as names
from agentstack_otel.instrumentation.langchain import messages
from agentstack_otel.instrumentation.langchain.serialize import to_json

Attributes = dict[str, Any]

# LangChain's `ls_provider` → the convention's well-known provider names.
_PROVIDERS: Final = {
    "azure": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "amazon_bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "ibm": "ibm.watsonx.ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
_MODEL_KEYS: Final = ("model", "model_name", "model_id", "deployment_name", "azure_deployment")
_REQUEST: Final = (
    (names.REQUEST_MAX_TOKENS, int, ("max_tokens", "max_completion_tokens", "max_output_tokens")),
    (names.REQUEST_TEMPERATURE, float, ("temperature",)),
    (names.REQUEST_TOP_P, float, ("top_p",)),
    (names.REQUEST_TOP_K, int, ("top_k",)),
    (names.REQUEST_FREQUENCY_PENALTY, float, ("frequency_penalty",)),
    (names.REQUEST_PRESENCE_PENALTY, float, ("presence_penalty",)),
    (names.REQUEST_SEED, int, ("seed",)),
    (names.REQUEST_REASONING_LEVEL, str, ("reasoning_effort",)),
)


def model_name(params: Mapping[str, Any], metadata: Mapping[str, Any]) -> str | None:
    """Returns the requested model's name, or None when nobody knows it."""
    for source in (params, {"model": metadata.get("ls_model_name")}):
        for key in _MODEL_KEYS:
            value = source.get(key)
            if isinstance(value, str) and value:
                return value
    return None


def provider(metadata: Mapping[str, Any]) -> str | None:
    """Returns the convention's name of the model's provider, or LangChain's own word for it."""
    value = metadata.get("ls_provider")
    return _PROVIDERS.get(value, value) if isinstance(value, str) and value else None


def request_attributes(
    operation: str, params: Mapping[str, Any], metadata: Mapping[str, Any]
) -> Attributes:
    """Returns the attributes known before the call; the first three matter to samplers."""
    found: Attributes = {names.OPERATION_NAME: operation}
    _put(found, names.PROVIDER_NAME, provider(metadata))
    _put(found, names.REQUEST_MODEL, model_name(params, metadata))
    fallback = {"temperature": metadata.get("ls_temperature")}
    fallback["max_tokens"] = metadata.get("ls_max_tokens")
    for attribute, kind, keys in _REQUEST:
        _put(found, attribute, _first(kind, keys, params, fallback))
    stop = params.get("stop") or metadata.get("ls_stop")
    if isinstance(stop, (list, tuple)):
        found[names.REQUEST_STOP_SEQUENCES] = tuple(str(s) for s in stop)
    choices = params.get("n")
    if isinstance(choices, int) and choices > 1:
        found[names.REQUEST_CHOICE_COUNT] = choices
    if params.get("response_format"):
        found[names.OUTPUT_TYPE] = "json"
    if params.get("stream") is True or params.get("streaming") is True:
        found[names.REQUEST_STREAM] = True
    return found


def request_content(batch: Iterable[Any], params: Mapping[str, Any]) -> Attributes:
    """Returns the content attributes of one conversation given to the model."""
    system, rest = messages.split_system(batch)
    found: Attributes = {names.INPUT_MESSAGES: to_json(rest)}
    if system:
        found[names.SYSTEM_INSTRUCTIONS] = to_json(system)
    tools = params.get("tools") or params.get("functions")
    if isinstance(tools, (list, tuple)) and tools:
        found[names.TOOL_DEFINITIONS] = to_json([messages.tool_definition(t) for t in tools])
    return found


def response_attributes(result: Any, *, content: bool) -> Attributes:
    """Returns what an `LLMResult` says: ids, model, tokens, finish reasons and, if asked, text."""
    found: Attributes = {}
    generations = [g for group in (getattr(result, "generations", None) or ()) for g in group]
    output = getattr(result, "llm_output", None) or {}
    answers = [m for g in generations if (m := getattr(g, "message", None)) is not None]
    reasons = [_finish_reason(g) for g in generations]
    if any(reasons):
        found[names.RESPONSE_FINISH_REASONS] = tuple(r for r in reasons if r)
    info = [_metadata(m) for m in answers] or [output]
    _put(found, names.RESPONSE_MODEL, _first_text([*info, output], ("model_name", "model")))
    _put(found, names.RESPONSE_ID, _response_id(answers, [*info, output]))
    found.update(_usage(answers, output))
    if content and generations:
        found[names.OUTPUT_MESSAGES] = to_json(
            [_answer(g, reason) for g, reason in zip(generations, reasons, strict=True)]
        )
    return found


def _answer(generation: Any, reason: str | None) -> messages.Message:
    value = getattr(generation, "message", None)
    if value is not None:
        return messages.output_message(value, reason)
    part = messages.text_part(str(getattr(generation, "text", "")))
    return {"role": "assistant", "parts": [part], **({"finish_reason": reason} if reason else {})}


def _finish_reason(generation: Any) -> str | None:
    message = getattr(generation, "message", None)
    for source in (getattr(generation, "generation_info", None), _metadata(message)):
        for key in ("finish_reason", "stop_reason", "done_reason"):
            value = (source or {}).get(key)
            if isinstance(value, str) and value:
                return value
    return None


def _metadata(message: Any) -> dict[str, Any]:
    return getattr(message, "response_metadata", None) or {}


def _response_id(answers: list[Any], info: list[Mapping[str, Any]]) -> str | None:
    identity = _first_text(info, ("id", "response_id"))
    if identity is not None:
        return identity
    for answer in answers:
        value = getattr(answer, "id", None)
        # LangChain names answers after its own run when the provider gave no id.
        if isinstance(value, str) and not value.startswith(("run-", "lc_run-", "lc_")):
            return value
    return None


def _usage(answers: list[Any], output: Mapping[str, Any]) -> Attributes:
    found: Attributes = {}
    usages = [u for m in answers if (u := getattr(m, "usage_metadata", None))]
    for usage in usages[:1]:  # the choices of one request share one bill
        taken, given = usage.get("input_token_details"), usage.get("output_token_details")
        _put_int(found, names.USAGE_INPUT_TOKENS, usage.get("input_tokens"))
        _put_int(found, names.USAGE_OUTPUT_TOKENS, usage.get("output_tokens"))
        _put_int(found, names.USAGE_CACHE_READ_INPUT_TOKENS, (taken or {}).get("cache_read"))
        _put_int(found, names.USAGE_CACHE_WRITE_INPUT_TOKENS, (taken or {}).get("cache_creation"))
        _put_int(found, names.USAGE_REASONING_OUTPUT_TOKENS, (given or {}).get("reasoning"))
    if not found:
        usage = output.get("token_usage") or output.get("usage") or {}
        if isinstance(usage, Mapping):
            _put_int(found, names.USAGE_INPUT_TOKENS, _either(usage, "prompt_tokens", "input"))
            _put_int(
                found, names.USAGE_OUTPUT_TOKENS, _either(usage, "completion_tokens", "output")
            )
    return found


def _either(usage: Mapping[str, Any], old: str, new: str) -> Any:
    return usage.get(old, usage.get(f"{new}_tokens"))


def _first(kind: type, keys: Iterable[str], *sources: Mapping[str, Any]) -> Any:
    for source in sources:
        for key in keys:
            value = source.get(key)
            if isinstance(value, bool) or value is None:
                continue
            if kind is float and isinstance(value, (int, float)):
                return float(value)
            if isinstance(value, kind):
                return value
    return None


def _first_text(sources: Iterable[Mapping[str, Any]], keys: Iterable[str]) -> str | None:
    for source in sources:
        for key in keys:
            value = source.get(key)
            if isinstance(value, str) and value:
                return value
    return None


def _put(found: Attributes, key: str, value: Any) -> None:
    if value is not None:
        found[key] = value


def _put_int(found: Attributes, key: str, value: Any) -> None:
    if isinstance(value, int) and not isinstance(value, bool):
        found[key] = value
