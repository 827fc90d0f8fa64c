# SPDX-License-Identifier: Apache-2.0
"""The replay's keys, its clock and its frames."""

from __future__ import annotations

import io
import os
import pty
import signal
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from agentstack_otel.cli.replaying.plain import told
from agentstack_otel.cli.replaying.player import Player
from agentstack_otel.cli.replaying.screen import TITLE, Screen
from agentstack_otel.cli.replaying.terminal import decode, single_keys
from agentstack_otel.query.replay import build
from agentstack_otel.query.trace import build as build_tree
from tests.unit.cli.spans import llm, row, tool


def a_run(**more):
    return build(
        build_tree(
            [
                row("root", "", 0, 4000, name="run"),
                llm(
                    "one", "root", 100, 900,
                    said=[("user", "hello there")], answer=[("assistant", "general")], **more,
                ),
                tool("search", "root", 1000, 1100, input='{"q": "tents"}', output="two tents"),
                tool("send", "root", 3000, 3100, status="ERROR", status_message="refused"),
                llm("two", "root", 3200, 3900, answer=[("assistant", "done")]),
            ],
            "ab" * 16,
        )
    )  # fmt: skip


def frame(player: Player, width: int = 120, height: int = 30) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height)
    return [line.plain for line in Screen(player).frame(console, width, height)]


def at(player: Player) -> str:
    step = player.replay.steps[player.position]
    return f"{step.kind} {player.replay.nodes[step.row].span.span_id}"


def test_arrows_step_and_stop_at_both_ends():
    player = Player(a_run())
    player.key("left")
    assert at(player) == "start root"
    player.key("right")
    assert at(player) == "start one"
    player.key("end")
    player.key("right")
    assert at(player) == "end root"
    player.key("home")
    assert player.position == 0


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ("j", "start one"), ("jj", "start two"), ("jjk", "start one"), ("m", "start search"),
        ("mm", "start send"), ("mmM", "start search"), ("n", "end send"), ("jjN", "end send"),
    ],
)  # fmt: skip
def test_letters_jump_between_model_calls_tools_and_errors(keys, where):
    player = Player(a_run())
    for key in keys:
        player.key(key)
    assert at(player) == where


def test_a_jump_that_finds_nothing_says_so_and_stays():
    player = Player(a_run())
    player.key("k")
    assert (player.position, player.note) == (0, "no earlier model call")


@pytest.mark.parametrize(
    ("typed", "where"),
    [
        ("3", "end one"), ("1.05s", "start search"), ("100%", "end root"), ("999", "end root"),
        ("0", "start root"),
    ],
)  # fmt: skip
def test_go_to_takes_a_step_a_time_or_a_share(typed, where):
    player = Player(a_run())
    for key in ["g", *typed, "enter"]:
        player.key(key)
    assert at(player) == where


def test_go_to_can_be_corrected_refused_and_given_up():
    player = Player(a_run())
    for key in ["g", "9", "backspace", "3", "enter"]:
        player.key(key)
    assert player.position == 2
    for key in ["g", "s", "enter"]:
        player.key(key)
    assert "is no step" in player.note
    for key in ["g", "5", "escape"]:
        player.key(key)
    assert (player.position, player.prompt) == (2, None)


def test_playing_takes_the_time_of_the_run_but_waits_are_cut_short():
    player = Player(a_run())
    player.key("space")
    assert player.wait() == pytest.approx(0.15)  # 100 ms of the run: nobody could follow
    player.tick(0.15)
    assert at(player) == "start one"
    assert player.wait() == pytest.approx(0.5)  # 800 ms of the run
    player.tick(0.49)
    assert at(player) == "start one"
    player.tick(0.02)
    assert at(player) == "end one"


def test_playing_stops_at_the_end_and_starts_over_when_asked_again():
    player = Player(a_run())
    player.key("space")
    player.tick(1000)
    assert (at(player), player.playing, player.wait()) == ("end root", False, None)
    player.key("space")
    assert (player.position, player.playing) == (0, True)


def test_brackets_change_the_speed_within_bounds():
    player = Player(a_run())
    player.key("]")
    assert player.speed == 2
    for _ in range(20):
        player.key("[")
    assert player.speed == 0.25


def test_a_run_of_one_step_can_be_played():
    player = Player(build(build_tree([row("a", end_ns=0)])))
    player.key("space")
    player.tick(1)
    assert (player.position, player.playing) == (0, False)


