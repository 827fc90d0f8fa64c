# SPDX-License-Identifier: Apache-2.0
"""The check that a statement only reads, and that the dialect table and its SQL agree."""

from __future__ import annotations

import pytest
from agentstack_exporters.clickhouse import errors, migrations
from agentstack_exporters.clickhouse.statement import read_only
from agentstack_processors.otlp.delimited import delimit
from agentstack_processors.otlp.reference import decode_logs, decode_traces, double_text
from agentstack_processors.semconv import sql
from agentstack_processors.semconv.dialects import COLUMNS, normalise
from agentstack_processors.verdicts import ConfigError, Reject, Retry
from hypothesis import given
from hypothesis import strategies as st


def text_of(name: str) -> str:
    [found] = [m.sql for m in migrations.load() if m.name.endswith(name)]
    return " ".join(found.split())


def test_the_newest_decoding_view_holds_the_dialect_tables_expressions() -> None:
    assert " ".join(sql.decoding_expressions().split()) in text_of("otlp_in_mv")


def test_the_spans_table_holds_the_dialect_tables_aliases() -> None:
    for name, expression in zip(("input", "output"), sql.alias_expressions(), strict=True):
        assert f"{name} String ALIAS {expression}" in text_of("_spans")


def test_migrations_are_numbered_each_once_and_make_one_object_each() -> None:
    found = migrations.load()
    versions = [migration.version for migration in found]
    assert versions == sorted(set(versions))
    assert all(migration.sql.count("CREATE ") == 1 for migration in found)


def test_a_changed_migration_is_named() -> None:
    [first, *_] = migrations.load()
    row = {"version": first.version, "name": first.name, "checksum": "0" * 64}
    with pytest.raises(ConfigError, match=first.name):
        migrations.check([first], [row])


def test_only_what_is_outstanding_is_run_in_order() -> None:
    first, second, third, *_ = migrations.load()
    row = {"version": 1, "name": first.name, "checksum": first.checksum}
    ran: list[str] = []
    done = migrations.apply(
        [first, second, third],
        query=lambda statement, _: [{"result": 1} if "EXISTS" in statement else row],
        execute=lambda statement, params: ran.append(statement),
    )
    assert done == [second.name, third.name]
    assert [s for s in ran if s in (first.sql, second.sql, third.sql)] == [second.sql, third.sql]


@given(text=st.text(max_size=40))
def test_text_in_quotes_is_never_taken_for_sql(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    statement = f"SELECT '{quoted}' AS a"
    assert read_only(statement + " ; ") == statement


@pytest.mark.parametrize(
    "statement",
    ["SELECT 1; SELECT 2", "SELECT 1 /* ; */ ; DROP TABLE x", "SELECT $$;$$; SELECT 2", ";", "--x"],
)
def test_more_or_less_than_one_statement_is_refused(statement: str) -> None:
    with pytest.raises(Reject):
        read_only(statement)


def test_codes_of_the_engine_become_verdicts() -> None:
    def error(code: int) -> RuntimeError:
        return RuntimeError(f"Code: {code}. DB::Exception: no. (NAME) (version 26.9.2.1)")

    assert isinstance(errors.insert_verdict(error(33)), Reject)
    assert isinstance(errors.insert_verdict(error(243)), Retry)
    assert isinstance(errors.insert_verdict(error(99999)), Retry)
    assert isinstance(errors.insert_verdict(OSError("No space left on device")), Retry)
    assert isinstance(errors.query_verdict(error(62)), Reject)
    assert isinstance(errors.query_verdict(error(76)), Retry)
    assert str(errors.query_verdict(error(62))) == "no."


def test_a_span_of_todays_conventions_is_not_translated() -> None:
    span = {"gen_ai.operation.name": "LLM", "gen_ai.provider.name": "OpenAI"}
    assert normalise(span)["operation"] == "LLM"
    assert normalise({**span, "openinference.span.kind": "LLM"})["operation"] == "chat"


@pytest.mark.parametrize("text", ["", "-1", "+", "1.0", "١٢", str(2**64), "12 "])
def test_a_token_count_that_is_none_is_zero(text: str) -> None:
    assert normalise({"gen_ai.usage.input_tokens": text})["input_tokens"] == 0


@pytest.mark.parametrize(
    ("text", "count"), [("+1", 1), ("007", 7), ("0" * 30 + "5", 5), (str(2**64 - 1), 2**64 - 1)]
)
def test_a_token_count_is_read_as_the_engine_reads_it(text: str, count: int) -> None:
    assert normalise({"gen_ai.usage.input_tokens": text})["input_tokens"] == count


def test_every_canonical_column_is_given_for_every_span() -> None:
    assert list(normalise({})) == [column.name for column in COLUMNS]
    assert set(normalise({}).values()) == {"", 0}


@pytest.mark.parametrize("decode", [decode_traces, decode_logs])
@pytest.mark.parametrize("bad", [b"\x0a", b"\x0a\x05ab", b"\xff" * 11, b"\x0b"])
def test_the_reference_decoder_refuses_what_is_no_protobuf(decode: object, bad: bytes) -> None:
    with pytest.raises(Reject):
        decode(bad)  # type: ignore[operator]  # one of the two functions above


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_doubles_text_reads_back_as_the_same_double(value: float) -> None:
    assert float(double_text(value)) == value


@given(payloads=st.lists(st.binary(max_size=300), max_size=5))
def test_delimited_messages_are_told_apart_by_their_lengths(payloads: list[bytes]) -> None:
    body, found = delimit(payloads), []
    while body:
        size = shift = 0
        while True:
            byte, body = body[0], body[1:]
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        found.append(body[:size])
        body = body[size:]
    assert found == payloads
