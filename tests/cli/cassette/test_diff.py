from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.cassette.running import kept, run
from tests.recorder.editing.samples import conversation, first_turn, second_turn

if TYPE_CHECKING:
    from pathlib import Path


def test_equal_cassettes_have_status_0_in_either_form(tmp_path: Path) -> None:
    old, new = kept(tmp_path / "a.yaml", *conversation()), kept(tmp_path / "b.json", *conversation())
    result = run("diff", old, new)
    assert (result.exit_code, result.output) == (0, "")


def test_a_difference_has_status_1_and_its_place(tmp_path: Path) -> None:
    old = kept(tmp_path / "a.yaml", *conversation())
    new = kept(tmp_path / "b.yaml", first_turn(), second_turn("Rain\nin Rome."))
    result = run("diff", old, new)
    assert (result.exit_code, result.stdout) == (
        1,
        'interaction 1: response.body.content[0].text\n  - "Sunny in Rome."\n  + "Rain\\nin Rome."\n',
    )


def test_what_only_one_has_is_named(tmp_path: Path) -> None:
    old, new = kept(tmp_path / "a.yaml", *conversation()), kept(tmp_path / "b.yaml", second_turn())
    assert run("diff", old, new).stdout.splitlines()[0] == "interaction 0: only in the old cassette"
    assert run("diff", new, old).stdout.splitlines()[0] == "interaction 0: only in the new cassette"


def test_a_missing_cassette_is_one_sentence(tmp_path: Path) -> None:
    old = kept(tmp_path / "a.yaml", *conversation())
    result = run("diff", old, tmp_path / "b.yaml")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert run("diff", old).exit_code == 2
