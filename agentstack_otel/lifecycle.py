# SPDX-License-Identifier: Apache-2.0
"""Send what is left when the process ends, however it ends.

| end | who flushes |
|---|---|
| return from main, `sys.exit`, exception, Ctrl-C | the SDK's own `atexit` handler |
| SIGTERM (uvicorn, containers) | `on_sigterm`, chained before what was installed |
| `os._exit`, children of multiprocessing | the wrapped `os._exit` |
| SIGKILL | nobody: at most `schedule_delay` of spans are lost |
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from opentelemetry import trace

_logger = logging.getLogger("agentstack")

Handler = Callable[[int, FrameType | None], Any]

_original_exit: Callable[[int], NoReturn] = os._exit


def flush(timeout: float = 3.0) -> bool:
    """Send every finished span now.

    Args:
        timeout: Seconds at most; the work goes on in the background beyond.

    Returns:
        True when everything was delivered or is on disk.
    """
    return _within(timeout, lambda: _force_flush(timeout))


def shutdown(timeout: float = 10.0) -> bool:
    """Flush and stop tracing for good; spans that end later are dropped.

    Args:
        timeout: Seconds at most.

    Returns:
        True when everything was delivered or is on disk.
    """

    def work() -> bool:
        flushed = _force_flush(timeout)
        _call("shutdown")
        return flushed

    return _within(timeout, work)


def install(flush_timeout: float, *, sigterm: bool = True) -> None:
    """Install the hooks of the table above. Idempotent."""
    _wrap_exit(flush_timeout)
    if sigterm:
        _chain_sigterm(flush_timeout)


def _force_flush(timeout: float) -> bool:
    return _call("force_flush", int(timeout * 1000)) is not False


def _call(method: str, *args: Any) -> Any:
    """Call what the SDK's provider has and the API's stand-in has not."""
    call = getattr(trace.get_tracer_provider(), method, None)
    return None if call is None else call(*args)


def _within(timeout: float, work: Callable[[], bool]) -> bool:
    """Run on a helper thread: the caller may be a signal handler that interrupted a lock's owner,
    and stock processors ignore their timeouts.
    """
    answer: list[bool] = []

    def run() -> None:
        try:
            answer.append(work())
        except Exception:
            _logger.exception("AgentStack: flushing failed")

    thread = threading.Thread(target=run, name="agentstack-end", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is shutting down and starts no more threads
        run()
    else:
        thread.join(timeout)
    return bool(answer and answer[0])


def _wrap_exit(timeout: float) -> None:
    if getattr(os._exit, "__agentstack__", False):
        return

    def exit_after_flush(status: int) -> NoReturn:
        try:
            flush(timeout)
        finally:
            _original_exit(status)

    exit_after_flush.__agentstack__ = True  # type: ignore[attr-defined]  # a mark, for idempotence
    os._exit = exit_after_flush


def _chain_sigterm(timeout: float) -> None:
    if threading.current_thread() is not threading.main_thread():
        return  # Python allows handlers to be set by the main thread only
    previous = signal.getsignal(signal.SIGTERM)
    if previous in (signal.SIG_IGN, None) or getattr(previous, "__agentstack__", False):
        return  # ignored on purpose, not installed from Python, or ours already

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        flush(timeout)
        if callable(previous):
            previous(number, frame)
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)

    on_sigterm.__agentstack__ = True  # type: ignore[attr-defined]  # a mark, for idempotence
    signal.signal(signal.SIGTERM, on_sigterm)


__all__ = ["flush", "install", "shutdown"]
