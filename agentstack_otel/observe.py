# SPDX-License-Identifier: Apache-2.0
"""`@observe`: a span for each call of a function.

::

    @observe
    def plan(question: str) -> list[str]: ...

    @observe("search_flights", operation="execute_tool")
    async def search(origin: str, to: str) -> list[Flight]: ...

Works on functions, coroutine functions, generators, asynchronous generators, methods of every
kind, and classes (each public method). It keeps the signature, and never changes what the function
returns, raises or yields; when recording fails, the function does not notice. Arguments and results
are recorded unless `capture=False` or `AGENTSTACK_CONTENT=none`, cut at 32 Ki characters.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, TypeVar, cast, overload

from agentstack_processors.semconv import attributes as names
from opentelemetry.util.types import AttributeValue

from agentstack_otel.capturing import MAX_TEXT, to_text
from agentstack_otel.spans import (
    INPUT_VALUE,
    OUTPUT_VALUE,
    YIELDED_COUNT,
    Operation,
    Recording,
    operation,
    quietly,
)

_F = TypeVar("_F", bound=Callable[..., Any])
_T = TypeVar("_T")


@overload
def observe(target: _F, /) -> _F: ...


@overload
def observe(
    name: str | None = None,
    /,
    *,
    operation: str = "",
    capture: bool = True,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Callable[[_F], _F]: ...


def observe(
    target: Any = None,
    /,
    *,
    operation: str = "",
    capture: bool = True,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Any:
    """Record every call of the decorated function as a span.

    Args:
        target: The function (`@observe`), or a name for the span (`@observe("name")`); without
            one, the function's own.
        operation: `gen_ai.operation.name`, such as `execute_tool`, `invoke_agent`, `retrieval`
            or `chat`. It decides the span's kind and which attributes hold input and output;
            see `agentstack_otel.spans`.
        capture: False records neither arguments nor results of this function.
        attributes: More attributes for each span, such as `{"gen_ai.request.model": "gpt-5"}`.

    Returns:
        The function with the same signature, or a decorator.
    """
    options = _Options(
        target if isinstance(target, str) else "", operation, capture, attributes or {}
    )
    if target is None or isinstance(target, str):
        return functools.partial(_decorate, options=options)
    return _decorate(target, options)


@dataclass(frozen=True)
class _Options:
    name: str
    operation: str
    capture: bool
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


def _decorate(target: _T, options: _Options) -> _T:
    found: Any = target
    if isinstance(found, (staticmethod, classmethod)):
        return cast("_T", type(found)(_decorate(found.__func__, options)))
    if inspect.isclass(found):
        _decorate_methods(found, options)
        return target
    call = _Call(found, options)
    if inspect.isasyncgenfunction(found):
        return cast("_T", _async_generator(found, call))
    if inspect.isgeneratorfunction(found):
        return cast("_T", _generator(found, call))
    if inspect.iscoroutinefunction(found):
        return cast("_T", _coroutine(found, call))
    return cast("_T", _function(found, call))


def _decorate_methods(cls: type, options: _Options) -> None:
    for name, member in list(vars(cls).items()):
        if not name.startswith("_") and (
            inspect.isfunction(member) or isinstance(member, (staticmethod, classmethod))
        ):
            method = _Options("", options.operation, options.capture, options.attributes)
            setattr(cls, name, _decorate(member, method))


class _Call:
    """What is known about a function before it is called."""

    def __init__(self, function: Callable[..., Any], options: _Options) -> None:
        inner = function
        while isinstance(inner, functools.partial):
            inner = inner.func
        own = getattr(inner, "__qualname__", None) or type(inner).__qualname__
        module = getattr(inner, "__module__", None) or ""
        self._capture = options.capture
        self._row = _row(options.operation)
        subject = options.name or own.rpartition(".")[2]
        self._attributes: dict[str, AttributeValue] = {names.FUNCTION_NAME: f"{module}.{own}"}
        self._attributes.update(_subject(options, self._row, subject))
        self._attributes.update(options.attributes)
        self._name = self._span_name(options, own)
        self._signature = _signature(function)

    def _span_name(self, options: _Options, own: str) -> str:
        if not options.operation:
            return options.name or own
        subject = self._attributes.get(self._row.subject) or options.name or own
        return f"{options.operation} {subject}"

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recording:
        """A started span, with the arguments when they are wanted."""
        recording = Recording.begin(self._name, self._row, self._attributes)
        if self._capture and recording.wanted:
            self._record(recording, args, kwargs)
        return recording

    @quietly
    def _record(self, recording: Recording, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        recording.input(_arguments(self._signature, args, kwargs))

    def returned(self, recording: Recording, value: object) -> None:
        """The function returned `value`."""
        if self._capture and value is not None:
            recording.output(value)

    def yields(self) -> _Yielded:
        """Collects what a generator gives."""
        return _Yielded(self._capture)


def _row(name: str) -> Operation:
    row = operation(name)
    if name == "execute_tool":
        return row
    # A function's arguments are no list of messages and no query; they are its arguments.
    return replace(row, input=INPUT_VALUE, output=OUTPUT_VALUE)


def _subject(options: _Options, row: Operation, name: str) -> dict[str, AttributeValue]:
    if not options.operation:
        return {}
    found: dict[str, AttributeValue] = {names.OPERATION_NAME: options.operation}
    # A function's name is the name of a tool or an agent, but not of a model or a data source.
    if row.subject and row.subject not in (names.REQUEST_MODEL, names.DATA_SOURCE_ID):
        found[row.subject] = name
    if options.operation == "execute_tool":
        found[names.TOOL_TYPE] = "function"
    return found


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have none
        return None


def _arguments(
    signature: inspect.Signature | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Arguments by the names of their parameters, without the instance or class."""
    if signature is None:
        return {"args": args, **kwargs}
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError:  # the function itself will say so
        return {"args": args, **kwargs}
    first = next(iter(signature.parameters), "")
    return {
        key: value for key, value in bound.items() if key != first or key not in ("self", "cls")
    }


