from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from tests.cli.cassette.running import kept, run
from tests.recorder.editing.samples import QUESTION, asked, said

from tokentape.cli.cassette.files import layout_of
from tokentape.recorder.cassette.interaction import Interaction
from tokentape.recorder.cassette.layout import Layout
from tokentape.recorder.cassette.store import load

if TYPE_CHECKING:
    from pathlib import Path

DATA = base64.b64encode(bytes(range(256)) * 64).decode()
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}
FIRST = asked({"role": "user", "content": [IMAGE]}, QUESTION, system="Be brief. " * 100)
RECORDED = (
    Interaction(request=FIRST, response=said("One.")),
    Interaction(request=FIRST, response=said("Two.")),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return kept(tmp_path / "chat.yaml", *RECORDED)


def test_a_cassette_is_laid_out_there_and_back(file: Path) -> None:
    before, whole = file.read_bytes(), load(file)
    for layout in ("shared", "compact", "readable"):
        result = run("convert", "--layout", layout, file)
        assert (result.exit_code, result.stderr) == (0, f"{file}: {layout}\n")
        assert (layout_of(file, file.read_bytes()), load(file)) == (Layout(layout), whole)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir() if path.suffix == ".media"] == []


def test_what_is_laid_out_so_already_is_left_alone(file: Path) -> None:
    before = file.stat()
    result = run("convert", file)
    assert (result.exit_code, result.output) == (0, "")
    assert file.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("layout", ["shared", "compact"])
def test_merged_and_imported_cassettes_are_laid_out_as_asked(layout: str, file: Path, tmp_path: Path) -> None:
    for command, target in (("merge", tmp_path / "merged.yaml"), ("import", tmp_path / "imported.yaml")):
        assert run(command, "--layout", layout, file, target).exit_code == 0
        assert layout_of(target, target.read_bytes()) is Layout(layout)
        assert len(load(target).interactions) == 2


def test_an_unknown_layout_is_one_sentence(file: Path) -> None:
    result = run("convert", "--layout", "tiny", file)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
