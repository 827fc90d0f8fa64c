# SPDX-License-Identifier: Apache-2.0
"""Rules as data: what a rule is, and how a pack of them is read from YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import re2
import yaml

from agentstack_processors.security.normalise import fold
from agentstack_processors.security.verdict import SCOPES, Scope
from agentstack_processors.verdicts import ConfigError

CATEGORIES = {
    "prompt_injection": "Tells the model to drop its task or instructions for others.",
    "system_override": "Claims an authority or mode that lifts the system's rules.",
    "role_confusion": "Imitates the markup or turns that tell system, user and model apart.",
    "jailbreak": "A persona, game or story that is to answer without restrictions.",
    "prompt_extraction": "Wants the system prompt, its secrets or its wording.",
    "indirect_injection": "Instructions to the assistant inside data it was given.",
    "data_exfiltration": "Sends content, credentials or files where they do not belong.",
    "obfuscation": "Hides what it says from a reader.",
}
VIEWS = ("text", "raw")
NEEDS = ("non-ascii",)
_ID = re.compile(r"[a-z][a-z0-9]*(?:[.-][a-z0-9]+)+")
_NAME = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")
_KEYS = {
    "id", "category", "weight", "scopes", "stems", "pattern", "unless", "view", "needs",
    "description", "matches", "misses", "mention",
}  # fmt: skip
_NEEDED = ("id", "category", "weight", "pattern", "description", "matches", "misses")


@dataclass(frozen=True)
class Rule:
    """One pattern and what it means.

    Attributes:
        id: `family.name`, unique over all packs.
        category: One of `CATEGORIES`.
        weight: 1 to 100: the score of a text in which only this is found.
        pattern: RE2 expression on the folded text (`normalise.fold`); linear time for any text.
        stems: Groups of literals of the folded text; of each group one must occur, else the
            pattern is not tried.
        scopes: Factors on `weight` by scope that differ from those of the category.
        unless: RE2 expression; a match in which it is found too does not count.
        view: `text`: folded, and everything decoded; `raw`: as it was sent.
        needs: `non-ascii`: only tried on texts that are not ASCII; '' on all.
        mention: Whether the rule weighs less where a text only talks about attacks.
        description: One sentence for a person.
        matches: Texts the rule must find.
        misses: Texts it must not find.
        place: File and line, for messages.
    """

    id: str
    category: str
    weight: int
    pattern: str
    description: str
    stems: tuple[tuple[str, ...], ...] = ()
    scopes: Mapping[Scope, float] = field(default_factory=dict)
    unless: str = ""
    view: str = "text"
    needs: str = ""
    mention: bool = True
    matches: tuple[str, ...] = ()
    misses: tuple[str, ...] = ()
    place: str = ""


def parse(text: str, name: str) -> tuple[Rule, ...]:
    """The rules of a pack.

    Args:
        text: YAML: a mapping of `rules` (a list) and, if wanted, `definitions` (names for parts
            of patterns, used as `{{name}}`).
        name: Of the file, for messages.

    Raises:
        ConfigError: names file, line and what to write instead.
    """
    pack = _Node(_composed(text, name), name)
    definitions: dict[str, str] = {}
    for key, node in pack.items({"version", "definitions", "rules"}):
        if key == "definitions":
            for each, value in node.items(None):
                definitions[each] = value.expanded(definitions)
    rules = [_rule(node, definitions) for node in pack.entries("rules")]
    seen: dict[str, str] = {}
    for rule in rules:
        if rule.id in seen:
            raise ConfigError(f"{rule.place}: rule {rule.id} is already defined at {seen[rule.id]}")
        seen[rule.id] = rule.place
    return tuple(rules)


def _composed(text: str, name: str) -> yaml.Node:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        node = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{name}:{line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}:1: not YAML: {error}") from error
    if node is None:
        raise ConfigError(f"{name}:1: the file is empty; it needs a list `rules`")
    return node


class _Node:
    """A YAML node that knows where it stands."""

    def __init__(self, node: yaml.Node, name: str) -> None:
        self.node, self.name = node, name

    @property
    def place(self) -> str:
        return f"{self.name}:{self.node.start_mark.line + 1}"

    def fail(self, what: str) -> NoReturn:
        raise ConfigError(f"{self.place}: {what}")

    def items(self, known: set[str] | None) -> Iterator[tuple[str, _Node]]:
        if not isinstance(self.node, yaml.MappingNode):
            self.fail("expected a mapping of names to values")
        seen = set()
        for key_node, value_node in self.node.value:
            key = str(key_node.value)
            here = _Node(key_node, self.name)
            if known is not None and key not in known:
                here.fail(f"unknown key {key!r}; known are {', '.join(sorted(known))}")
            if key in seen:
                here.fail(f"{key!r} is given twice")
            seen.add(key)
            yield key, _Node(value_node, self.name)

    def entries(self, key: str | None = None) -> list[_Node]:
        node = self if key is None else dict(self.items(None)).get(key)
        if node is None or not isinstance(node.node, yaml.SequenceNode):
            (node or self).fail(f"expected a list{f' `{key}`' if key else ''}")
        return [_Node(each, self.name) for each in node.node.value]

    def text(self) -> str:
        if not isinstance(self.node, yaml.ScalarNode) or not self.node.value:
            self.fail("expected a text that is not empty")
        return str(self.node.value)

    def texts(self) -> tuple[str, ...]:
        if not self.entries():
            self.fail("expected at least one text")
        return tuple(each.text() for each in self.entries())

    def number(self, low: float, high: float) -> float:
        try:
            value = float(self.text())
        except ValueError:
            self.fail(f"expected a number, not {self.text()!r}")
        if not low <= value <= high:
            self.fail(f"expected a number from {low:g} to {high:g}, not {value:g}")
        return value

    def one_of(self, known: Sequence[str]) -> str:
        value = self.text()
        if value not in known:
            self.fail(f"expected one of {', '.join(known)}, not {value!r}")
        return value

    def expanded(self, definitions: Mapping[str, str]) -> str:
        def value(match: re.Match[str]) -> str:
            if match[1] not in definitions:
                self.fail(f"{match[0]} is not among the definitions above")
            return definitions[match[1]]

        return _NAME.sub(value, self.text())

    def expression(self, definitions: Mapping[str, str]) -> str:
        pattern = self.expanded(definitions)
        compiled(pattern, self.place)
        return pattern


def compiled(pattern: str, place: str) -> Any:
    """`pattern` as RE2, within bounds of memory.

    Raises:
        ConfigError: it is not RE2, or larger than rules may be.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 16 << 20
    try:
        expression = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise ConfigError(
            f"{place}: not an RE2 expression (lookaround and backreferences are not): {text}"
        ) from error
    if expression.search("") is not None:
        raise ConfigError(f"{place}: the expression matches the empty text, so it matches all")
    return expression