class _Yielded:
    """The values of a generator as one text: strings joined, anything else a JSON array."""

    def __init__(self, capture: bool) -> None:
        self._capture = capture
        self._count = 0
        self._size = 0
        self._items: list[str] = []
        self._text = True

    @quietly
    def add(self, recording: Recording, item: object) -> None:
        """One more value, if there is room."""
        self._count += 1
        if not self._capture or self._size >= MAX_TEXT or not recording.wanted:
            return
        text = to_text(item, MAX_TEXT - self._size)
        self._text = self._text and type(item) is str
        self._items.append(text)
        self._size += len(text) + 1

    @quietly
    def finish(self, recording: Recording, value: object = None) -> None:
        """Record all values, and the number of them."""
        recording.set({YIELDED_COUNT: self._count})
        if self._items:
            joined = "".join(self._items) if self._text else "[" + ",".join(self._items) + "]"
            recording.output(joined)
        elif self._capture and value is not None:
            recording.output(value)


def _function(function: Callable[..., Any], call: _Call) -> Callable[..., Any]:
    @functools.wraps(function)
    def observed(*args: Any, **kwargs: Any) -> Any:
        recording = call.begin(args, kwargs)
        recording.enter()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            recording.failed(error)
            raise
        else:
            call.returned(recording, result)
            return result
        finally:
            recording.leave()
            recording.end()

    return observed


def _coroutine(function: Callable[..., Any], call: _Call) -> Callable[..., Any]:
    @functools.wraps(function)
    async def observed(*args: Any, **kwargs: Any) -> Any:
        recording = call.begin(args, kwargs)
        recording.enter()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            recording.failed(error)
            raise
        else:
            call.returned(recording, result)
            return result
        finally:
            recording.leave()
            recording.end()

    return observed


def _generator(function: Callable[..., Any], call: _Call) -> Callable[..., Any]:
    @functools.wraps(function)
    def observed(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        recording = call.begin(args, kwargs)
        yielded = call.yields()
        result = None
        try:
            generator = function(*args, **kwargs)
            resume, value = generator.send, None
            while True:
                recording.enter()
                try:
                    item = resume(value)
                except StopIteration as stop:
                    result = stop.value
                    return result
                finally:
                    recording.leave()
                yielded.add(recording, item)
                try:
                    value = yield item
                    resume = generator.send
                except GeneratorExit:
                    recording.enter()
                    try:
                        # Since Python 3.13 close() has a value, which the caller's close() gets.
                        return generator.close()
                    finally:
                        recording.leave()
                except BaseException as error:
                    resume, value = generator.throw, error
        except BaseException as error:
            recording.failed(error)
            raise
        finally:
            yielded.finish(recording, result)
            recording.end()

    return observed


def _async_generator(function: Callable[..., Any], call: _Call) -> Callable[..., Any]:
    @functools.wraps(function)
    async def observed(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        recording = call.begin(args, kwargs)
        yielded = call.yields()
        try:
            generator = function(*args, **kwargs)
            resume, value = generator.asend, None
            while True:
                recording.enter()
                try:
                    item = await resume(value)
                except StopAsyncIteration:
                    return
                finally:
                    recording.leave()
                yielded.add(recording, item)
                try:
                    value = yield item
                    resume = generator.asend
                except GeneratorExit:
                    recording.enter()
                    try:
                        await generator.aclose()
                    finally:
                        recording.leave()
                    return
                except BaseException as error:
                    resume, value = generator.athrow, error
        except BaseException as error:
            recording.failed(error)
            raise
        finally:
            yielded.finish(recording)
            recording.end()

    return observed


class _Module(ModuleType):
    """`agentstack_otel.observe` is this module once it was imported, and the decorator to users.

    Importing a submodule binds its name in the package, over the function of the same name. So the
    module itself can be called.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return observe(*args, **kwargs)


sys.modules[__name__].__class__ = _Module
