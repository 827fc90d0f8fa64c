# SPDX-License-Identifier: Apache-2.0
"""Where the playhead is and what each key does to it. No terminal, no clock: both are passed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentstack_otel.query.replay import Replay

IDLE_SECONDS = 0.5
"""A longer wait of the run is shown as this long."""

STEP_SECONDS = 0.15
"""A shorter one as this long, or nobody could follow."""

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class Player:
    """A playhead on a replay.

    Attributes:
        position: The step whose aftermath is shown.
        playing: Whether time passes.
        speed: How fast.
        scroll: Lines the step pane is scrolled down by.
        prompt: What has been typed after `g`; None while nothing is asked.
        note: One line for the user, until the next key.
    """

    def __init__(self, replay: Replay, speed: float = 1.0) -> None:
        self.replay = replay
        self.position = 0
        self.playing = False
        self.speed = speed
        self.scroll = 0
        self.help = False
        self.quit = False
        self.prompt: str | None = None
        self.note = ""
        self._owed = 0.0
        nodes, ends = replay.nodes, replay.last
        steps = [step for step in replay.steps if step.kind == "start"]
        self._llm = [step.index for step in steps if nodes[step.row].span.is_llm]
        self._tools = [step.index for step in steps if nodes[step.row].span.is_tool]
        last = len(replay.steps)
        self.errors = sorted(
            ends[row] for row, node in enumerate(nodes) if node.span.is_error and ends[row] < last
        )
        self._keys: dict[str, Callable[[], None]] = {
            "right": lambda: self.go(self.position + 1),
            "left": lambda: self.go(self.position - 1),
            "shift-right": lambda: self.go(self.position + 10),
            "shift-left": lambda: self.go(self.position - 10),
            "home": lambda: self.go(0),
            "end": lambda: self.go(self.last),
            "space": self._toggle,
            "[": lambda: self._faster(-1),
            "]": lambda: self._faster(1),
            "j": lambda: self._jump(self._llm, 1, "model call"),
            "k": lambda: self._jump(self._llm, -1, "model call"),
            "m": lambda: self._jump(self._tools, 1, "tool call"),
            "M": lambda: self._jump(self._tools, -1, "tool call"),
            "n": lambda: self._jump(self.errors, 1, "error"),
            "N": lambda: self._jump(self.errors, -1, "error"),
            "down": lambda: self._scroll(1),
            "up": lambda: self._scroll(-1),
            "pagedown": lambda: self._scroll(10),
            "pageup": lambda: self._scroll(-10),
            "g": self._ask,
            "?": self._toggle_help,
            "h": self._toggle_help,
            "q": self._quit,
            "escape": self._escape,
        }

    @property
    def last(self) -> int:
        """Index of the last step."""
        return len(self.replay.steps) - 1

    def key(self, name: str) -> None:
        """Do what a key means; unknown keys do nothing."""
        self.note = ""
        if self.prompt is not None:
            self._answer(name)
        elif name in self._keys:
            self._keys[name]()

    def go(self, position: int) -> None:
        """Put the playhead on a step, or as near as there is one."""
        self.position = max(0, min(self.last, position))
        self.scroll = 0
        self._owed = 0.0

    def delay(self, position: int) -> float:
        """Seconds at speed 1 between a step and the next."""
        steps = self.replay.steps
        gap = (steps[position + 1].time - steps[position].time) / 1e9
        return max(STEP_SECONDS, min(IDLE_SECONDS, gap))

    def total_seconds(self) -> float:
        """How long the whole run plays at speed 1."""
        return sum(map(self.delay, range(self.last)))

    def tick(self, seconds: float) -> bool:
        """Let time pass; True when the playhead moved."""
        if not self.playing:
            return False
        before = self.position
        self._owed += seconds * self.speed
        while self.position < self.last and self._owed >= (needed := self.delay(self.position)):
            self._owed -= needed
            self.position += 1
            self.scroll = 0
        if self.position == self.last:
            self.playing, self._owed = False, 0.0
        return self.position != before or not self.playing

    def wait(self) -> float | None:
        """Seconds until `tick` will move the playhead; None while paused."""
        if not self.playing:
            return None
        return max(0.0, self.delay(self.position) - self._owed) / self.speed

    def _toggle(self) -> None:
        if not self.playing and self.position == self.last:
            self.go(0)
        self.playing = not self.playing and self.last > 0

    def _faster(self, by: int) -> None:
        nearest = min(range(len(SPEEDS)), key=lambda at: abs(SPEEDS[at] - self.speed))
        self.speed = SPEEDS[max(0, min(len(SPEEDS) - 1, nearest + by))]

    def _jump(self, steps: Sequence[int], direction: int, what: str) -> None:
        find = self.replay.after if direction > 0 else self.replay.before
        found = find(self.position, steps)
        if found is None:
            self.note = f"no {'further' if direction > 0 else 'earlier'} {what}"
        else:
            self.go(found)

    def _scroll(self, by: int) -> None:
        self.scroll = max(0, self.scroll + by)

    def _ask(self) -> None:
        self.prompt, self.playing = "", False

    def _answer(self, name: str) -> None:
        typed = self.prompt or ""
        if name == "enter":
            self.prompt = None
            self._seek(typed)
        elif name == "escape":
            self.prompt = None
        elif name == "backspace":
            self.prompt = typed[:-1]
        elif len(name) == 1 and name in "0123456789.%s":
            self.prompt = typed + name

    def _seek(self, typed: str) -> None:
        """`12` is a step, `1.5s` a time of the run, `50%` a share of its steps."""
        try:
            if typed.endswith("s"):
                self.go(self.replay.seek(float(typed[:-1]) * 1000))
            elif typed.endswith("%"):
                self.go(round(float(typed[:-1]) / 100 * self.last))
            elif typed:
                self.go(int(typed) - 1)
        except (ValueError, OverflowError):
            self.note = f"{typed} is no step (12), time (1.5s) or share (50%)"

    def _toggle_help(self) -> None:
        self.help = not self.help

    def _quit(self) -> None:
        self.quit = True

    def _escape(self) -> None:
        self.help = False


__all__ = ["IDLE_SECONDS", "SPEEDS", "STEP_SECONDS", "Player"]
