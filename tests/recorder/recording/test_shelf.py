"""One journal a session; quiet ones close, and those that a crash left go on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.recorder.recording.interactions import interaction

from tokentape.recorder.cassette.store import load
from tokentape.recorder.recording import shelf as module
from tokentape.recorder.recording.journal import Kept
from tokentape.recorder.recording.shelf import Closed, Folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest


def put(folder: Folder, session: str, number: int) -> None:
    kept = Kept(worker="w", exchange=number, interaction=interaction(f"{number}"))
    folder.journal(session).append(kept)


def names(closed: Iterable[Closed]) -> dict[str, int]:
    """Cassettes with their interactions."""
    found = [each.finished for each in closed]
    return {Path(one.cassette).name: one.interactions for one in found if one}


def test_each_session_has_a_cassette_of_its_own(tmp_path: Path) -> None:
    folder = Folder(tmp_path, idle=60)
    for number, session in enumerate(("a", "b", "a")):
        put(folder, session, number)
    assert names(folder.close()) == {"a.yaml": 2, "b.yaml": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "b.yaml"]


def test_a_session_that_comes_back_gets_another_cassette(tmp_path: Path) -> None:
    for number in range(3):
        folder = Folder(tmp_path, idle=60)
        put(folder, "a", number)
        list(folder.close())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.2.yaml", "a.3.yaml", "a.yaml"]
    assert len(load(tmp_path / "a.yaml").interactions) == 1


def test_only_sessions_that_were_quiet_for_long_are_closed(tmp_path: Path) -> None:
    now = 1000.0
    folder = Folder(tmp_path, idle=60, clock=lambda: now)
    put(folder, "quiet", 1)
    now += 50
    put(folder, "busy", 2)
    assert names(folder.close_idle()) == {}
    now += 10
    assert names(folder.close_idle()) == {"quiet.yaml": 1}
    assert names(folder.close()) == {"busy.yaml": 1}


def test_journals_that_a_crash_left_go_on(tmp_path: Path) -> None:
    crashed = Folder(tmp_path, idle=60)
    put(crashed, "a", 1)
    for journal in crashed._open.values():
        journal.close()
    folder = Folder(tmp_path, idle=60)
    assert folder.journal("a").has("w", 1)
    put(folder, "a", 2)
    assert names(folder.close()) == {"a.yaml": 2}


def test_those_that_were_left_long_ago_are_finished_at_once(tmp_path: Path) -> None:
    crashed = Folder(tmp_path, idle=60)
    put(crashed, "a", 1)
    for journal in crashed._open.values():
        journal.close()
    os.utime(tmp_path / "a.yaml.journal", (0, 0))
    assert names(Folder(tmp_path, idle=60).close_idle()) == {"a.yaml": 1}


def test_a_journal_that_another_process_writes_is_left_to_it(tmp_path: Path) -> None:
    first = Folder(tmp_path, idle=60)
    put(first, "a", 1)
    second = Folder(tmp_path, idle=60)
    put(second, "a", 2)
    assert (names(second.close()), names(first.close())) == ({"a.2.yaml": 1}, {"a.yaml": 1})


def test_of_too_many_sessions_the_quietest_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_OPEN", 2)
    folder = Folder(tmp_path, idle=60)
    for number, session in enumerate("abac"):
        put(folder, session, number)
    assert names(folder.close_idle()) == {"b.yaml": 1}
    assert names(folder.close()) == {"a.yaml": 2, "c.yaml": 1}


def test_what_it_takes_up_is_all_that_lies_there_and_the_cassettes_to_come(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_bytes(bytes(5000))
    folder = Folder(tmp_path, idle=60)
    assert folder.used() == 5000
    put(folder, "a", 1)
    assert folder.used() > 5000
    list(folder.close())


def test_a_cassette_that_cannot_be_written_is_told_and_its_journal_stays(tmp_path: Path) -> None:
    folder = Folder(tmp_path, idle=60)
    put(folder, "a", 1)
    (tmp_path / "a.yaml").mkdir()
    (closed,) = folder.close()
    assert closed.finished is None
    assert "what was recorded is in" in closed.error
    assert (tmp_path / "a.yaml.journal").exists()
