# SPDX-License-Identifier: Apache-2.0
"""One frame of the replay as a list of lines that fit the terminal. Pure: player in, text out."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from agentstack_otel.cli.replaying import story
from agentstack_otel.cli.replaying.player import Player
from agentstack_otel.cli.text import clean, counted, duration, one_line, tokens
from agentstack_otel.cli.view import branch, capped, icon, lines, status_text

TITLE = "Recorded run — nothing is re-executed"
_SIDE_BY_SIDE = 92
_COUNTED = {
    "messages": "message",
    "tool_results": "tool result",
    "llm_calls": "model call",
    "tool_calls": "tool call",
}
_KEYS = "←/→ step  space play  [ ] speed  j/k model  m tool  n error  g go to  ↑/↓ text  ? help  q"
_KEYS_SHORT = "←/→ step  space play  j/k model  m tool  n error  ? help  q quit"
_HELP = (
    ("→ ←", "step forward, back (with shift: ten)"),
    ("space", "play, pause; at the end: from the start"),
    ("[ ]", "slower, faster"),
    ("home end", "first, last step"),
    ("g", "go to a step (12), a time (1.5s) or a share (50%)"),
    ("j k", "next, previous model call"),
    ("m M", "next, previous tool call"),
    ("n N", "next, previous error"),
    ("↑ ↓", "scroll the step (page up, page down: ten lines)"),
    ("?", "this help"),
    ("q", "quit"),
)


class Screen:
    """A renderable that always shows the player as it is now, in whatever space there is."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self._rows = [(node, last) for node, last in lines(player.replay.tree)]
        self._parents = _parents(player)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        height = options.height or console.height
        yield from self.frame(console, width, height)

    def frame(self, console: Console, width: int, height: int) -> list[Text]:
        """Exactly `height` lines of at most `width` cells."""
        top = self._top(width)
        bottom = self._bottom(width)
        room = max(2, height - len(top) - len(bottom))
        body = self._help(room) if self._player.help else self._body(console, width, room)
        framed = [*top, *body, *bottom][:height]
        for line in framed:
            line.truncate(width, overflow="ellipsis")
        return framed

    def _top(self, width: int) -> list[Text]:
        player = self._player
        root = player.replay.tree.root
        title = Text.assemble((TITLE, "bold black on yellow"))
        title.append(f" {one_line(root.name, 40)} ", "bold")
        title.append(player.replay.tree.trace_id, "dim")
        sign = "▶ playing" if player.playing else "❚❚ paused"
        line = Text.assemble(
            (f"{sign} {player.speed:g}x ", "green" if player.playing else "yellow")
        )
        line.append(f" step {player.position + 1}/{player.last + 1}", "bold")
        elapsed = player.replay.elapsed_ms(player.position)
        total = player.replay.elapsed_ms(player.last)
        line.append(f"  +{duration(elapsed)} of {duration(total)}")
        return [title, line, self._seekbar(width)]

    def _seekbar(self, width: int) -> Text:
        player = self._player
        scale = (width - 1) / max(1, player.last)
        cells = ["─"] * width
        here = int(player.position * scale)
        cells[: here + 1] = ["━"] * (here + 1)
        bar = Text("".join(cells), "cyan")
        for error in player.errors:
            bar = _put(bar, int(error * scale), "✗", "bold red")
        return _put(bar, here, "●", "bold white")

    def _body(self, console: Console, width: int, room: int) -> list[Text]:
        if width >= _SIDE_BY_SIDE:
            left = min(64, width * 45 // 100)
            right = width - left - 3
            tree = self._tree(left, room)
            step = self._step(console, right, room)
            return [_beside(tree[at], step[at], left) for at in range(room)]
        half = max(1, room * 2 // 5)
        rule = Text("─" * width, style="dim")
        step = self._step(console, width, room - half - 1)
        return [*self._tree(width, half), rule, *step]

    def _tree(self, width: int, room: int) -> list[Text]:
        here = self._player.replay.steps[self._player.position].row
        first = max(0, min(here - room // 2, len(self._rows) - room))
        found = [
            self._row(row, here, width) for row in range(first, min(first + room, len(self._rows)))
        ]
        return found + [Text("") for _ in range(room - len(found))]

    def _row(self, row: int, here: int, width: int) -> Text:
        replay, position = self._player.replay, self._player.position
        node, last = self._rows[row]
        span = node.span
        started, ended = replay.first[row] <= position, replay.last[row] <= position
        text = Text.assemble(("▸ " if row == here else "  ", "bold yellow"), no_wrap=True)
        text.append(branch(capped(last, width), node.depth), "dim")
        style = "reverse" if row == here else ""
        if not started:
            text.append(f"○ {one_line(span.label, 80)}", f"dim {style}")
        elif not ended:
            text.append(f"● {one_line(span.label, 80)}", f"bold yellow {style}")
        else:
            sign, colour = ("✗", "red") if span.is_error else ("✓", "green")
            text.append(f"{sign} ", colour)
            text.append(one_line(span.label, 80), f"{'red' if span.is_error else ''} {style}")
            text.append(f" {duration(span.duration_ms)}", "dim")
        text.truncate(width, overflow="ellipsis")
        return text

    def _step(self, console: Console, width: int, room: int) -> list[Text]:
        player = self._player
        step = player.replay.steps[player.position]
        span = player.replay.nodes[step.row].span
        head = Text.assemble((f"{icon(span)[0]} ", icon(span)[1]))
        head.append(one_line(story.headline(step, span), 120), "bold")
        facts = [span.model, tokens(span.input_tokens, span.output_tokens), span.agent]
        head.append("  " + " · ".join(one_line(fact, 40) for fact in facts if fact), "dim")
        if step.kind == "end":
            head.append("  ")
            head.append_text(status_text(span.status))
        wrapped: list[Text] = []
        for title, content in story.sections(player.replay, step):
            wrapped.append(Text(one_line(title, 80), style="underline cyan"))
            for line in clean(content).split("\n"):
                wrapped.extend(Text(line).wrap(console, max(1, width)) or [Text("")])
        if not wrapped:
            wrapped = [Text("(no content recorded)", style="dim")]
        player.scroll = max(0, min(player.scroll, len(wrapped) - (room - 1)))
        shown = [head, *wrapped[player.scroll : player.scroll + room - 1]]
        hidden = len(wrapped) - player.scroll - (room - 1)
        if hidden > 0 and len(shown) > 1:
            shown[-1] = Text(f"↓ {hidden + 1} more lines", style="dim")
        return shown + [Text("") for _ in range(room - len(shown))]

    def _bottom(self, width: int) -> list[Text]:
        player = self._player
        state = player.replay.count
        at = player.position
        used = tokens(state("input_tokens", at), state("output_tokens", at)) or "0"
        errors = state("errors", at)
        line = Text.assemble(("so far ", "bold"))
        # errors early: a narrow terminal cuts the end off
        line.append(counted(errors, "error"), "bold red" if errors else "")
        for what in ("messages", "tool_results", "llm_calls", "tool_calls"):
            if count := state(what, at):
                line.append(f" · {counted(count, _COUNTED[what])}")
        line.append(f" · {used} tokens")
        path = Text.assemble(("in     ", "bold"))
        path.append(" → ".join(self._open_path()) or "no open step")
        return [Text("─" * width, style="dim"), line, path, self._footer(width)]

    def _footer(self, width: int) -> Text:
        player = self._player
        if player.prompt is not None:
            return Text(
                f"go to step, time (1.5s) or share (50%): {player.prompt}▏", style="bold yellow"
            )
        if player.note:
            return Text(player.note, style="yellow")
        return Text(_KEYS if width > len(_KEYS) else _KEYS_SHORT, style="dim")

    def _open_path(self) -> list[str]:
        """Names of the open spans from the root to the playhead."""
        replay, position = self._player.replay, self._player.position
        row: int | None = replay.steps[position].row
        names: list[str] = []
        while row is not None:
            if replay.first[row] <= position < replay.last[row]:
                names.append(one_line(replay.nodes[row].span.name, 30))
            row = self._parents[row]
        return names[::-1][-8:]

    def _help(self, room: int) -> list[Text]:
        found = [Text("keys", style="bold underline")]
        for keys, meaning in _HELP:
            line = Text.assemble((f"  {keys:<10}", "bold cyan"), meaning)
            found.append(line)
        found = found[:room]
        return found + [Text("") for _ in range(room - len(found))]


def _parents(player: Player) -> list[int | None]:
    """By row, the row of the parent."""
    path: list[int] = []
    parents: list[int | None] = []
    for row, node in enumerate(player.replay.nodes):
        del path[node.depth :]
        parents.append(path[-1] if path else None)
        path.append(row)
    return parents


def _put(bar: Text, at: int, sign: str, style: str) -> Text:
    return Text.assemble(bar[:at], (sign, style), bar[at + 1 :])


def _beside(left: Text, right: Text, width: int) -> Text:
    line = left.copy()
    line.truncate(width, overflow="ellipsis", pad=True)
    line.append(" │ ", "dim")
    line.append_text(right)
    return line


__all__ = ["TITLE", "Screen"]
