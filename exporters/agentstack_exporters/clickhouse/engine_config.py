# SPDX-License-Identifier: Apache-2.0
"""The files the embedded engine reads: its configuration and the Protobuf schemas.

The configuration is always named explicitly, because the engine would otherwise pick up a stray
`~/.clickhouse-local/config.xml` of the user's. It turns off what a server needs and a laptop does
not: system log tables, wide background pools, large caches.

The schemas are files, too, because a schema given as text makes the embedded engine write a
`__cache__` folder into the process's current folder: it ignores `format_schema_path`. They are
copies, so that an upgrade under a running process cannot change what it decodes with.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agentstack_processors.verdicts import ConfigError

from agentstack_exporters.clickhouse import settings
from agentstack_exporters.log.protocol import Signal

if TYPE_CHECKING:
    from agentstack_exporters.clickhouse.chdb import Config

_TEMPLATE = """<clickhouse>
    <max_server_memory_usage>{memory}</max_server_memory_usage>
    <mark_cache_size>33554432</mark_cache_size>
    <index_mark_cache_size>8388608</index_mark_cache_size>
    <primary_index_cache_size>33554432</primary_index_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
    <mmap_cache_size>0</mmap_cache_size>
    <compiled_expression_cache_size>8388608</compiled_expression_cache_size>
    <background_pool_size>2</background_pool_size>
    <background_move_pool_size>1</background_move_pool_size>
    <background_fetches_pool_size>1</background_fetches_pool_size>
    <background_common_pool_size>2</background_common_pool_size>
    <background_buffer_flush_schedule_pool_size>1</background_buffer_flush_schedule_pool_size>
    <background_schedule_pool_size>2</background_schedule_pool_size>
    <background_message_broker_schedule_pool_size>1</background_message_broker_schedule_pool_size>
    <background_distributed_schedule_pool_size>1</background_distributed_schedule_pool_size>
    <tables_loader_foreground_pool_size>2</tables_loader_foreground_pool_size>
    <tables_loader_background_pool_size>1</tables_loader_background_pool_size>
    <merge_tree>
        <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
        <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
        <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
        <fsync_after_insert>{durable}</fsync_after_insert>
        <fsync_part_directory>{durable}</fsync_part_directory>
        <merge_selecting_sleep_ms>5000</merge_selecting_sleep_ms>
        <min_parts_to_merge_at_once>5</min_parts_to_merge_at_once>
    </merge_tree>
</clickhouse>
"""


def write(path: Path, config: Config) -> Path:
    """Write the configuration into the store's folder and return its path.

    Raises:
        ConfigError: The file cannot be written.
    """
    text = _TEMPLATE.format(memory=config.memory_bytes, durable=int(config.durable))
    return _write(path / "engine.xml", text)


def write_schema(path: Path, signal: Signal) -> Path:
    """Write the signal's Protobuf schema into the store's folder and return its absolute path.

    Raises:
        ConfigError: The file cannot be written.
    """
    file = path.absolute() / "format_schemas" / f"otlp_{signal}.proto"
    return _write(file, settings.schema_of(signal))


def _write(file: Path, text: str) -> Path:
    try:
        file.parent.mkdir(exist_ok=True)
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"the store's file {file} cannot be written: {reason}") from error
    return file
