# SPDX-License-Identifier: Apache-2.0
"""Statements that look like a plain read and reach for files, in every spelling there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from agentstack_exporters.clickhouse.chdb import ChdbStore, Config
from agentstack_exporters.clickhouse.statement import read_only
from agentstack_processors.verdicts import Reject

READS = [
    "SELECT file('{0}')",
    "SELECT fIlE /* x */ ('{0}')",
    "SELECT \"file\"('{0}')",
    r"SELECT `fil\x65`('{0}')",
    r"SELECT `\u0066ile`('{0}')",
    "SELECT “file”('{0}')",
    "SELECT \u2018'\u2019 AS a, file('{0}') AS b, \u2018'\u2019 AS c",
    "SELECT arrayMap(file, ['{0}'])",
    "SELECT arrayMap(`file`, ['{0}'])",
    "SELECT * APPLY file FROM (SELECT '{0}')",
    "SELECT * APPLY(file) FROM (SELECT '{0}')",
    "SELECT COLUMNS('x') APPLY `file` FROM (SELECT '{0}' AS x)",
    "SELECT * FROM eval('SELECT fil' || 'e(''{0}'')')",
    "SELECT * FROM filesystem('{0}')",
    "SELECT * FROM url('file://{0}', 'LineAsString')",
    "SELECT * FROM view(SELECT file('{0}'))",
    "EXPLAIN SELECT * FROM file('{0}')",
]
WRITES = [
    "SELECT 1 INTO OUTFILE '{0}'",
    "SELECT 1 INTO/**/OUTFILE '{0}'",
    "SELECT 1 INTO\u200bOUTFILE '{0}'",
    "SELECT 1 INTO\u00a0OUTFILE\u00a0'{0}'",
    "SELECT 1 \u2060 INTO \ufeffOUTFILE '{0}'",
    "SELECT \u2018'\u2019 INTO OUTFILE '{0}' -- '",
]
OBJECTS = [
    "SELECT * FROM Python(secret)",
    r"SELECT * FROM `Pytho\x6e`(secret)",
    r"SELECT * FROM `pytho\x6e`('secret')",
    "SELECT 1 FORMAT `Native`",
    'SELECT 1 FORMAT "CSV"',
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    opened = ChdbStore(Config(path=tmp_path_factory.mktemp("store")))
    opened.migrate()
    yield opened
    opened.close()


@pytest.mark.parametrize("statement", READS)
def test_no_spelling_reads_a_file(store: ChdbStore, tmp_path: Path, statement: str) -> None:
    private = tmp_path / "private"
    private.write_text("kept secret")
    with pytest.raises(Reject) as refused:
        store.query(statement.format(private))
    assert "kept secret" not in str(refused.value)


@pytest.mark.parametrize("statement", WRITES)
def test_no_spelling_writes_a_file(store: ChdbStore, tmp_path: Path, statement: str) -> None:
    target = tmp_path / "written"
    with pytest.raises(Reject):
        store.query(statement.format(target))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("statement", OBJECTS)
def test_python_objects_and_formats_are_out_of_reach_in_any_quotes(statement: str) -> None:
    with pytest.raises(Reject):
        read_only(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 'naïve “file” — café\u200b' AS a",
        "SELECT attributes['url.full'] AS url FROM spans ORDER BY url",
        "SELECT 'x' AS file",
        "SELECT s.file FROM (SELECT 1 AS file) AS s",
        "SELECT 1 -- “file”('x')",
        "SELECT 1 AS `größe`",
        "SELECT count() FROM spans AS loop",
    ],
)
def test_what_only_looks_like_it_is_answered(store: ChdbStore, statement: str) -> None:
    assert read_only(statement) == statement
    store.query(statement)
