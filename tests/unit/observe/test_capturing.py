# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import uuid

import pytest

from agentstack_otel.capturing import to_text


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Flight:
    number: str
    seats: list[int]
    token: str = dataclasses.field(default="hidden", repr=False)


@dataclasses.dataclass(frozen=True)
class Node:
    children: tuple[object, ...] = ()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain text", "plain text"),
        ("", ""),
        (None, "null"),
        (True, "true"),
        ({"a": [1, 2.5, None]}, '{"a":[1,2.5,null]}'),
        ({1: "x", None: "y"}, '{"1":"x","None":"y"}'),
        (("a", {"b"}), '["a",["b"]]'),
        (Flight("LH400", [1]), '{"number":"LH400","seats":[1]}'),
        (Colour.RED, '"red"'),
        (datetime.date(2026, 3, 14), '"2026-03-14"'),
        (decimal.Decimal("1.10"), '"1.10"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (pathlib.PurePosixPath("/a/b"), '"/a/b"'),
        (ValueError("no"), '"ValueError: no"'),
        (b"\x00\x01", '"<bytes of 2>"'),
        (Colour, "\"<enum 'Colour'>\""),
    ],
)
def test_values_read_as_a_person_would_write_them(value, text):
    assert to_text(value) == text


def test_what_has_no_words_of_its_own_is_named_by_its_class():
    assert to_text(object()) == '"<builtins.object>"'


def test_deep_wide_and_endless_values_are_cut():
    deep: object = ()
    for _ in range(500):
        deep = Node((deep,))
    assert len(to_text(deep)) < 1000
    assert len(to_text(list(range(10**6)))) < 10_000
    assert to_text("x" * 100_000, 100) == "x" * 99 + "…"
    endless: dict = {}
    endless["self"] = endless
    json.loads(to_text(endless))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_json_does_not_know_are_written_as_text(number):
    def refused(word):
        raise AssertionError(f"{word} is no JSON")

    text = to_text({"loss": number})
    assert json.loads(text, parse_constant=refused) == {"loss": str(number)}
