# SPDX-License-Identifier: Apache-2.0
"""Look for secrets in every file below a folder, whatever wraps them.

Files are read raw. What stores compress is searched decompressed as well: ClickHouse's blocks (also
those of parts that no query reads any more), gzip and zlib, and each SQLite row on its own, because
a value longer than a page is not contiguous in the file.
"""

from __future__ import annotations

import base64
import gzip
import re
import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow
import yara_x

_METHODS: dict[int, str | None] = {0x02: None, 0x82: "lz4_raw", 0x90: "zstd"}
_METHOD_BYTE = re.compile(b"[\x02\x82\x90]")
_HEADER = struct.Struct("<BII")  # after 16 bytes of checksum: method, size with header, plain size
_CHECKSUM = 16
_LARGEST_BLOCK = 64 << 20
_CONTEXT = 60
_STRINGS_A_RULE = 500


@dataclass(frozen=True)
class Leak:
    """A planted secret that was found.

    Attributes:
        plant: Its name.
        form: How it was written: "raw", "base64", "utf-16-le", …
        place: File, and what was unwrapped in it.
        around: Neighbouring bytes.
    """

    plant: str
    form: str
    place: str
    around: str

    def __str__(self) -> str:
        return f"{self.plant} ({self.form}) in {self.place}: {self.around}"


def forms(needle: str) -> Iterator[tuple[str, bytes]]:
    """The ways in which `needle`, which must be ASCII, may stand in a file."""
    data = needle.encode("ascii")
    yield "raw", data
    yield "utf-16", needle.encode("utf-16-be")[1:]  # what both byte orders share
    for shift in range(3):  # what precedes decides at which bit the needle begins
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield "base64", _inner_base64(data, shift, encode)
    yield "url-encoded", quote(needle, safe="").encode()
    yield "hex", data.hex().encode()
    for style in ("%{:02X}", "\\u{:04x}"):
        yield "escaped", "".join(style.format(byte) for byte in data).encode()


def _inner_base64(data: bytes, shift: int, encode: Callable[[bytes], bytes]) -> bytes:
    """The characters that depend on `data` alone."""
    whole = encode(bytes(shift) + data)
    return whole[-(-shift * 8 // 6) : (shift + len(data)) * 8 // 6]


class Sweep:
    """Searches for all needles at once.

    Args:
        needles: Name of a plant → the part of it that must be nowhere; at least 6 characters.
        extra: Name → further bytes to look for, such as a number as a varint.
    """

    def __init__(
        self, needles: Mapping[str, str], extra: Iterable[tuple[str, str, bytes]] = ()
    ) -> None:
        self._wanted: dict[bytes, tuple[str, str]] = {}
        for plant, needle in needles.items():
            assert len(needle) >= 6, plant
            for form, data in forms(needle):
                self._wanted.setdefault(data, (plant, form))
        for plant, form, data in extra:
            self._wanted.setdefault(data, (plant, form))
        self._rules = _compiled(list(self._wanted))
        self._ordered = list(self._wanted.values())

    def data(self, data: bytes, place: str) -> list[Leak]:
        """What is found in some bytes."""
        found = []
        for rule in self._rules.scan(data).matching_rules:
            for pattern in rule.patterns:
                for match in pattern.matches:
                    plant, form = self._ordered[int(pattern.identifier[2:])]
                    low = max(0, match.offset - _CONTEXT)
                    around = data[low : match.offset + match.length + _CONTEXT]
                    found.append(Leak(plant, form, place, repr(around)))
                    break
        return found

    def file(self, path: Path) -> list[Leak]:
        """What is found in one file, raw and unwrapped."""
        data = path.read_bytes()
        found = self.data(data, str(path))
        for wrapping, plain in unwrapped(data, path):
            found += self.data(plain, f"{path} ({wrapping})")
        return found

    def folder(self, root: Path) -> list[Leak]:
        """What is found in every file and every file's name."""
        found = []
        for path in sorted(root.rglob("*")):
            found += self.data(str(path.relative_to(root)).encode(), f"the name of {path}")
            if path.is_file() and not path.is_symlink():
                found += self.file(path)
        return found


def unwrapped(data: bytes, path: Path) -> Iterator[tuple[str, bytes]]:
    """Each plain text that can be had from a file."""
    if data[:15] == b"SQLite format 3":
        yield from (("rows", row) for row in sqlite_rows(path))
    elif data[:2] == b"\x1f\x8b":
        yield "gzip", gzip.decompress(data)
    elif data[:1] == b"\x78":
        try:
            yield "zlib", zlib.decompress(data)
        except zlib.error:
            return
    else:
        plain = b"".join(clickhouse_blocks(data))
        if plain:
            yield "decompressed", plain


def clickhouse_blocks(data: bytes) -> Iterator[bytes]:
    """Decompressed blocks, found by their headers wherever they stand in the file."""
    end = 0
    for candidate in _METHOD_BYTE.finditer(data, _CHECKSUM):
        at = candidate.start()
        if at < end or at + _HEADER.size > len(data):
            continue
        plain = _block(data, at)
        if plain is not None:
            end = at + _HEADER.unpack_from(data, at)[1]
            yield plain


def _block(data: bytes, at: int) -> bytes | None:
    method, size, plain_size = _HEADER.unpack_from(data, at)
    body = data[at + _HEADER.size : at + size]
    whole = len(body) == size - _HEADER.size and size > _HEADER.size
    if not whole or not 0 < plain_size <= _LARGEST_BLOCK:
        return None
    codec = _METHODS[method]
    if codec is None:
        return body if len(body) == plain_size else None
    try:
        plain = pyarrow.decompress(body, decompressed_size=plain_size, codec=codec, asbytes=True)
    except (OSError, ValueError):
        return None
    return plain if isinstance(plain, bytes) else bytes(plain)


def sqlite_rows(path: Path) -> Iterator[bytes]:
    """Every row of every table, its columns behind one another."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.text_factory = bytes
    try:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for row in connection.execute(f'SELECT * FROM "{table.decode()}"'):
                yield b"\0".join(_as_bytes(value) for value in row)
    finally:
        connection.close()


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _compiled(literals: list[bytes]) -> yara_x.Rules:
    compiler = yara_x.Compiler()
    for first in range(0, len(literals), _STRINGS_A_RULE):
        strings = " ".join(
            f"$s{first + offset} = {{ {literal.hex()} }}"
            for offset, literal in enumerate(literals[first : first + _STRINGS_A_RULE])
        )
        compiler.add_source(f"rule r{first} {{ strings: {strings} condition: any of them }}")
    return compiler.build()
