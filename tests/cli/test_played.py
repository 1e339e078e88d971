"""From a replay to a smaller cassette: `replay --played`, then `cassette prune`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.cli.cassette.running import run
from tests.cli.test_replay import ASK, python, replay
from tests.recorder.replay.plain import interaction, message, question

from tokentape.cli.errors import FailedError
from tokentape.cli.played import Reports
from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.cassette.store import load, save

if TYPE_CHECKING:
    from pathlib import Path

RECORDED = tuple(interaction(question(text), message(text)) for text in ("one", "two", "three"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two cassettes in a folder, beside a script that asks."""
    save(Cassette(interactions=RECORDED), tmp_path / "tapes" / "day.yaml")
    save(Cassette(interactions=RECORDED[:1]), tmp_path / "tapes" / "deep" / "night.yaml")
    (tmp_path / "ask.py").write_text(ASK, encoding="utf-8")
    return tmp_path / "tapes"


def test_what_a_replay_did_not_ask_for_can_be_taken_out(folder: Path) -> None:
    script = """
        os.environ["ANTHROPIC_BASE_URL"] += "/@cassette=day,session=a"; ask("three")
        os.environ["ANTHROPIC_BASE_URL"] = os.environ["ANTHROPIC_BASE_URL"][:-1] + "b"; ask("one")
    """
    replayed = replay(str(folder), "--played", str(folder), *python(script), cwd=folder.parent)
    assert replayed.returncode == 0, replayed.stderr
    reports = {
        path.relative_to(folder).as_posix(): json.loads(path.read_bytes()) for path in folder.rglob("*.json")
    }
    assert {name: (report["interactions"], report["played"]) for name, report in reports.items()} == {
        "day.played.json": (3, [0, 2]),
        "deep/night.played.json": (1, []),
    }
    assert run("prune", folder / "day.yaml").exit_code == 0
    kept = [json.loads(one.request.body) for one in load(folder / "day.yaml").interactions]
    assert kept == [json.loads(RECORDED[place].request.body) for place in (0, 2)]


def test_reports_that_cannot_be_written_are_one_sentence(folder: Path) -> None:
    path = folder / "day.yaml"
    blocked = folder / "file"
    blocked.write_text("", encoding="utf-8")
    with pytest.raises(FailedError, match=r"^--played .*/file cannot be written: .*\.$"):
        Reports(str(blocked), {"day": path}, {"day": load(path)}).write({})
