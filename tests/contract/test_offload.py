# SPDX-License-Identifier: Apache-2.0
"""What callers may rely on of a child process: whatever it does, the parent lives and knows."""

from __future__ import annotations

import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from agentstack_processors.verdicts import ConfigError, Reject, Retry

from agentstack_otel.workers.offload import ChildDied, ChildError, Config, Offload, cpu_time

ROOT = Path(__file__).parents[2]
ODD = "tests.fakes.offloaded:Odd"


@pytest.fixture
def offload() -> Iterator[Offload]:
    made = Offload(ODD, (40,), Config(nice=3, cpu_seconds=1.0, wall_seconds=60.0), name="odd")
    yield made
    made.close()


def gone(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in ("Z", "X")


def until_gone(pid: int, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return gone(pid)


def test_no_child_is_started_before_the_first_call(offload: Offload) -> None:
    assert offload.pid is None
    assert offload.starts == 0


def test_the_object_keeps_its_state_between_calls(offload: Offload) -> None:
    assert [offload.call("add", 1), offload.call("add", 1)] == [41, 42]
    assert offload.starts == 1


def test_it_runs_in_another_process_with_lower_priority(offload: Offload) -> None:
    pid, nice = offload.call("where")
    assert pid == offload.pid != os.getpid()
    assert nice == min(19, os.nice(0) + 3)


@pytest.mark.parametrize("size", [0, 1, 1 << 16, 40 << 20])
def test_payloads_of_any_size_come_back_as_they_went(offload: Offload, size: int) -> None:
    data = os.urandom(size)
    assert offload.call("echo", [data, {"n": size}]) == [data, {"n": size}]


def test_a_child_killed_in_a_call_is_reported_and_the_next_call_has_a_new_one(
    offload: Offload,
) -> None:
    offload.call("add", 1)
    with pytest.raises(ChildDied, match="was killed by signal 9"):
        offload.call("die")
    assert offload.call("add", 1) == 41
    assert offload.starts == 2


def test_a_child_killed_between_two_calls_is_replaced_without_a_word(offload: Offload) -> None:
    offload.call("add", 1)
    assert offload.pid is not None
    os.kill(offload.pid, signal.SIGKILL)
    while offload.pid is not None:
        time.sleep(0.01)
    assert offload.call("add", 1) == 41
    assert offload.starts == 2


def test_a_child_that_ends_by_itself_is_reported_with_its_code(offload: Offload) -> None:
    with pytest.raises(ChildDied, match="ended with code 5"):
        offload.call("leave", 5)


def test_a_child_that_computes_for_ever_is_killed(offload: Offload) -> None:
    with pytest.raises(ChildDied, match="1 s of CPU"):
        offload.call("spin")
    assert offload.call("add", 2) == 42


def test_a_child_that_waits_for_ever_is_killed() -> None:
    offload = Offload(ODD, (40,), Config(wall_seconds=0.5))
    offload.start()
    with pytest.raises(ChildDied, match=r"over 0\.5 s"):
        offload.call("sleep")
    offload.close()


def test_what_a_child_prints_is_logged_and_disturbs_no_answer(
    offload: Offload, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "agentstack_otel.workers.offload"):
        assert offload.call("chatter") == "well"
        assert offload.call("add", 1) == 41
        offload.close()
    assert "garbage" in caplog.text
    assert max(len(record.getMessage()) for record in caplog.records) < 9000


def test_a_verdict_of_the_child_is_raised_here_as_it_is(offload: Offload) -> None:
    with pytest.raises(Reject, match="these bytes will never do"):
        offload.call("reject")
    assert offload.starts == 1


def test_a_bug_in_the_child_is_an_error_and_the_child_goes_on(offload: Offload) -> None:
    offload.call("add", 1)
    with pytest.raises(ChildError, match="KeyError"):
        offload.call("fail")
    with pytest.raises(ChildError, match="AttributeError"):
        offload.call("no_such_method")
    with pytest.raises(ChildError):
        offload.call("unsendable")
    assert offload.call("add", 1) == 42


@pytest.mark.parametrize(
    ("factory", "why"),
    [
        ("tests.fakes.offloaded:refuses", "no such rules"),
        ("tests.fakes.offloaded:ends", "ended with code 7"),
        ("tests.fakes.offloaded:absent", "absent"),
        ("tests.fakes.no_such_module:x", "no_such_module"),
    ],
)
def test_a_child_that_does_not_come_up_means_retry_with_the_reason(factory: str, why: str) -> None:
    broken = Offload(factory, name="broken")
    with pytest.raises(Retry, match=why):
        broken.call("add", 1)
    broken.close()


def test_close_ends_the_child_and_refuses_calls(offload: Offload) -> None:
    pid, _ = offload.call("where")
    offload.close()
    offload.close()
    assert gone(pid)
    with pytest.raises(Retry, match="closed"):
        offload.call("add", 1)


def test_the_child_outlives_the_thread_that_made_the_first_call(offload: Offload) -> None:
    caller = threading.Thread(target=offload.call, args=("add", 1))
    caller.start()
    caller.join()
    assert offload.call("add", 1) == 42
    assert offload.starts == 1


def test_close_does_not_wait_for_a_call_that_is_running(offload: Offload) -> None:
    offload.call("add", 1)
    ended: list[Exception] = []

    def spin() -> None:
        try:
            offload.call("spin")
        except (ChildDied, Retry) as fault:
            ended.append(fault)

    caller = threading.Thread(target=spin)
    caller.start()
    began = cpu_time(offload.pid or 0) or 0.0
    while (cpu_time(offload.pid or 0) or 0.0) - began < 0.05:
        time.sleep(0.01)
    offload.close()
    caller.join(1.0)
    assert not caller.is_alive()
    assert "was killed by signal 9" in str(ended[0])


def test_close_does_not_wait_for_a_child_that_is_just_being_started() -> None:
    slow = Offload("tests.fakes.offloaded:never_up", config=Config(start_seconds=30.0), name="slow")
    refused: list[Exception] = []

    def ask() -> None:
        try:
            slow.call("add", 1)
        except Retry as fault:
            refused.append(fault)

    caller = threading.Thread(target=ask)
    caller.start()
    while not any(each.name == "slow-process" for each in threading.enumerate()):
        time.sleep(0)  # from here on there is a process, and `slow` does not have it yet
    closer = threading.Thread(target=slow.close)
    closer.start()
    closer.join(15.0)
    assert not closer.is_alive()
    caller.join(10.0)
    assert refused
    assert slow.pid is None


def test_a_child_that_was_replaced_is_not_asked_for_what_only_the_old_one_knows(
    offload: Offload,
) -> None:
    offload.call("add", 1)
    first = offload.starts
    assert offload.call("add", 1, start=first) == 42
    assert offload.pid is not None
    os.kill(offload.pid, signal.SIGKILL)
    while offload.pid is not None:
        time.sleep(0.01)
    with pytest.raises(ChildDied, match="replaced"):
        offload.call("add", 1, start=first)
    assert offload.call("add", 1) == 41


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_for_the_whole_service_leaves_the_end_of_the_child_to_the_parent(
    offload: Offload, number: int
) -> None:
    offload.call("add", 1)
    assert offload.pid is not None
    os.kill(offload.pid, number)
    assert offload.call("add", 1) == 42
    assert offload.starts == 1


def test_a_process_with_thousands_of_connections_can_still_start_a_child(offload: Offload) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip(f"only {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    taken = []
    try:
        while not taken or taken[-1] < 1100:
            taken.append(os.dup(0))
        assert offload.call("add", 1) == 41
    finally:
        for each in taken:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("doing", ["add", "spin"])
def test_killing_the_parent_leaves_no_orphan(doing: str) -> None:
    script = (
        "from agentstack_otel.workers.offload import Offload\n"
        f"o = Offload({ODD!r}); print(o.call('where')[0], flush=True)\n"
        + ("o.call('spin')\n" if doing == "spin" else "import time; time.sleep(600)\n")
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    if doing == "spin":
        began = cpu_time(child) or 0.0
        while (cpu_time(child) or 0.0) - began < 0.05:
            time.sleep(0.01)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert until_gone(child)


@pytest.mark.parametrize(
    "config", [Config(nice=20), Config(cpu_seconds=0), Config(wall_seconds=-1)]
)
def test_settings_that_make_no_sense_are_refused_by_name(config: Config) -> None:
    with pytest.raises(ConfigError, match=r"offload (nice|cpu_seconds|wall_seconds)"):
        Offload(ODD, config=config)
