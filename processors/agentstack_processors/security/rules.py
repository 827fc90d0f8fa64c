# SPDX-License-Identifier: Apache-2.0
"""Rules as data: what a rule is, and how a pack of them is read from YAML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agentstack_processors.security.classes import Classes, WordClass, classes, patterns
from agentstack_processors.security.nodes import Node, compiled, document
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
_CLASS = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")
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
            pattern is not tried. `|ai` must begin a word, `|ai|` be one.
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


def parse(text: str, name: str, known: Classes | None = None) -> tuple[Rule, ...]:
    """The rules of a pack.

    Args:
        text: YAML: a mapping of `rules` (a list) and, if wanted, `definitions` (names for parts
            of patterns, used as `{{name}}`) and `classes` (`classes.py`).
        name: Of the file, for messages.
        known: Classes that its patterns and stems may name; None: those of this file.

    Raises:
        ConfigError: names file, line and what to write instead.
    """
    pack = document(text, name)
    known = classes([(name, text)]) if known is None else known
    definitions = patterns(known)
    fields = dict(pack.items({"version", "classes", "definitions", "rules"}))
    if "definitions" in fields:
        for each, value in fields["definitions"].items(None):
            value.named(each)
            if each in known:
                value.fail(
                    f"{each} is a class, defined at {known[each].place}; choose another name"
                )
            definitions[each] = value.expanded(definitions)
    if "rules" not in fields and "classes" in fields:
        return ()
    rules = [_rule(node, definitions, known) for node in pack.entries("rules")]
    seen: dict[str, str] = {}
    for rule in rules:
        if rule.id in seen:
            raise ConfigError(f"{rule.place}: rule {rule.id} is already defined at {seen[rule.id]}")
        seen[rule.id] = rule.place
    return tuple(rules)


def _rule(node: Node, definitions: Mapping[str, str], known: Classes) -> Rule:
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
        stems=_stems(fields.get("stems"), known),
        scopes=_scopes(fields.get("scopes")),
        unless=fields["unless"].expression(definitions) if "unless" in fields else "",
        view=fields["view"].one_of(VIEWS) if "view" in fields else "text",
        needs=fields["needs"].one_of(NEEDS) if "needs" in fields else "",
        mention="mention" not in fields or fields["mention"].one_of(("true", "false")) == "true",
        matches=fields["matches"].texts(),
        misses=fields["misses"].texts(),
        place=node.place,
    )


def _stems(node: Node | None, known: Classes) -> tuple[tuple[str, ...], ...]:
    groups = []
    for group in node.entries() if node else ():
        stems: list[str] = []
        for stem, each in zip(group.texts(), group.entries(), strict=True):
            named = _CLASS.fullmatch(stem)
            if named is None:
                if fold(stem) != stem:
                    each.fail(f"stems are in folded form: write {fold(stem)!r} for {stem!r}")
                stems.append(stem)
            elif named[1] in known:
                stems += known[named[1]].stems
            else:
                each.fail(f"{stem} is no class")
        groups.append(tuple(dict.fromkeys(stems)))
    return tuple(groups)


def _scopes(node: Node | None) -> dict[Scope, float]:
    known = dict(node.items(set(SCOPES))) if node else {}
    return {scope: known[scope].number(0, 3) for scope in SCOPES if scope in known}


def class_rules(known: Iterable[WordClass]) -> tuple[Rule, ...]:
    """Each class as a rule, so that its tests are run as those of rules are."""
    return tuple(
        Rule(
            id=f"class.{each.name}",
            category="prompt_injection",
            weight=1,
            pattern=f"^{each.pattern}$",
            description="A class of words.",
            stems=(each.stems,),
            matches=each.matches,
            misses=each.misses,
            place=each.place,
        )
        for each in known
    )


__all__ = ["CATEGORIES", "VIEWS", "Rule", "class_rules", "compiled", "parse"]
