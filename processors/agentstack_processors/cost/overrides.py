# SPDX-License-Identifier: Apache-2.0
"""The user's own prices: negotiated ones, and models nobody else has a price for.

::

    prices:
      - model: gpt-4o*             # * and ? as in file names, in any case
        provider: openai           # left out: whoever serves it
        from: 2026-01-01           # in force from this day (UTC) on ...
        until: 2026-07-01          # ... to before this one
        when: {service_tier: flex} # only for calls made so
        input: 2.10                # USD for a million tokens; so for the rest
        output: 8.40
        cache_read: 1.05
      - model: "*"
        provider: ollama
        free: true

The first entry that fits decides. What it does not price costs what contains it: cached tokens
without a price of their own cost as much as any input.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation

import yaml
from genai_prices.types import Tier, TieredPrices

from agentstack_processors.cost.models import Context, Prices
from agentstack_processors.cost.providers import listed
from agentstack_processors.cost.rates import Rates
from agentstack_processors.verdicts import ConfigError

#: What the file calls a price, and what genai-prices calls it.
PRICE_KEYS: Mapping[str, str] = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "input_audio": "input_audio_mtok",
    "output_audio": "output_audio_mtok",
    "cache_audio_read": "cache_audio_read_mtok",
    "input_image": "input_image_mtok",
    "output_image": "output_image_mtok",
    "output_reasoning": "output_reasoning_mtok",
    "requests": "requests_kcount",
}
_SETTINGS = ("model", "provider", "from", "until", "when", "free")
_MAX_PLACES = 12  # digits after the point: what a price may have so that no stored digit is lost
_MAX_PRICE = 1_000_000
_DAY = 86_400_000_000_000
_ENTRIES = 5_000


@dataclass(frozen=True)
class Override:
    """One entry of the file.

    Attributes:
        name: `override:` and where it stands.
        model: Matches a model's name.
        provider: Id in genai-prices or the name as given, lower case; '' for any.
        since: First nanosecond in force; 0 for always.
        until: First nanosecond no more in force, or None.
        when: Pairs the call's context must have.
        rates: The prices.
    """

    name: str
    model: re.Pattern[str]
    provider: str
    since: int
    until: int | None
    when: Context
    rates: Rates

    def fits(self, provider: str, models: tuple[str, ...]) -> bool:
        """Whether it is about this model of this provider, at some time."""
        return self.provider in ("", provider) and any(map(self.model.match, filter(None, models)))

    def active(self, at: int, context: Context) -> bool:
        """Whether it is in force then, for a call made so."""
        return (
            self.since <= at
            and (self.until is None or at < self.until)
            and all(pair in context for pair in self.when)
        )


@dataclass(frozen=True)
class Overrides:
    """All entries in the order of the file. Immutable but for what it remembers of lookups."""

    entries: tuple[Override, ...] = ()
    checksum: str = ""
    source: tuple[str, str] = ("", "prices")
    """Text and name they were parsed from."""
    _fitting: dict[tuple[str, tuple[str, ...]], tuple[Override, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def suffix(self) -> str:
        """What it adds to the version of the prices."""
        return f"+overrides.{self.checksum[:12]}" if self.entries else ""

    def find(
        self, provider: str, models: tuple[str, ...], at: int, context: Context
    ) -> Override | None:
        """The entry that decides, or None."""
        if not self.entries:
            return None
        key = (provider, models)
        fitting = self._fitting.get(key)
        if fitting is None:
            if len(self._fitting) >= _ENTRIES:
                self._fitting.clear()
            name = canonical(provider)
            fitting = tuple(entry for entry in self.entries if entry.fits(name, models))
            self._fitting[key] = fitting
        return next((entry for entry in fitting if entry.active(at, context)), None)


NO_OVERRIDES = Overrides()


def canonical(provider: str) -> str:
    """One name for all that telemetry calls a provider."""
    return listed(provider) or provider.strip().lower()


def parse(text: str, name: str = "prices") -> Overrides:
    """The overrides in a YAML text.

    Args:
        text: The file's content.
        name: The file's name, for messages.

    Raises:
        ConfigError: Naming the file, the line, what is wrong and what would be right.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{name}:{line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{name}:1: not YAML: {str(error).splitlines()[0]}") from None
    entries = _Reader(name).entries(root) if root is not None else ()
    return Overrides(entries, hashlib.sha256(text.encode()).hexdigest(), (text, name))


class _Reader:
    """Nodes to entries; every complaint says where."""

    def __init__(self, name: str) -> None:
        self._name = name

    def entries(self, root: yaml.Node) -> tuple[Override, ...]:
        top = self._mapping(root, "the file")
        for key, node in top.items():
            if key != "prices":
                raise self._wrong(node, f"there is no setting {key!r}: the file has only `prices`")
        listed_ = top.get("prices")
        if not isinstance(listed_, yaml.SequenceNode):
            raise self._wrong(listed_ or root, "`prices` must be a list of entries")
        if len(listed_.value) > _ENTRIES:
            raise self._wrong(listed_, f"more than {_ENTRIES} entries")
        return tuple(self._entry(node) for node in listed_.value)

    def _entry(self, node: yaml.Node) -> Override:
        fields = self._mapping(node, "an entry")
        unknown = [key for key in fields if key not in _SETTINGS and key not in PRICE_KEYS]
        if unknown:
            known = ", ".join((*_SETTINGS, *PRICE_KEYS))
            raise self._wrong(fields[unknown[0]], f"no setting {unknown[0]!r}: use one of {known}")
        if "model" not in fields:
            raise self._wrong(node, "the entry names no `model`, such as gpt-4o* or '*'")
        since, until = self._day(fields.get("from")), self._day(fields.get("until"))
        if since is not None and until is not None and until <= since:
            raise self._wrong(fields["until"], "`until` must be after `from`")
        provider = self._text(fields["provider"]) if "provider" in fields else ""
        return Override(
            name=f"override:{self._name.rpartition('/')[2]}:{node.start_mark.line + 1}",
            model=re.compile(fnmatch.translate(self._text(fields["model"])), re.IGNORECASE),
            provider="" if provider == "*" else canonical(provider),
            since=since or 0,
            until=until,
            when=self._when(fields.get("when")),
            rates=self._rates(node, fields),
        )

    def _rates(self, node: yaml.Node, fields: Mapping[str, yaml.Node]) -> Rates:
        priced = {key: fields[key] for key in PRICE_KEYS if key in fields}
        if "free" in fields:
            if self._text(fields["free"]).lower() not in ("true", "yes"):
                raise self._wrong(fields["free"], "`free` can only be true")
            if priced:
                raise self._wrong(fields["free"], "what is free has no prices: remove one of them")
            return Rates({"input_mtok": Decimal(0), "output_mtok": Decimal(0)})
        if not priced:
            raise self._wrong(node, "the entry has no price: give `input` and `output`, or `free`")
        prices: Prices = {PRICE_KEYS[key]: self._price(each) for key, each in priced.items()}
        try:
            return Rates(prices)
        except ValueError as error:
            raise self._wrong(node, _readable(str(error))) from None

    def _price(self, node: yaml.Node) -> Decimal | TieredPrices:
        if not isinstance(node, yaml.MappingNode):
            return self._decimal(node)
        fields = self._mapping(node, "a price")
        if set(fields) != {"base", "above"}:
            raise self._wrong(node, "a price with tiers is {base: 1.25, above: {200000: 2.50}}")
        above = self._mapping(fields["above"], "`above`")
        tiers = [
            Tier(start=self._count(key, each), price=self._decimal(each))
            for key, each in above.items()
        ]
        return TieredPrices(base=self._decimal(fields["base"]), tiers=tiers)

    def _decimal(self, node: yaml.Node) -> Decimal:
        text = self._text(node)
        try:
            price = Decimal(text)
        except InvalidOperation:
            price = Decimal("NaN")
        if not price.is_finite() or not 0 <= price <= _MAX_PRICE:
            raise self._wrong(node, f"{text!r} is no price: a number of US dollars, 0 or more")
        if int(price.as_tuple().exponent) < -_MAX_PLACES:
            raise self._wrong(node, f"{text} has more than {_MAX_PLACES} digits after the point")
        return price

    def _count(self, key: str, node: yaml.Node) -> int:
        digits = key.replace("_", "")
        if not digits.isdecimal() or len(digits) > 12:
            raise self._wrong(node, f"{key!r} is no number of input tokens")
        return int(digits)

    def _when(self, node: yaml.Node | None) -> Context:
        if node is None:
            return ()
        fields = self._mapping(node, "`when`")
        return tuple(sorted((key, self._text(each)) for key, each in fields.items()))

    def _day(self, node: yaml.Node | None) -> int | None:
        if node is None:
            return None
        text = self._text(node)
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise self._wrong(node, f"{text!r} is no day such as 2026-01-31") from None
        moment = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
        return int(moment.timestamp()) * 1_000_000_000

    def _mapping(self, node: yaml.Node, what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, f"{what} must have the form `name: value`")
        fields: dict[str, yaml.Node] = {}
        for key, each in node.value:
            name = self._text(key)
            if name in fields:
                raise self._wrong(key, f"{name!r} is there twice")
            fields[name] = each
        return fields

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or not str(node.value).strip():
            raise self._wrong(node, "a single value is needed here")
        return str(node.value).strip()

    def _wrong(self, node: yaml.Node, sentence: str) -> ConfigError:
        return ConfigError(f"{self._name}:{node.start_mark.line + 1}: {sentence}")


def _readable(error: str) -> str:
    """genai-prices' complaint about prices that do not go together, in the file's own words."""
    for ours, theirs in PRICE_KEYS.items():
        usage = {"requests_kcount": "requests"}.get(theirs, theirs.replace("_mtok", "_tokens"))
        error = re.sub(rf"\b{usage}\b", f"`{ours}`", error)
    return f"{error[:1].lower()}{error[1:]}: give that price too"


__all__ = ["NO_OVERRIDES", "PRICE_KEYS", "Override", "Overrides", "canonical", "parse"]
