"""Journals: appended to, locked, and whole again after whatever happened."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.recorder.recording.interactions import interaction

from tokentape.recorder.recording.journal import (
    Header,
    Journal,
    JournalBusyError,
    JournalError,
    Kept,
    open_locked,
)

HEADER = Header(session="s", base=2)

if TYPE_CHECKING:
    from pathlib import Path


def kept(number: int) -> Kept:
    return Kept(worker="relay-0-1", exchange=number, interaction=interaction(f"{number}", at=float(number)))


def reopened(path: Path) -> Journal:
    journal = Journal.reopen(path, open_locked(path))
    assert journal is not None
    return journal


def written(path: Path, *numbers: int) -> None:
    journal = Journal.create(path, HEADER)
    for number in numbers:
        journal.append(kept(number))
    journal.close()


def test_what_was_appended_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml.journal"
    written(path, 1, 2)
    journal = reopened(path)
    journal.append(kept(3))
    assert (journal.header, len(journal), journal.cassette) == (HEADER, 3, tmp_path / "a.yaml")
    assert journal.interactions() == [kept(number).interaction for number in (1, 2, 3)]
    assert (journal.has("relay-0-1", 3), journal.has("relay-0-2", 3)) == (True, False)
    journal.close()


def test_interactions_are_in_the_order_in_which_their_requests_began(tmp_path: Path) -> None:
    written(tmp_path / "j", 3, 1, 2)
    journal = reopened(tmp_path / "j")
    assert [one.recorded_at for one in journal.interactions()] == [1.0, 2.0, 3.0]
    journal.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(cut=st.floats(0, 1), garbage=st.binary(max_size=30))
def test_what_a_crash_left_half_written_is_cut_off_and_the_rest_is_kept(
    tmp_path: Path, cut: float, garbage: bytes
) -> None:
    path = tmp_path / "j"
    path.unlink(missing_ok=True)
    written(path, 1)
    before = path.stat().st_size
    path.unlink()
    written(path, 1, 2)
    data = path.read_bytes()
    end = before + int(cut * (len(data) - before - 1))
    path.write_bytes(data[:end] + garbage)
    journal = reopened(path)
    journal.append(kept(3))
    assert journal.interactions() == [kept(1).interaction, kept(3).interaction]
    journal.close()


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    written(tmp_path / "j", 1)
    assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600


def test_two_processes_cannot_have_it_open(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml.journal"
    journal = Journal.create(path, HEADER)
    script = (
        "from pathlib import Path; from tokentape.recorder.recording.journal import open_locked; "
        f"open_locked(Path({str(path)!r}))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert f"{tmp_path}/a.yaml is being recorded to by another process" in found.stderr
    with pytest.raises(JournalBusyError):
        open_locked(path)
    journal.close()
    os.close(open_locked(path))


def test_who_inherits_it_keeps_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal.create(path, HEADER)
    heir = os.dup(journal._descriptor)
    journal.close()
    with pytest.raises(JournalBusyError):
        open_locked(path)
    os.close(heir)
    os.close(open_locked(path))


def test_an_empty_file_is_no_journal_yet(tmp_path: Path) -> None:
    descriptor = open_locked(tmp_path / "j")
    assert Journal.reopen(tmp_path / "j", descriptor) is None
    os.close(descriptor)


def test_a_journal_of_another_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "j"
    descriptor = open_locked(path)
    broken = Journal(path, descriptor, HEADER)
    broken._write(b"\x93\x01\x02\x03")
    with pytest.raises(JournalError, match="no journal of this version"):
        Journal.reopen(path, descriptor)
    broken.close()


def test_a_journal_of_a_full_disk_is_as_it_was(tmp_path: Path) -> None:
    import resource
    import signal

    written(tmp_path / "j", 1)
    journal = reopened(tmp_path / "j")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.size + 10, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            journal.append(kept(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    journal.append(kept(3))
    assert [one.recorded_at for one in journal.interactions()] == [1.0, 3.0]
    journal.close()
