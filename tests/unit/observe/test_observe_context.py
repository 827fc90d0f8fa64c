# SPDX-License-Identifier: Apache-2.0
"""Whose child a span is: across tasks, threads, executors and processes."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.threading import ThreadingInstrumentor

from agentstack_otel.observe import observe


@observe("leaf")
def leaf(n: int = 0) -> int:
    return n


@pytest.fixture
def threads() -> Iterator[None]:
    """What our distribution switches on in every process."""
    instrumentor = ThreadingInstrumentor()
    instrumentor.instrument()
    yield
    instrumentor.uninstrument()


def _all_children_of(spans, parent: str, count: int) -> None:
    parent_id = spans.one(parent).context.span_id
    leaves = spans.named("leaf")
    assert len(leaves) == count
    assert {span.parent.span_id for span in leaves} == {parent_id}


def test_asyncio_tasks_each_have_their_own_current_span(spans):
    @observe("task")
    async def task(n: int) -> int:
        await asyncio.sleep(0)
        mine = trace.get_current_span()
        await asyncio.sleep(0)
        assert trace.get_current_span() is mine
        return leaf(n)

    @observe("root")
    async def root() -> list[int]:
        return await asyncio.gather(*(task(n) for n in range(5)))

    assert asyncio.run(root()) == [0, 1, 2, 3, 4]
    root_id = spans.one("root").context.span_id
    tasks = spans.named("task")
    assert {span.parent.span_id for span in tasks} == {root_id}
    assert {span.parent.span_id for span in spans.named("leaf")} == {
        span.context.span_id for span in tasks
    }


def test_to_thread_carries_the_span(spans):
    @observe("root")
    async def root() -> None:
        await asyncio.to_thread(leaf)

    asyncio.run(root())
    _all_children_of(spans, "root", 1)


def test_threads_carry_the_span(spans, threads):
    @observe("root")
    def root() -> None:
        thread = threading.Thread(target=leaf)
        thread.start()
        thread.join()

    root()
    _all_children_of(spans, "root", 1)


def test_executors_and_run_in_executor_carry_the_span(spans, threads):
    @observe("root")
    async def root() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(leaf, range(4)))
            await loop.run_in_executor(pool, leaf)

    asyncio.run(root())
    _all_children_of(spans, "root", 5)


def test_a_generator_consumed_in_other_threads_keeps_its_span_to_itself(spans):
    @observe("stream")
    def stream():
        for n in range(3):
            yield leaf(n)

    generator = stream()
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            assert pool.submit(next, generator).result() >= 0
            assert not trace.get_current_span().get_span_context().is_valid
    generator.close()
    _all_children_of(spans, "stream", 3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_goes_on_under_its_parents_span(spans):
    read, write = os.pipe()

    @observe("root")
    def root() -> None:
        child = os.fork()
        if child == 0:  # pragma: no cover  # in the child, whose coverage nobody collects
            try:
                leaf()
                (span,) = spans.named("leaf")
                os.write(write, f"{span.parent.span_id:x}".encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)

    root()
    os.close(write)
    with os.fdopen(read) as pipe:
        assert int(pipe.read(), 16) == spans.one("root").context.span_id
