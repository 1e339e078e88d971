"""What a recording may be written to."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from tests.recorder.recording.interactions import interaction

from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.cassette.store import load, save
from tokentape.recorder.recording.claiming import ExistsError, claim_cassette, claim_folder, let_go
from tokentape.recorder.recording.finishing import Finished
from tokentape.recorder.recording.journal import Header, Journal, JournalBusyError, Kept
from tokentape.recorder.recording.shelf import journal_path

if TYPE_CHECKING:
    from pathlib import Path


def one(text: str) -> Cassette:
    return Cassette(interactions=(interaction(text),))


def header_of(cassette: Path, descriptor: int) -> Header:
    journal = Journal.reopen(journal_path(cassette), os.dup(descriptor))
    assert journal is not None
    journal.close()
    return journal.header


def cut_short(cassette: Path, text: str) -> None:
    """What a recording leaves that was killed with all its processes."""
    claimed = claim_cassette(cassette)
    journal = Journal.reopen(journal_path(cassette), os.dup(claimed.descriptor))
    assert journal is not None
    journal.append(Kept(worker="w", exchange=1, interaction=interaction(text)))
    journal.close()
    os.close(claimed.descriptor)


def test_a_new_cassette_begins_with_a_journal_that_goes_where_nothing_came(tmp_path: Path) -> None:
    claimed = claim_cassette(tmp_path / "a.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml.journal"]
    assert header_of(tmp_path / "a.yaml", claimed.descriptor) == Header()
    let_go(tmp_path / "a.yaml", claimed)
    assert list(tmp_path.iterdir()) == []


def test_two_recordings_of_one_cassette_are_one_too_many(tmp_path: Path) -> None:
    claimed = claim_cassette(tmp_path / "a.yaml")
    with pytest.raises(JournalBusyError, match=r"a\.yaml is being recorded to by another process"):
        claim_cassette(tmp_path / "a.yaml")
    other = claim_cassette(tmp_path / "b.yaml")
    let_go(tmp_path / "a.yaml", claimed)
    let_go(tmp_path / "b.yaml", other)


def test_a_cassette_that_exists_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    save(one("old"), tmp_path / "a.yaml")
    with pytest.raises(ExistsError, match=r"a\.yaml exists: use --append to add to it, --overwrite"):
        claim_cassette(tmp_path / "a.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]


@pytest.mark.parametrize(
    ("append", "header"), [(True, Header(base=1, fresh=False)), (False, Header(fresh=False))]
)
def test_told_otherwise_it_is_added_to_or_replaced(tmp_path: Path, append: bool, header: Header) -> None:  # noqa: FBT001 - parametrized
    save(one("old"), tmp_path / "a.yaml")
    claimed = claim_cassette(tmp_path / "a.yaml", append=append, overwrite=not append)
    assert header_of(tmp_path / "a.yaml", claimed.descriptor) == header
    let_go(tmp_path / "a.yaml", claimed)


def test_what_an_earlier_recording_left_is_finished_first(tmp_path: Path) -> None:
    cassette = tmp_path / "a.yaml"
    cut_short(cassette, "rescued")
    with pytest.raises(ExistsError, match=r"was cut short, and is in it now \(1 interaction\)"):
        claim_cassette(cassette)
    assert [json.loads(each.response.body) for each in load(cassette).interactions] == [{"text": "rescued"}]


def test_and_then_added_to(tmp_path: Path) -> None:
    cassette = tmp_path / "a.yaml"
    cut_short(cassette, "rescued")
    claimed = claim_cassette(cassette, append=True)
    assert claimed.recovered == Finished(cassette=str(cassette), interactions=1)
    assert header_of(cassette, claimed.descriptor) == Header(base=1, fresh=False)
    let_go(cassette, claimed)


def test_one_proxy_records_to_a_folder(tmp_path: Path) -> None:
    claimed = claim_folder(tmp_path / "new" / "tapes")
    with pytest.raises(JournalBusyError, match="tapes is being recorded to by another process"):
        claim_folder(tmp_path / "new" / "tapes")
    os.close(claimed.descriptor)
    os.close(claim_folder(tmp_path / "new" / "tapes").descriptor)