KEYS = st.sampled_from(
    ["right", "left", "space", "]", "[", "j", "k", "m", "n", "g", "5", "enter", "home", "end", "?",
     "down", "up", "pagedown", "escape", "x"]
)  # fmt: skip


@given(
    st.lists(st.one_of(KEYS, st.floats(0, 2)), max_size=40),
    st.integers(20, 140),
    st.integers(8, 50),
)
def test_whatever_is_pressed_every_frame_fits_the_terminal(keys, width, height):
    player = Player(a_run())
    for key in keys:
        player.tick(key) if isinstance(key, float) else player.key(key)
        assert 0 <= player.position <= player.last
    lines = frame(player, width, height)
    assert len(lines) == height
    assert all(cell_len(line) <= width for line in lines)


def test_the_frame_shows_step_state_and_that_nothing_runs_again():
    player = Player(a_run(input_tokens=7, output_tokens=3))
    player.go(2)
    text = "\n".join(frame(player))
    assert TITLE in text
    assert "nothing is re-executed" in text
    assert "step 3/10" in text
    assert "assistant: general" in text
    assert "2 messages" in text
    assert "7→3 tokens" in text
    assert "▸" in text


def test_content_cannot_write_to_the_terminal_through_a_frame():
    player = Player(
        build(
            build_tree(
                [llm("a", said=[("user", "\x1b[2Jevil\x07 [red]x[/red]")], name="\x1b]0;t\x07")]
            )
        )
    )
    text = "\n".join(frame(player))
    assert not {"\x1b", "\x07"} & set(text)
    assert "evil" in text
    assert "[red]x[/red]" in text


def test_long_content_scrolls_to_its_last_line_and_no_further():
    player = Player(
        build(build_tree([llm("a", said=[("user", "\n".join(f"line {n}" for n in range(100)))])]))
    )
    assert any("more lines" in line for line in frame(player))
    for _ in range(30):
        player.key("pagedown")
    shown = frame(player)
    assert any("line 99" in line for line in shown)
    assert not any("more lines" in line for line in shown)
    player.key("up")
    assert any("more lines" in line for line in frame(player))


def test_a_frame_of_twenty_thousand_spans_draws_only_what_is_seen():
    rows = [row("root", "", 0, 30_000)] + [row(f"s{n}", "root", n, n + 2) for n in range(20_000)]
    player = Player(build(build_tree(rows)))
    player.go(20_000)
    lines = frame(player)
    assert len(lines) == 30
    assert any(line.startswith("▸") for line in lines)


def test_printed_steps_are_numbered_and_end_with_the_state():
    lines = list(told(a_run()))
    assert lines[0].startswith(TITLE)
    assert lines[1].startswith(" 1 ")
    assert any("Completion: assistant: general" in line for line in lines)
    assert any("Failed: refused" in line for line in lines)
    assert lines[-1].endswith("2 model calls, 2 tool calls, 1 error")


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        (b"\x1b[C\x1b[D", ["right", "left"]),
        (b"\x1bOA\x1bOB", ["up", "down"]),
        (b"\x1b[1~\x1b[F", ["home", "end"]),
        (b"jq ", ["j", "q", "space"]),
        (b"\x1b", ["escape"]),
        (b"\x1b[99;5Zq", ["q"]),
        (b"g12\r\x7f", ["g", "1", "2", "enter", "backspace"]),
        ("é".encode(), []),
    ],
)
def test_what_terminals_send_becomes_keys(sent, keys):
    assert decode(sent) == keys


@given(st.binary(max_size=30))
def test_no_byte_sequence_hangs_or_breaks_the_decoder(data):
    assert all(isinstance(key, str) for key in decode(data))


def test_the_terminal_is_restored_on_every_way_out():
    outer, inner = pty.openpty()
    before, handler = termios.tcgetattr(inner), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), single_keys(inner) as keys:  # noqa: PT012 - the way out
        assert not termios.tcgetattr(inner)[3] & (termios.ECHO | termios.ICANON)
        os.write(outer, b"q")
        assert keys.read(5) == ["q"]
        raise KeyboardInterrupt
    assert termios.tcgetattr(inner) == before
    with pytest.raises(SystemExit) as left, single_keys(inner):
        signal.raise_signal(signal.SIGTERM)
    assert left.value.code == 143
    assert termios.tcgetattr(inner) == before
    assert signal.getsignal(signal.SIGTERM) is handler
    os.close(outer)
    os.close(inner)
