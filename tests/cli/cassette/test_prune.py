from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cli.cassette.running import kept, run
from tests.cli.cassette.test_convert import IMAGE
from tests.recorder.editing.samples import asked, first_turn, said, second_turn

from tokentape.cli.cassette.files import layout_of
from tokentape.recorder.cassette.interaction import Cassette, Interaction
from tokentape.recorder.cassette.layout import Layout
from tokentape.recorder.cassette.store import Options, load, save
from tokentape.recorder.editing.played import begun, ended

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return kept(tmp_path / "chat.yaml", first_turn(), second_turn(), second_turn("Again."))


def write_report(file: Path, place: Path, *played: int) -> Path:
    place.write_bytes(ended(begun(file.name, file.read_bytes(), 3), played))
    return place


def test_what_the_report_beside_it_did_not_play_goes(file: Path) -> None:
    write_report(file, file.with_name("chat.played.json"), 0, 2)
    before = load(file).interactions
    result = run("prune", file)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{file}: 1 of 3 interactions taken out\n"
    assert load(file).interactions == (before[0], before[2])


def test_what_any_of_several_reports_played_stays(file: Path, tmp_path: Path) -> None:
    reports = [write_report(file, tmp_path / f"{number}.json", number) for number in (0, 1)]
    assert run("prune", file, *reports).exit_code == 0
    assert len(load(file).interactions) == 2


@pytest.mark.parametrize("layout", list(Layout))
def test_the_file_stays_laid_out_as_it_was(layout: Layout, file: Path) -> None:
    shared = asked({"role": "user", "content": [IMAGE]}, system="Be brief. " * 100)
    three = tuple(Interaction(request=shared, response=said(text)) for text in ("a", "b", "c"))
    save(Cassette(interactions=three), file, options=Options(layout=layout))
    write_report(file, file.with_name("chat.played.json"), 0, 2)
    before = load(file).interactions
    assert run("prune", file).exit_code == 0
    assert layout_of(file, file.read_bytes()) is layout
    assert load(file).interactions == (before[0], before[2])


def test_a_dry_run_only_tells(file: Path) -> None:
    write_report(file, file.with_name("chat.played.json"))
    before = file.read_bytes()
    result = run("prune", "--dry-run", file)
    assert (result.exit_code, result.stderr) == (0, f"{file}: 3 of 3 interactions would be taken out\n")
    assert file.read_bytes() == before


def test_a_file_of_which_all_was_played_stays_as_it_is(file: Path) -> None:
    write_report(file, file.with_name("chat.played.json"), 0, 1, 2)
    before = file.stat()
    assert run("prune", file).stderr == f"{file}: 0 of 3 interactions taken out\n"
    assert file.stat().st_mtime_ns == before.st_mtime_ns


def test_a_report_of_what_was_there_before_is_refused(file: Path, tmp_path: Path) -> None:
    report = write_report(file, tmp_path / "r.json", 0)
    kept(file, first_turn(), second_turn(), first_turn())
    before = file.read_bytes()
    result = run("prune", file, report)
    said = "is the report of chat.yaml as it was before, or of another file: replay again, then prune."
    assert (result.exit_code, result.stderr) == (1, f"Error: {report} {said}\n")
    assert file.read_bytes() == before


def test_a_missing_report_is_one_sentence(file: Path) -> None:
    result = run("prune", file)
    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: {file.with_name('chat.played.json')} does not exist: check the path.\n",
    )
