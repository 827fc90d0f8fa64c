# SPDX-License-Identifier: Apache-2.0
"""Chat models that say what a test wrote down, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool


class ScriptedChatModel(BaseChatModel):
    """Returns `lines` in order (the last one for ever); an exception among them is raised.

    `seen` is called inside every generation, streamed chunks included: a test looks at the
    current span there.
    """

    lines: Sequence[Any] = ()
    model: str = "scripted-1"
    provider: str = "openai"
    seen: Callable[[], Any] | None = None
    position: int = 0

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model} if self.model else {}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return {**super()._get_ls_params(stop=stop, **kwargs), "ls_provider": self.provider}

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=[convert_to_openai_tool(t) for t in tools], **kwargs)

    def _next(self) -> AIMessage:
        line = self.lines[min(self.position, len(self.lines) - 1)]
        self.position += 1
        if self.seen is not None:
            self.seen()
        if isinstance(line, BaseException):
            raise line
        return AIMessage(line) if isinstance(line, str) else line.model_copy(deep=True)

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Any:
        return ChatResult(generations=[ChatGeneration(message=self._next())])

    async def _agenerate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Any:
        await asyncio.sleep(0)
        return self._generate(messages)


class StreamingChatModel(ScriptedChatModel):
    """The same, word by word; a line `"word <break>"` fails after the words before it."""

    def _stream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _chunks(self._next()):
            if self.seen is not None:
                self.seen()
            yield chunk

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _chunks(self._next()):
            await asyncio.sleep(0)
            if self.seen is not None:
                self.seen()
            yield chunk


def _chunks(answer: AIMessage) -> Iterator[ChatGenerationChunk]:
    for word in str(answer.content).split():
        if word == "<break>":
            raise ConnectionError("the stream broke")
        yield ChatGenerationChunk(message=AIMessageChunk(content=f"{word} "))
    last = AIMessageChunk(
        content="",
        usage_metadata=answer.usage_metadata,
        response_metadata=answer.response_metadata,
    )
    yield ChatGenerationChunk(message=last)


def calls(name: str, call_id: str = "call_1", **arguments: Any) -> AIMessage:
    """A model answer that asks for one tool."""
    return AIMessage(content="", tool_calls=[{"id": call_id, "name": name, "args": arguments}])
