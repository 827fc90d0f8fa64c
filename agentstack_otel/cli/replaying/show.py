# SPDX-License-Identifier: Apache-2.0
"""The loop between player, screen and terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live

from agentstack_otel.cli.replaying.player import Player
from agentstack_otel.cli.replaying.screen import Screen
from agentstack_otel.cli.replaying.terminal import leaving_in_order, single_keys

_RESIZE_SECONDS = 0.2
_FRAME_SECONDS = 0.03
_LAST_FRAME_SECONDS = 1.0


def interact(player: Player, console: Console) -> None:
    """Let the user drive; returns when they quit."""
    with single_keys(sys.stdin.fileno()) as keys, _live(player, console) as live:
        size, then = console.size, time.monotonic()
        while not player.quit:
            pressed = keys.read(min(player.wait() or _RESIZE_SECONDS, _RESIZE_SECONDS))
            for key in pressed:
                player.key(key)
            now = time.monotonic()
            moved = player.tick(now - then)
            then = now
            if pressed or moved or console.size != size:
                size = console.size
                live.refresh()


def play(player: Player, console: Console, sleep: Callable[[float], None] = time.sleep) -> None:
    """Play from the start to the end without a keyboard, then return."""
    player.playing = player.last > 0
    with leaving_in_order(), _live(player, console) as live:
        then = time.monotonic()
        while player.playing:
            sleep(max(_FRAME_SECONDS, player.wait() or 0.0))
            now = time.monotonic()
            if player.tick(now - then):
                live.refresh()
            then = now
        sleep(_LAST_FRAME_SECONDS)


@contextmanager
def _live(player: Player, console: Console) -> Iterator[Live]:
    live = Live(Screen(player), console=console, screen=True, auto_refresh=False, transient=True)
    try:
        # Not `with live`: a signal during the first frame would leave the alternate screen on.
        live.start(refresh=True)
        yield live
    finally:
        live.stop()


__all__ = ["interact", "play"]
