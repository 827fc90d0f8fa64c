# SPDX-License-Identifier: Apache-2.0
"""YAML that knows its lines, so that a mistake in a file is named where it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NoReturn

import yaml
from agentstack_processors.verdicts import ConfigError


class At:
    """A piece of a YAML file.

    Args:
        node: The piece as PyYAML composed it; no tag is ever executed.
        name: Of the file.
        key: What it is called in the file, for messages.
    """

    def __init__(self, node: yaml.Node, name: str, key: str = "") -> None:
        self._node = node
        self._name = name
        self._key = key

    def wrong(self, why: str) -> NoReturn:
        """Raises ConfigError that names file, line and key."""
        key = f"{self._key}: " if self._key else ""
        raise ConfigError(f"{self.place}: {key}{why}")

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self._name}:{self._node.start_mark.line + 1}"

    def map(self, allowed: Collection[str] | None = None, needed: Collection[str] = ()) -> Any:
        """Its members by key. Raises ConfigError for keys that are unknown, double or missing."""
        if not isinstance(self._node, yaml.MappingNode):
            self.wrong("must be `key: value` lines")
        found: dict[str, At] = {}
        for key_node, value_node in self._node.value:
            key = str(key_node.value)
            at_key = At(key_node, self._name)
            if allowed is not None and key not in allowed:
                at_key.wrong(f"there is no setting {key!r}; there are {', '.join(sorted(allowed))}")
            if key in found:
                at_key.wrong(f"{key} is given twice")
            found[key] = At(value_node, self._name, key)
        for key in needed:
            if key not in found:
                self.wrong(f"{key} is missing")
        return found

    def list(self) -> Iterator[At]:
        """Its members; nothing at all is an empty list."""
        if self._node.tag == "tag:yaml.org,2002:null":
            return
        if not isinstance(self._node, yaml.SequenceNode):
            self.wrong("must be a list")
        for node in self._node.value:
            yield At(node, self._name, self._key)

    def text(self) -> str:
        """Its text, not empty."""
        if not isinstance(self._node, yaml.ScalarNode) or not self._node.value:
            self.wrong("must be a text")
        return str(self._node.value)

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(each.text() for each in self.list())

    def number(self, least: float, most: float) -> float:
        """A number between `least` and `most`."""
        try:
            value = float(self.text())
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            self.wrong(f"must be a number from {least:g} to {most:g}")
        return value

    def one_of(self, allowed: Collection[str]) -> str:
        """One of a few words, in any case."""
        value = self.text()
        known = {each.lower(): each for each in allowed}
        if value.lower() not in known:
            self.wrong(f"must be one of {', '.join(allowed)}, not {value!r}")
        return known[value.lower()]


def read(text: str, name: str) -> At | None:
    """The top of a YAML file; None when it is empty. Raises ConfigError with file and line."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{name}:{line}: this is no YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{name}:1: this is no YAML: {error}") from None
    return None if node is None else At(node, name)


__all__ = ["At", "read"]
