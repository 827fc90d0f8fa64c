# SPDX-License-Identifier: Apache-2.0
"""Rules, YARA and statistics on one text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from agentstack_processors.security import context, scoring
from agentstack_processors.security.decode import Decoder
from agentstack_processors.security.normalise import View, fold, view
from agentstack_processors.security.packs import shipped
from agentstack_processors.security.rules import Rule, parse
from agentstack_processors.security.ruleset import RuleSet
from agentstack_processors.security.statistics import NgramScorer
from agentstack_processors.security.verdict import CLEAN, EXCERPT, Finding, Scope, Verdict
from agentstack_processors.security.windows import windows
from agentstack_processors.security.yara import YaraPack
from agentstack_processors.verdicts import ConfigError

DEPTH = 2
"""How many disguises inside one another are undone."""
VIEWS = 12
"""How many undone readings of one window are looked at."""
DISGUISED = 1.15
"""Factor on the weight of what was found only after a disguise was undone."""
STATISTICS = "statistics"
_ABOUT = 24_576  # characters asked whether the text is about attacks
_OPERATOR = 6_000
"""Characters that are looked at to tell whether a text is a system prompt."""
_SCORED = ("base64", "ascii85", "hex", "binary", "escapes", "selectors", "percent", "entities")


@dataclass(frozen=True)
class Config:
    """What the engine looks for.

    Attributes:
        disabled: Ids of rules that are switched off; `statistics` switches the score off.
        yara_folder: The user's own YARA files: (name for error messages, source).
        rules_folder: The user's own rule files: (name for error messages, YAML).
        weights: Weights of the statistical score; None: those that are shipped.
        scrub: What an excerpt goes through before it leaves the engine; None: nothing.
    """

    disabled: frozenset[str] = frozenset()
    yara_folder: tuple[tuple[str, str], ...] = ()
    rules_folder: tuple[tuple[str, str], ...] = ()
    weights: bytes | None = None
    scrub: Callable[[str], str] | None = None


class Engine:
    """Judges texts; safe to share between threads.

    Args:
        config: What to look for.

    Raises:
        ConfigError: one of the user's files is wrong; names file and line.
    """

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        off = self.config.disabled
        self.rules = tuple(rule for rule in load(self.config) if rule.id not in off)
        self._rules = RuleSet(self.rules)
        self._yara = YaraPack((*shipped(".yar"), *self.config.yara_folder))
        ours = {rule.id for rule in load(Config())} | YaraPack(shipped(".yar")).ids
        self.own = ({rule.id for rule in self.rules} | self._yara.ids) - ours
        self._statistics = None if STATISTICS in off else NgramScorer.load(self.config.weights)

    def judge(self, text: str, scope: Scope = "user") -> Verdict:
        """Judge `text`; never raises, whatever the text."""
        if not text or text.isspace():
            return CLEAN
        reading = _Reading(self, text, scope)
        if self._statistics is None:
            reading.linear = scoring.UNJUDGED
        for start, end in windows(text, self._rules.suspicion):
            reading.read(start, end)
        return reading.verdict()


def load(config: Config) -> tuple[Rule, ...]:
    """The shipped rules and the user's.

    Raises:
        ConfigError: a file is wrong, or an id is taken; names file and line.
    """
    rules: dict[str, Rule] = {}
    for name, source in (*shipped(".yaml"), *config.rules_folder):
        for rule in parse(source, name):
            if rule.id in rules:
                raise ConfigError(
                    f"{rule.place}: rule {rule.id} is already defined at {rules[rule.id].place}"
                )
            rules[rule.id] = rule
    return tuple(rules.values())


@dataclass
class _Reading:
    """One text being judged."""

    engine: Engine
    text: str
    scope: Scope
    found: dict[str, Finding] = field(default_factory=dict)
    disguises: dict[str, str] = field(default_factory=dict)
    linear: float = 0.0
    linear_at: tuple[int, int] = (0, 0)
    trade: float = 1.0

    def read(self, start: int, end: int) -> None:
        plain = view(self.text, start, end)
        raw = plain.original if end - start == len(self.text) else self.text[start:end]
        bits = self._rules_on(plain)
        for hit in self.engine._rules.raw_hits(raw, bits):
            span = _characters(raw.encode("utf-8", "replace"), hit, raw.isascii())
            self._note(hit.rule, start + span[0], start + span[1], 1.0, "")
        self._yara_on(raw, start)
        self._statistics_on(raw, start)
        self._undo(plain, raw, bits, DEPTH)

    def _rules_on(self, reading: View) -> int:
        """Note what rules find; returns which stems occur."""
        rules, text = self.engine._rules, reading.text
        data = text.encode("utf-8", "replace")
        bits = rules.stems(data)
        disguise = "" if reading.name == "text" else reading.name
        about = 0.0
        for hit in rules.hits(data, bits):
            if disguise and hit.rule.id in self.found:
                continue
            start, end = _characters(data, hit, text.isascii())
            factor = 1.0
            if hit.rule.mention:
                about = about or context.about(text)
                factor = context.factor(text, start, end) * about
            self._note(hit.rule, *reading.span(start, end), factor, disguise)
        return bits

    def _note(self, rule: Rule, start: int, end: int, factor: float, disguise: str) -> None:
        scope = scoring.scope_weight(rule.category, self.scope, rule.scopes)
        weight = round(min(100.0, rule.weight * factor * scope * (DISGUISED if disguise else 1)))
        known = self.found.get(rule.id)
        if weight > 0 and (known is None or known.weight < weight):
            self.found[rule.id] = Finding("rule", rule.id, rule.category, weight, start, end)
            self.disguises[rule.id] = disguise

    def _yara_on(self, raw: str, offset: int) -> None:
        data = raw.encode("utf-8", "replace")
        for hit in self.engine._yara.scan(data):
            if hit.rule in self.engine.config.disabled:
                continue
            scope = scoring.scope_weight(hit.category, self.scope, {})
            weight = round(min(100.0, hit.weight * scope))
            start, end = _characters(data, hit, raw.isascii())
            if weight > 0 and hit.rule not in self.found:
                place = (offset + start, offset + end)
                self.found[hit.rule] = Finding("yara", hit.rule, hit.category, weight, *place)

    def _statistics_on(self, raw: str, offset: int) -> None:
        if self.engine._statistics is None:
            return
        score = self.engine._statistics.score(raw)
        if score.value > self.linear:
            self.linear = score.value
            self.linear_at = (offset + score.start, offset + score.end)

    def _undo(self, outer: View, raw: str, bits: int, depth: int) -> None:
        """Look at what disguises hide; `raw` is the text `bits` were found in."""
        left = VIEWS
        for decoder in self.engine._rules.decoders(bits, ascii_only=raw.isascii()):
            for inner in _undone(decoder, raw):
                placed = _placed(inner, outer, depth == DEPTH)
                inner_bits = self._rules_on(placed)
                if inner.name in _SCORED:
                    self._hidden_statistics(inner.undone, placed)
                if depth > 1 and inner.name in _SCORED:
                    self._undo(placed, inner.undone, inner_bits, depth - 1)
                left -= 1
                if left <= 0:
                    return

    def _hidden_statistics(self, text: str, placed: View) -> None:
        if self.engine._statistics is not None:
            value = self.engine._statistics.score(text).value
            if value > self.linear:
                self.linear, self.linear_at = value, (placed.start, placed.end)

    def verdict(self) -> Verdict:
        findings = list(self.found.values())
        operator = self._is_of_an_operator(findings)
        if operator:
            scaled = [replace(each, weight=_scaled(each.weight)) for each in findings]
            findings = [each for each in scaled if each.weight]
        lesser = scoring.OPERATOR_LESSER if operator else scoring.LESSER
        rules = scoring.combined(findings, lesser)
        trade = 1.0
        if self.linear >= scoring.LINEAR_AGREE:
            trade = context.about(self.text[:_ABOUT].lower())
        sure = scoring.evident(findings, self.engine.own)
        fused = scoring.fused(rules, self.linear, self.scope, trade, operator=operator, sure=sure)
        if fused.linear >= scoring.LINEAR_AGREE:
            weight = round(scoring.LINEAR_WEIGHT * fused.linear)
            findings.append(
                Finding("statistics", STATISTICS, "prompt_injection", weight, *self.linear_at)
            )
        if not findings:
            return CLEAN
        findings.sort(key=lambda finding: (-finding.weight, finding.rule))
        shown = tuple(self._with_excerpt(finding) for finding in findings)
        return Verdict(fused.score, shown[0].category, shown, self._explained(shown, fused))

    def _is_of_an_operator(self, findings: list[Finding]) -> bool:
        if self.scope not in ("user", "system") or scoring.lawless(findings):
            return False
        suspected = bool(findings) or self.linear >= scoring.LINEAR_AGREE
        return suspected and context.operator(fold(self.text[:_OPERATOR]))

    def _with_excerpt(self, finding: Finding) -> Finding:
        around = max(0, (EXCERPT - (finding.end - finding.start)) // 4)
        start = max(0, finding.start - around)
        excerpt = self.text[start : min(finding.end + around, start + 2 * EXCERPT)]
        if self.engine.config.scrub is not None:
            excerpt = self.engine.config.scrub(excerpt)
        return replace(finding, excerpt=" ".join(excerpt.split())[:EXCERPT])

    def _explained(self, findings: tuple[Finding, ...], fused: scoring.Fused) -> str:
        parts = [
            f"{each.rule} {each.weight}"
            + (f" inside {self.disguises[each.rule]}" if self.disguises.get(each.rule) else "")
            for each in findings[:5]
            if each.detector != "statistics"
        ]
        more = len(findings) - 5
        if more > 0:
            parts.append(f"{more} more")
        return (
            f"{', '.join(parts) or 'no rule'}; rules {fused.rules}, statistics {fused.linear:.2f}"
        )


def _scaled(weight: int) -> int:
    return round(weight * scoring.OPERATOR)


def _undone(decoder: Decoder, raw: str) -> Iterator[View]:
    yield from decoder.undo(raw)


def _placed(inner: View, outer: View, first: bool) -> View:
    """`inner`, which was read out of `outer`, with offsets into the original text."""
    if not first:
        return View(inner.name, inner.text, outer.original, outer.start, outer.end, exact=False)
    start, end = outer.start + inner.start, outer.start + inner.end
    return View(inner.name, inner.text, outer.original, start, end, inner.exact)


def _characters(data: bytes, hit: object, plain: bool) -> tuple[int, int]:
    """Byte offsets of a hit as offsets of characters."""
    start, end = hit.start, hit.end  # type: ignore[attr-defined]  # Hit or YaraHit
    if plain:
        return start, end
    first = len(data[:start].decode("utf-8", "ignore"))
    return first, first + len(data[start:end].decode("utf-8", "ignore"))


__all__ = ["Config", "Engine", "load"]
