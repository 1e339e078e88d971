from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.cassette.running import kept, run
from tests.recorder.editing.samples import first_turn, second_turn

from tokentape.recorder.cassette.store import load

if TYPE_CHECKING:
    from pathlib import Path


def test_cassettes_become_one(tmp_path: Path) -> None:
    one, other = (
        kept(tmp_path / "a.yaml", first_turn()),
        kept(tmp_path / "b.json", second_turn(), first_turn()),
    )
    target = tmp_path / "all" / "c.yaml"
    result = run("merge", one, other, target)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{target}: 3 interactions of 2 cassettes, 1 of them twice\n"
    expected = load(one).interactions + load(other).interactions[:1]
    assert load(target).interactions == expected


def test_nothing_is_written_over_unless_asked(tmp_path: Path) -> None:
    one, other = kept(tmp_path / "a.yaml", first_turn()), kept(tmp_path / "b.yaml", second_turn())
    result = run("merge", one, other)
    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: {other} exists: add --overwrite to replace it, or name another file.\n",
    )
    assert run("merge", "--overwrite", one, other).exit_code == 0
    assert load(other) == load(one)


def test_no_gzipped_cassette_is_written(tmp_path: Path) -> None:
    one, target = kept(tmp_path / "a.yaml", first_turn()), tmp_path / "b.yaml.gz"
    result = run("merge", one, target)
    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: {target} would be gzipped, and cassettes are written plain: take .gz off its name.\n",
    )


def test_a_cassette_is_not_merged_into_itself(tmp_path: Path) -> None:
    one = kept(tmp_path / "a.yaml", first_turn())
    result = run("merge", "--overwrite", tmp_path, one)
    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: {one} is one of the cassettes to merge: name another file.\n",
    )
