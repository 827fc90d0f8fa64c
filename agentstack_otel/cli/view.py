# SPDX-License-Identifier: Apache-2.0
"""What spans look like in a terminal: icons, colours, the tree with its time bars."""

from __future__ import annotations

from collections.abc import Iterable

from agentstack_exporters.clickhouse.protocol import Row
from rich.console import Console, Group, RenderableType
from rich.text import Text

from agentstack_otel.cli.text import clean, counted, duration, money, one_line, tokens
from agentstack_otel.query.cost_marks import REPEATED
from agentstack_otel.query.replay import reason
from agentstack_otel.query.span import Span
from agentstack_otel.query.trace import Node, Tree, summary

STATUS = {"OK": ("✓", "green"), "ERROR": ("✗", "bold red"), "UNSET": ("✓", "green")}
"""Sign and style. UNSET is how OpenTelemetry says that nothing went wrong."""

SEVERITY = {"CRITICAL": "bold red", "HIGH": "red", "MEDIUM": "yellow", "LOW": "dim"}
"""Style of an alert."""

_ALERTS = 20
_WORDS = {"OK": "ok", "ERROR": "failed", "UNSET": "done"}
_ICONS = {
    "invoke_workflow": ("◎", "magenta"),
    "invoke_agent": ("◉", "magenta"),
    "create_agent": ("◉", "magenta"),
    "chat": ("◆", "cyan"),
    "generate_content": ("◆", "cyan"),
    "text_completion": ("◆", "cyan"),
    "embeddings": ("◇", "cyan"),
    "execute_tool": ("■", "yellow"),
    "retrieval": ("▤", "blue"),
}
_WIDE = 100
_NARROW = 72
_EIGHTHS = " ▏▎▍▌▋▊▉"


def icon(span: Span) -> tuple[str, str]:
    """Sign and style of what a span does."""
    return _ICONS.get(span.operation, ("○", "white"))


def status_text(status: str) -> Text:
    """Sign and word, coloured."""
    sign, style = STATUS.get(status, STATUS["UNSET"])
    return Text(f"{sign} {_WORDS.get(status, status.lower())}", style=style)


def branch(last: list[bool], depth: int = 0) -> str:
    """The lines that lead to a node whose ancestors (outermost first) were `last` of theirs.

    When `last` was shortened, the true `depth` stands in front.
    """
    if not last:
        return ""
    if depth > len(last):
        return f"{depth:>{3 * len(last) - 3}} {'└─' if last[-1] else '├─'} "[: 3 * len(last) + 3]
    lines = "".join("   " if done else "│  " for done in last[:-1])
    return lines + ("└─ " if last[-1] else "├─ ")


def label(span: Span, prefix: str = "", limit: int = 120) -> Text:
    """Lines of the tree, icon and name of a span."""
    sign, style = icon(span)
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(prefix, "dim")
    text.append(f"{sign} ", style)
    if alerts := span.row.get("alerts"):  # worst first
        text.append("⚠ ", SEVERITY.get(alerts[0]["severity"], ""))
    text.append(one_line(span.label, limit), "bold red" if span.is_error else "")
    return text


def bar(span: Span, start: int, total: int, width: int) -> Text:
    """Where in the run the span was, as a bar of `width` cells; at least a sliver."""
    first = (span.start - start) / total * width
    last = (span.finish - start) / total * width
    cells = int(first)
    filled = max(1, round(last) - cells)
    style = "red" if span.is_error else icon(span)[1]
    if last - first < 1:
        part = _EIGHTHS[max(1, min(7, round((last - first) * 8)))]
        return Text(" " * min(cells, width - 1) + part, style)
    return Text(" " * cells + "█" * min(filled, width - cells), style)


def lines(tree: Tree) -> Iterable[tuple[Node, list[bool]]]:
    """Nodes in tree order with, for each ancestor and itself, whether it is the last sibling."""
    tops = tree.tops
    virtual = len(tops) > 1
    stack = [(top, [top is tops[-1]] if virtual else []) for top in reversed(tops)]
    while stack:
        node, last = stack.pop()
        yield node, last
        children = node.children
        stack.extend((child, [*last, child is children[-1]]) for child in reversed(children))


def tree_view(tree: Tree, width: int, *, attributes: bool = False) -> RenderableType:
    """The trace: a headline, one line a span, and what went wrong."""
    told = summary(tree)
    parts: list[RenderableType] = [headline(told)]
    if len(tree.tops) > 1:
        parts.append(Text("(several roots, or spans whose parent was not stored)", style="dim"))
    parts.extend(_aligned(_rows(tree, told, width), width))
    parts.extend(_failures(tree))
    parts.extend(_alerts(tree))
    if attributes:
        parts.extend(_details(tree))
    return Group(*parts)


