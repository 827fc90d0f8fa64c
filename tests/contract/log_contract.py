# SPDX-License-Identifier: Apache-2.0
"""What every `Log` must do. An implementation's test class inherits from this and opens logs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from agentstack_exporters.log.protocol import Commit, Record
from agentstack_processors.verdicts import Reject, Retry

Log = Any  # the port, and of `dead_letters` what can be read back


def numbered(number: int, size: int = 100) -> Record:
    """A record that tells which one it is."""
    body = number.to_bytes(8, "big") * (size // 8 + 1)
    return Record(payload=body[:size], spans=number % 5, received_at=10**18 + number)


class LogContract:
    """Inherit, and provide the fixture `open_log`: opens the same log again at every call."""

    trims = True

    @pytest.fixture
    def open_log(self) -> Callable[[], Log]:
        raise NotImplementedError

    @pytest.fixture
    def log(self, open_log: Callable[[], Log]) -> Iterator[Log]:
        log = open_log()
        yield log
        log.close()

    def fill(self, log: Log, count: int, size: int = 100) -> list[Record]:
        records = [numbered(n, size) for n in range(count)]
        for future in [log.append(record) for record in records]:
            future.result(30)
        return records

    def test_what_is_read_is_what_was_appended(self, log: Log) -> None:
        record = Record(
            payload=bytes(range(256)) * 3,
            spans=7,
            received_at=1_700_000_000_123_456_789,
            project="Zürich\0⚡",
            signal="logs",
        )
        position = log.append(record).result(30)
        (stored,) = log.read(position)
        assert (stored.position, stored.record) == (position, record)

    @pytest.mark.parametrize("size", [0, 1, 4095, 4096, 16_384, 530_000, 5_000_000])
    def test_a_payload_of_any_size_comes_back(self, log: Log, size: int) -> None:
        record = numbered(3, size)
        position = log.append(record).result(30)
        assert log.read(position)[0].record == record

    def test_positions_follow_the_order_of_appends_without_gaps(self, log: Log) -> None:
        start = log.end()
        positions = [f.result(30) for f in [log.append(numbered(n)) for n in range(300)]]
        assert positions == list(range(start, start + 300))
        assert log.end() == start + 300

    def test_appends_of_many_threads_all_get_positions_of_their_own(self, log: Log) -> None:
        positions: list[int] = []

        def work(thread: int) -> None:
            mine = range(thread * 50, thread * 50 + 50)
            positions.extend(log.append(numbered(n)).result(30) for n in mine)

        threads = [threading.Thread(target=work, args=(t,)) for t in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(set(positions)) == 400
        assert len(log.read(min(positions), max_records=1000)) == 400

    def test_a_read_stops_at_max_records(self, log: Log) -> None:
        records = self.fill(log, 20)
        assert [s.record for s in log.read(0, max_records=7)] == records[:7]

    def test_a_read_stops_at_max_bytes_but_gives_at_least_one(self, log: Log) -> None:
        self.fill(log, 10, size=1000)
        assert len(log.read(0, max_bytes=3500)) == 3
        assert len(log.read(0, max_bytes=1)) == 1

    def test_a_read_at_the_end_is_empty(self, log: Log) -> None:
        self.fill(log, 3)
        assert log.read(log.end()) == []

    def test_wait_is_true_at_once_for_what_exists(self, log: Log) -> None:
        self.fill(log, 1)
        assert log.wait(0, 0) is True

    def test_wait_is_false_when_nothing_comes(self, log: Log) -> None:
        assert log.wait(log.end(), 0.05) is False

    def test_wait_is_woken_by_an_append(self, log: Log) -> None:
        end = log.end()
        arrived: list[bool] = []
        thread = threading.Thread(target=lambda: arrived.append(log.wait(end, 30)))
        thread.start()
        log.append(numbered(1)).result(30)
        thread.join(20)
        assert arrived == [True]

    def test_wake_ends_a_wait_early(self, log: Log) -> None:
        answers: list[bool] = []
        thread = threading.Thread(target=lambda: answers.append(log.wait(log.end(), 60)))
        thread.start()
        while thread.is_alive():
            log.wake()
            thread.join(0.01)
        assert answers == [False]

    def test_a_new_group_starts_at_the_first_record_kept(self, log: Log) -> None:
        self.fill(log, 3)
        assert log.committed("new") == Commit(0)

    def test_groups_stand_where_they_committed_each_on_its_own(self, log: Log) -> None:
        self.fill(log, 9)
        log.commit("a", Commit(4, '{"end":8}'))
        log.commit("b", Commit(9))
        assert log.committed("a") == Commit(4, '{"end":8}')
        assert log.committed("b") == Commit(9, "")

    def test_metadata_over_4096_bytes_is_rejected(self, log: Log) -> None:
        log.commit("a", Commit(0, "x" * 4096))
        with pytest.raises(Reject):
            log.commit("a", Commit(0, "x" * 4097))

    def test_everything_is_there_after_opening_again(
        self, log: Log, open_log: Callable[[], Log]
    ) -> None:
        records = self.fill(log, 5)
        log.commit("a", Commit(2, "note"))
        name = log.id
        log.close()
        again = open_log()
        try:
            assert [s.record for s in again.read(0)] == records
            assert again.committed("a") == Commit(2, "note")
            assert (again.end(), again.id) == (5, name)
        finally:
            again.close()

    def test_close_writes_what_is_queued(self, log: Log, open_log: Callable[[], Log]) -> None:
        futures = [log.append(numbered(n, 10_000)) for n in range(200)]
        log.close(timeout=30)
        assert [f.result(0) for f in futures] == list(range(200))
        again = open_log()
        assert again.end() == 200
        again.close()

    def test_an_append_after_close_is_told_to_retry(self, log: Log) -> None:
        log.close()
        with pytest.raises(Retry):
            log.append(numbered(1)).result(30)

    def test_trim_keeps_what_one_group_has_not_read(self, log: Log) -> None:
        if not self.trims:
            pytest.skip("the broker's retention deletes")
        self.fill(log, 1000)
        assert log.trim() == 0  # nobody has read anything
        log.commit("a", Commit(900))
        log.commit("b", Commit(700))
        assert log.trim() == 700
        assert log.read(0)[0].position == 700
        assert log.committed("new") == Commit(700)

    def test_positions_are_not_used_twice_after_everything_was_trimmed(
        self, log: Log, open_log: Callable[[], Log]
    ) -> None:
        if not self.trims:
            pytest.skip("the broker's retention deletes")
        self.fill(log, 5)
        log.commit("a", Commit(5))
        assert log.trim() == 5
        log.close()
        again = open_log()
        assert again.end() == 5
        assert again.append(numbered(1)).result(30) == 5
        again.close()

    def test_a_dead_letter_put_twice_is_kept_once_with_its_first_reason(self, log: Log) -> None:
        (record,) = self.fill(log, 1)
        stored = log.read(0)[0]
        first = log.dead_letters.put("a", stored, "too odd")
        assert log.dead_letters.put("a", stored, "again") == first
        (letter,) = log.dead_letters.list()
        assert (letter.id, letter.group, letter.reason) == (first, "a", "too odd")
        full = log.dead_letters.get(first)
        assert (full.payload, full.spans, full.project) == (
            record.payload,
            record.spans,
            "default",
        )
        assert log.dead_letters.put("b", stored, "too odd") != first

    def test_a_retried_dead_letter_is_appended_again(self, log: Log) -> None:
        (record,) = self.fill(log, 1)
        letter = log.dead_letters.put("a", log.read(0)[0], "store was wrong")
        position = log.dead_letters.retry(letter)
        assert log.wait(position, 5)
        assert log.read(position)[0].record == record
        assert log.dead_letters.get(letter).retried_as == position
        assert log.dead_letters.count() == 0

    def test_a_dead_letter_outlives_the_trim_of_its_record(self, log: Log) -> None:
        (record,) = self.fill(log, 1)
        letter = log.dead_letters.put("a", log.read(0)[0], "odd")
        log.commit("a", Commit(1))
        log.trim()
        assert log.dead_letters.get(letter).payload == record.payload

    def test_a_deleted_dead_letter_is_gone(self, log: Log) -> None:
        self.fill(log, 1)
        letter = log.dead_letters.put("a", log.read(0)[0], "odd")
        assert log.dead_letters.delete(letter) is True
        assert log.dead_letters.delete(letter) is False
        assert log.dead_letters.get(letter) is None
        with pytest.raises(Reject):
            log.dead_letters.retry(letter)
