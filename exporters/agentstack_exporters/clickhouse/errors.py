# SPDX-License-Identifier: Apache-2.0
"""ClickHouse's error codes as verdicts."""

from __future__ import annotations

import re

from agentstack_processors.verdicts import AgentStackError, Reject, Retry

_CODE = re.compile(r"Code: (\d+)\. DB::\w*Exception: ")
_TRAIL = re.compile(
    r"(?::\s+[Ww]hile (?:executing|pushing|processing)\b|\s*(?:\([A-Z_]+\)\s*)?\(version"
    r"|\s*Stack trace|\s*\([A-Z_]+\)\s*$).*",
    re.DOTALL,
)

#: The bytes or values are wrong: the same insert can never succeed.
BAD_DATA = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        25,  # CANNOT_PARSE_ESCAPE_SEQUENCE
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        33,  # CANNOT_READ_ALL_DATA
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        53,  # TYPE_MISMATCH
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        130,  # CANNOT_READ_ARRAY_FROM_TEXT
        131,  # TOO_LARGE_STRING_SIZE
        128,  # TOO_LARGE_ARRAY_SIZE
        190,  # SIZES_OF_ARRAYS_DONT_MATCH
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        395,  # FUNCTION_THROW_IF_VALUE_IS_NON_ZERO: AnyValue nests too deep
        407,  # DECIMAL_OVERFLOW
        441,  # CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING
        444,  # UNKNOWN_PROTOBUF_FORMAT
        467,  # CANNOT_PARSE_BOOL
        675,  # CANNOT_PARSE_IPV4 and neighbours never reach a bare insert of ours
    }
)
#: The statement names what does not exist: wrong for good, too.
BAD_STATEMENT = frozenset({16, 46, 47, 60, 62, 81})
#: The engine is out of something for now.
PASSING = frozenset(
    {
        74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
        76,  # CANNOT_OPEN_FILE
        159,  # TIMEOUT_EXCEEDED
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        241,  # MEMORY_LIMIT_EXCEEDED: also by what else runs
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        999,  # KEEPER_EXCEPTION
        1001,  # STD_EXCEPTION: file system errors
    }
)

MEMORY_LIMIT = 241  # MEMORY_LIMIT_EXCEEDED
RESULT_LIMIT = 396  # TOO_MANY_ROWS_OR_BYTES


def code_of(error: BaseException) -> int:
    """The engine's error code, innermost last one wins; 0 when there is none."""
    codes = _CODE.findall(str(error))
    return int(codes[-1]) if codes else 0


def message_of(error: BaseException) -> str:
    """The engine's own words on one line, without version and stack."""
    text = _CODE.split(str(error))[-1]
    return " ".join(_TRAIL.sub("", text).split())[:1000]


def insert_verdict(error: BaseException) -> AgentStackError:
    """What an insert's failure means. Unknown codes are `Retry`: no data is given up on a guess."""
    reason = message_of(error)
    if code_of(error) in BAD_DATA | BAD_STATEMENT:
        return Reject(f"the store cannot take this data: {reason}")
    return Retry(f"the store cannot write now: {reason}", halve=code_of(error) == MEMORY_LIMIT)


def query_verdict(error: BaseException) -> AgentStackError:
    """What a query's failure means: the engine's message, unless the engine is in trouble."""
    if code_of(error) in PASSING - {159, MEMORY_LIMIT}:
        return Retry(f"the store cannot answer now: {message_of(error)}")
    if code_of(error) == RESULT_LIMIT:
        return Reject(
            f"the answer is over the limit: add a LIMIT, name columns ({message_of(error)})"
        )
    return Reject(message_of(error))