def headline(told: Row) -> Text:
    """Name, id and totals of a trace."""
    text = Text.assemble((one_line(told["name"], 80), "bold"))
    text.append(f"  {told['trace_id']}\n", "dim")
    text.append_text(status_text(told["status"]))
    facts = [duration(told["duration_ms"]), counted(told["span_count"], "span")]
    if used := tokens(told["input_tokens"], told["output_tokens"]):
        facts.append(f"{used} tokens")
    if told.get("cost") is not None:
        facts.append(money(told["cost"]))
    if told.get("unpriced"):
        facts.append(f"{told['unpriced']} without a price")
    if told["errors"]:
        facts.append(counted(told["errors"], "failed step"))
    facts += [one_line(", ".join(told["models"]), 60)] if told["models"] else []
    facts += [one_line(told["service"], 40)] if told["service"] else []
    if told["conversation"]:
        facts.append(f"conversation {one_line(told['conversation'], 40)}")
    text.append(" · " + " · ".join(facts) + "\n")
    return text


def _rows(tree: Tree, told: Row, width: int) -> Iterable[list[Text]]:
    bars = max(10, min(30, width // 5)) if width >= _WIDE else 0
    total = max(1, int(told["duration_ms"] * 1e6))
    for node, last in lines(tree):
        span = node.span
        cells = [label(span, branch(capped(last, width), node.depth))]
        if width >= _NARROW:
            used = tokens(span.input_tokens, span.output_tokens)
            cells += [Text(one_line(span.model, 22), "cyan"), Text(used, justify="right")]
            cells.append(Text(_cost(span), "green", justify="right"))
        if bars:
            cells.append(bar(span, told["start_ns"], total, bars))
            cells[-1].pad_right(bars - cells[-1].cell_len)
        sign, style = STATUS.get(span.status, STATUS["UNSET"])
        yield [*cells, Text(f"{duration(span.duration_ms):>7}", justify="right"), Text(sign, style)]


def _cost(span: Span) -> str:
    """What a call cost; `—` where that is not known, nothing where it does not count."""
    if span.row.get("cost_status", "") in ("", REPEATED):
        return ""
    return ("~" if span.row.get("estimated") else "") + money(span.row.get("cost"))


def _aligned(rows: Iterable[list[Text]], width: int) -> Iterable[Text]:
    """Columns under each other, the first as wide as the others allow.

    By hand, because a rich table takes 1.6 ms a row: half a minute for a trace of 20,000 spans.
    """
    table = list(rows)
    widths = [max(cell.cell_len for cell in column) for column in zip(*table, strict=True)]
    widths[0] = min(widths[0], max(16, width - sum(widths[1:]) - len(widths) + 1))
    for row in table:
        for cell, cells in zip(row, widths, strict=True):
            cell.truncate(cells, overflow="ellipsis")
            space = cells - cell.cell_len
            cell.pad_left(space) if cell.justify == "right" else cell.pad_right(space)
        line = Text(" ", no_wrap=True, overflow="ellipsis").join(row)
        line.rstrip()
        yield line


def capped(last: list[bool], width: int) -> list[bool]:
    """Ancestors whose lines fit: at most about half of the width goes into indentation."""
    deepest = max(4, width // 6)
    return last if len(last) <= deepest else last[-deepest:]


def _failures(tree: Tree) -> Iterable[Text]:
    for span in tree.spans:
        if span.is_error:
            text = Text.assemble(("\n✗ ", "bold red"))
            text.append(one_line(span.label, 80), "bold")
            text.append(f": {one_line(reason(span), 400) or 'no reason recorded'}")
            yield text


def _alerts(tree: Tree) -> Iterable[Text]:
    found = [(alert, span) for span in tree.spans for alert in span.row.get("alerts") or ()]
    found.sort(key=lambda pair: -pair[0]["score"])
    for alert, span in found[:_ALERTS]:
        text = Text.assemble((f"\n⚠ {alert['severity']}", SEVERITY.get(alert["severity"], "")))
        text.append(f" {one_line(alert['rule'], 60)}", "bold")
        text.append(f" in {one_line(span.label, 60)}: {one_line(alert['description'], 300)}")
        text.append(f"  {alert['id'][:12]}", "dim")
        yield text
    if len(found) > _ALERTS:
        yield Text(f"\n⚠ {len(found) - _ALERTS} more: agentstack alerts list --trace …")


def _details(tree: Tree) -> Iterable[Text]:
    for span in tree.spans:
        text = Text.assemble((f"\n{one_line(span.label, 100)}", "bold"))
        text.append(f"  {span.span_id}", "dim")
        for key, value in span.attributes.items():
            text.append(f"\n  {one_line(key, 100)} ", "cyan")
            text.append(indented(value))
        for event in span.events:
            text.append(f"\n  event {one_line(event.name, 100)}", "magenta")
            for key, value in event.attributes.items():
                text.append(f"\n    {one_line(key, 100)} ", "cyan")
                text.append(indented(value, 6))
        yield text


def indented(value: str, spaces: int = 4) -> str:
    """Cleaned text whose further lines stand under the first."""
    return clean(value).replace("\n", "\n" + " " * spaces)


def console(*, stderr: bool = False) -> Console:
    """A console that takes text as it is: no markup, no emoji codes, no guessing of colours."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False)


__all__ = [
    "SEVERITY",
    "STATUS",
    "bar",
    "branch",
    "capped",
    "console",
    "headline",
    "icon",
    "indented",
    "label",
    "lines",
    "status_text",
    "tree_view",
]
