# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from agentstack_otel.observe import observe


def _span_id() -> int:
    return trace.get_current_span().get_span_context().span_id


def _twin(log):
    """The same generator, plain and observed, to be driven side by side."""

    def body():
        received = []
        try:
            while True:
                try:
                    received.append((yield len(received)))
                except KeyError as error:
                    received.append(repr(error))
                if received[-1] == "stop":
                    return received
        finally:
            log.append(list(received))

    return body


def _drive(function):
    """Every way to resume a generator; what came out of each."""
    out = []
    generator = function()
    out += [next(generator), generator.send("a"), generator.throw(KeyError("k"))]
    try:
        generator.send("stop")
    except StopIteration as stop:
        out.append(stop.value)
    generator = function()
    next(generator)
    with contextlib.suppress(ZeroDivisionError):
        generator.throw(ZeroDivisionError("z"))
        out.append("not reached")
    generator = function()
    next(generator)
    out.append(generator.close())
    out.append(list(zip(range(2), function(), strict=False)))
    return out


def test_send_throw_close_and_return_behave_as_without_the_decorator(spans):
    plain, watched = [], []
    assert _drive(_twin(plain)) == _drive(observe(_twin(watched)))
    gc.collect()
    assert plain == watched


def test_a_generator_function_stays_one_and_shows_what_it_gave(spans):
    @observe
    def stream(prompt):
        yield "Hel"
        yield "lo"

    assert inspect.isgeneratorfunction(stream)
    assert list(stream("hi")) == ["Hel", "lo"]
    span = spans.one()
    assert span.attributes["output.value"] == "Hello"
    assert span.attributes["agentstack.yielded.count"] == 2
    assert span.attributes["input.value"] == '{"prompt":"hi"}'


def test_values_that_are_no_text_become_a_json_array(spans):
    @observe
    def numbers():
        yield 1
        yield {"a": "b"}

    list(numbers())
    assert spans.one().attributes["output.value"] == '[1,{"a":"b"}]'


def test_the_span_is_current_in_the_body_and_never_in_the_caller(spans):
    inside = []

    @observe
    def body():
        for _ in range(3):
            inside.append(_span_id())
            yield

    for _ in body():
        assert _span_id() == 0
    assert set(inside) == {spans.one().context.span_id}


def test_a_span_the_body_opened_stays_current_across_a_yield(spans):
    tracer = trace.get_tracer("t")

    @observe
    def body():
        with tracer.start_as_current_span("opened"):
            yield
            with tracer.start_as_current_span("child"):
                yield
        yield

    for _ in body():
        assert _span_id() == 0
    assert spans.one("child").parent.span_id == spans.one("opened").context.span_id


def test_an_exception_in_the_body_is_recorded_and_the_same(spans):
    error = ValueError("late")

    @observe
    def body():
        yield 1
        raise error

    generator = body()
    next(generator)
    with pytest.raises(ValueError, match="late") as caught:
        next(generator)
    assert caught.value is error
    assert spans.one().status.status_code is StatusCode.ERROR


def test_closing_early_is_no_failure_and_ends_the_span(spans):
    @observe
    def body():
        yield 1
        yield 2

    generator = body()
    next(generator)
    assert spans.all() == ()
    generator.close()
    assert spans.one().status.status_code is StatusCode.UNSET


def test_a_generator_that_ignores_close_is_told_so_as_without_the_decorator(spans):
    @observe
    def stubborn():
        with contextlib.suppress(GeneratorExit):
            yield 1
        yield 2

    generator = stubborn()
    next(generator)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        generator.close()


def test_endless_streams_are_recorded_within_bounds(spans):
    @observe
    def chatter():
        for _ in range(100_000):
            yield "word "

    assert sum(1 for _ in chatter()) == 100_000
    assert len(spans.one().attributes["output.value"]) <= 32_768
    assert spans.one().attributes["agentstack.yielded.count"] == 100_000


async def _drive_async(function):
    out = []
    generator = function()
    out += [await generator.__anext__(), await generator.asend("a")]
    out.append(await generator.athrow(KeyError("k")))
    try:
        await generator.asend("stop")
    except StopAsyncIteration:
        out.append("stopped")
    generator = function()
    await generator.__anext__()
    try:
        await generator.athrow(ZeroDivisionError("z"))
    except ZeroDivisionError:
        out.append("raised")
    generator = function()
    await generator.__anext__()
    out.append(await generator.aclose())
    return out


def _async_twin(log):
    async def body():
        received = []
        try:
            while True:
                await asyncio.sleep(0)
                try:
                    received.append((yield len(received)))
                except KeyError as error:
                    received.append(repr(error))
                if received[-1] == "stop":
                    return
        finally:
            await asyncio.sleep(0)
            log.append(list(received))

    return body


def test_asynchronous_generators_behave_as_without_the_decorator(spans):
    plain, watched = [], []
    expected = asyncio.run(_drive_async(_async_twin(plain)))
    assert asyncio.run(_drive_async(observe(_async_twin(watched)))) == expected
    assert plain == watched
    assert inspect.isasyncgenfunction(observe(_async_twin([])))


def test_an_asynchronous_generator_leaks_its_span_to_nobody(spans):
    inside = []

    @observe
    async def stream():
        for part in ("a", "b"):
            inside.append(_span_id())
            await asyncio.sleep(0)
            yield part

    async def main():
        async for _ in stream():
            assert _span_id() == 0
        assert _span_id() == 0

    asyncio.run(main())
    assert set(inside) == {spans.one().context.span_id}
    assert spans.one().attributes["output.value"] == "ab"


def test_an_abandoned_asynchronous_generator_still_cleans_up_and_ends(spans):
    cleaned = []

    @observe
    async def stream():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def main():
        async for _ in stream():
            break
        gc.collect()
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert cleaned == [True]
    assert spans.one().status.status_code is StatusCode.UNSET


def test_a_cancelled_asynchronous_generator_is_recorded_and_the_cancellation_goes_on(spans):
    @observe
    async def stream():
        yield 1
        await asyncio.Event().wait()

    async def main():
        async def consume():
            async for _ in stream():
                started.set()

        started = asyncio.Event()
        task = asyncio.create_task(consume())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert spans.one().attributes["error.type"] == "asyncio.exceptions.CancelledError"
