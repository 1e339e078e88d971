"""Journals become cassettes: once, in order, behind what was there."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.recorder.recording.interactions import interaction

from tokentape.recorder.cassette.errors import CassetteBusyError, CassetteError
from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.cassette.store import claim, load, save
from tokentape.recorder.recording.finishing import Finished, finish
from tokentape.recorder.recording.journal import Header, Journal, Kept, open_locked

if TYPE_CHECKING:
    from pathlib import Path


def journal_of(folder: Path, *texts: str, header: Header | None = None) -> Journal:
    journal = Journal.create(folder / "a.yaml.journal", header or Header())
    for number, text in enumerate(texts):
        journal.append(
            Kept(worker="w", exchange=number, interaction=interaction(text, at=1_000_000.0 + number))
        )
    return journal


def texts(path: Path) -> list[str]:
    return [json.loads(one.response.body)["text"] for one in load(path).interactions]


def test_a_journal_becomes_a_cassette_and_goes(tmp_path: Path) -> None:
    finished = finish(journal_of(tmp_path, "one", "two"))
    assert finished == Finished(cassette=str(tmp_path / "a.yaml"), interactions=2)
    assert texts(tmp_path / "a.yaml") == ["one", "two"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]


def test_nothing_recorded_leaves_nothing(tmp_path: Path) -> None:
    assert finish(journal_of(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_appended_interactions_come_behind_those_that_were_there(tmp_path: Path) -> None:
    save(Cassette(interactions=(interaction("old"),), metadata={"mine": "kept"}), tmp_path / "a.yaml")
    finish(journal_of(tmp_path, "new", header=Header(base=1, fresh=False)))
    assert texts(tmp_path / "a.yaml") == ["old", "new"]
    assert load(tmp_path / "a.yaml").metadata["mine"] == "kept"


@pytest.mark.parametrize("header", [Header(), Header(base=1, fresh=False), Header(fresh=False)])
def test_a_finish_that_was_cut_short_behind_the_writing_adds_nothing_twice(
    tmp_path: Path, header: Header
) -> None:
    if header.base:
        save(Cassette(interactions=(interaction("old"),)), tmp_path / "a.yaml")
    journal = journal_of(tmp_path, "new", header=header)
    shutil.copy(journal.path, tmp_path / "copy")
    finish(journal)
    once = texts(tmp_path / "a.yaml")
    (tmp_path / "copy").rename(journal.path)
    again = Journal.reopen(journal.path, open_locked(journal.path))
    assert again is not None
    finish(again)
    assert texts(tmp_path / "a.yaml") == once == [*(["old"] if header.base else []), "new"]


def test_a_cassette_that_somebody_else_made_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, "ours")
    save(Cassette(interactions=(interaction("a"), interaction("b"))), tmp_path / "a.yaml")
    with pytest.raises(CassetteError, match="made by somebody else"):
        finish(journal)
    assert texts(tmp_path / "a.yaml") == ["a", "b"]
    assert journal.path.exists()
    journal.close()


def test_while_somebody_else_writes_the_cassette_the_journal_stays(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, "ours")
    with claim(tmp_path / "a.yaml"):
        with pytest.raises(CassetteBusyError):
            finish(journal)
        assert journal.path.exists()
        finish(journal, claimed=True)
    assert texts(tmp_path / "a.yaml") == ["ours"]
