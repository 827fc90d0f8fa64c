# SPDX-License-Identifier: Apache-2.0
"""`SqliteLog` against a model in plain Python, over random histories with crashes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from agentstack_exporters.log.protocol import Commit, Record
from agentstack_exporters.log.sqlite import Config, SqliteLog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

GROUPS = st.sampled_from(["writer", "security", "cost"])
RECORDS = st.builds(
    Record,
    payload=st.one_of(
        st.binary(max_size=50),
        st.integers(0, 60_000).map(lambda n: n.to_bytes(4, "big") * (n // 4)),
    ),
    spans=st.integers(0, 1000),
    received_at=st.integers(0, 2**63 - 1),
    project=st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    signal=st.sampled_from(["traces", "logs"]),
)


class LogMachine(RuleBasedStateMachine):
    """The model: a dict of records by position, one of commits by group, the next position."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="log-model-"))
        self.life = 0
        self.records: dict[int, Record] = {}
        self.commits: dict[str, Commit] = {}
        self.letters: dict[int, tuple[str, int, Record]] = {}
        self.next = 0

    @initialize()
    def open(self) -> None:
        self.log = self.opened()

    def opened(self) -> SqliteLog:
        path = self.folder / str(self.life) / "log.db"
        return SqliteLog(
            Config(path=path, synchronous="NORMAL", group_bytes=30_000, keep_free_bytes=0)
        )

    @rule(records=st.lists(RECORDS, min_size=1, max_size=6))
    def append(self, records: list[Record]) -> None:
        for future, record in [(self.log.append(record), record) for record in records]:
            assert future.result(10) == self.next
            self.records[self.next] = record
            self.next += 1

    @rule(group=GROUPS, share=st.floats(0, 1), metadata=st.text(max_size=20))
    def commit(self, group: str, share: float, metadata: str) -> None:
        metadata = metadata.encode("utf-8", "replace").decode()
        self.commits[group] = Commit(round(self.next * share), metadata)
        self.log.commit(group, self.commits[group])

    @rule()
    def trim(self) -> None:
        floor = min((c.position for c in self.commits.values()), default=0)
        gone = [position for position in self.records if position < floor]
        assert self.log.trim() == len(gone)
        for position in gone:
            del self.records[position]

    @rule(group=GROUPS)
    def forget(self, group: str) -> None:
        self.log.forget(group)
        self.commits.pop(group, None)

    @rule(share=st.floats(0, 1), records=st.integers(1, 10), size=st.integers(1, 100_000))
    def read_a_part(self, share: float, records: int, size: int) -> None:
        start = round(self.next * share)
        expected, total = [], 0
        for position in sorted(p for p in self.records if p >= start)[:records]:
            total += len(self.records[position].payload)
            if expected and total > size:
                break
            expected.append(position)
        found = self.log.read(start, max_records=records, max_bytes=size)
        assert [s.position for s in found] == expected
        assert all(s.record == self.records[s.position] for s in found)

    @rule(group=GROUPS, share=st.floats(0, 1))
    def put_a_dead_letter(self, group: str, share: float) -> None:
        for stored in self.log.read(round(self.next * share), max_records=1):
            letter = self.log.dead_letters.put(group, stored, "odd")
            self.letters.setdefault(letter, (group, stored.position, stored.record))

    @rule(share=st.floats(0, 1))
    def retry_a_dead_letter(self, share: float) -> None:
        if self.letters:
            letter = sorted(self.letters)[round((len(self.letters) - 1) * share)]
            assert self.log.dead_letters.retry(letter) == self.next
            self.records[self.next] = self.letters[letter][2]
            self.next += 1

    @rule()
    def open_again(self) -> None:
        self.log.close()
        self.log = self.opened()

    @rule()
    def crash(self) -> None:
        """What a killed process leaves: the files as they are now, without the shared memory."""
        old = self.folder / str(self.life)
        self.life += 1
        new = self.folder / str(self.life)
        new.mkdir()
        for name in ("log.db", "log.db-wal"):
            if (old / name).exists():
                shutil.copy(old / name, new / name)
        self.log.close()
        shutil.rmtree(old)
        self.log = self.opened()

    @invariant()
    def agrees_with_the_model(self) -> None:
        if not hasattr(self, "log"):
            return
        assert self.log.end() == self.next
        found = self.log.read(0, max_records=100_000, max_bytes=1 << 30)
        assert {s.position: s.record for s in found} == self.records
        assert self.log.groups() == self.commits
        letters = {x.id: (x.group, x.position) for x in self.log.dead_letters.list(10_000)}
        assert letters == {k: (group, at) for k, (group, at, _) in self.letters.items()}

    def teardown(self) -> None:
        if hasattr(self, "log"):
            self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


TestLogModel = LogMachine.TestCase
TestLogModel.settings = settings(
    max_examples=30 if settings.default.max_examples <= 100 else 500, stateful_step_count=25
)