def _rule(node: _Node, definitions: Mapping[str, str]) -> Rule:
    fields = dict(node.items(_KEYS))
    for key in _NEEDED:
        if key not in fields:
            node.fail(f"the rule lacks {key!r}")
    identifier = fields["id"].text()
    if not _ID.fullmatch(identifier):
        fields["id"].fail(f"expected an id such as injection.ignore-previous, not {identifier!r}")
    return Rule(
        id=identifier,
        category=fields["category"].one_of(tuple(CATEGORIES)),
        weight=round(fields["weight"].number(1, 100)),
        pattern=fields["pattern"].expression(definitions),
        description=fields["description"].text(),
        stems=_stems(fields.get("stems")),
        scopes=_scopes(fields.get("scopes")),
        unless=fields["unless"].expression(definitions) if "unless" in fields else "",
        view=fields["view"].one_of(VIEWS) if "view" in fields else "text",
        needs=fields["needs"].one_of(NEEDS) if "needs" in fields else "",
        mention="mention" not in fields or fields["mention"].one_of(("true", "false")) == "true",
        matches=fields["matches"].texts(),
        misses=fields["misses"].texts(),
        place=node.place,
    )


def _stems(node: _Node | None) -> tuple[tuple[str, ...], ...]:
    groups = []
    for group in node.entries() if node else ():
        stems = group.texts()
        for stem, each in zip(stems, group.entries(), strict=True):
            if fold(stem) != stem:
                each.fail(f"stems are in folded form: write {fold(stem)!r} for {stem!r}")
        groups.append(stems)
    return tuple(groups)


def _scopes(node: _Node | None) -> dict[Scope, float]:
    known = dict(node.items(set(SCOPES))) if node else {}
    return {scope: known[scope].number(0, 3) for scope in SCOPES if scope in known}


__all__ = ["CATEGORIES", "VIEWS", "Rule", "compiled", "parse"]
