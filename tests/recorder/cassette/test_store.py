"""Files on disk: whole or not there, never a mixture, and a clear sentence where it does not work."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.recorder.cassette.dialogue import dialogue, interaction

from tokentape.recorder.cassette import atomic
from tokentape.recorder.cassette.errors import CassetteBusyError, CassetteError
from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.cassette.layout import Layout
from tokentape.recorder.cassette.store import Options, claim, convert, load, load_with_entry, save

if TYPE_CHECKING:
    from pathlib import Path

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")


@pytest.mark.parametrize("name", ["x.yaml", "x.json", "deep/er/x.yaml"])
def test_what_is_saved_is_loaded(tmp_path: Path, name: str) -> None:
    save(dialogue(), tmp_path / name)
    first = load(tmp_path / name)
    save(first, tmp_path / name)
    assert load(tmp_path / name) == first
    assert [each.response.status for each in first.interactions] == [200, 200]
    assert first.metadata == {"recorder": "tokentape"}


def test_nothing_but_the_cassette_is_left(tmp_path: Path) -> None:
    save(dialogue(), tmp_path / "x.yaml")
    assert [file.name for file in tmp_path.iterdir()] == ["x.yaml"]


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CassetteError) as raised:
        load(tmp_path / "x.yaml")
    assert str(raised.value) == f"{tmp_path / 'x.yaml'} does not exist: record it first, or check the path."


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match=r" cannot be read: .*\.$"):
        load(tmp_path)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CassetteError, match=r" cannot be written: .*\.$"):
        save(dialogue(), tmp_path / "file" / "x.yaml")


def test_what_fails_half_way_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.yaml"
    save(dialogue(), path)
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CassetteError, match="cannot be written: No space left on device"):
        save(Cassette(), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["x.yaml"]


@POSIX
def test_a_new_file_has_the_usual_mode_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    before = os.umask(0o027)
    try:
        save(dialogue(), path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o664)
        save(Cassette(), path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o664
    finally:
        os.umask(before)


@POSIX
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real.yaml", tmp_path / "x.yaml"
    link.symlink_to(target)
    save(dialogue(), link)
    assert link.is_symlink()
    assert load(target) == load(link)


def test_two_sessions_on_one_file_are_an_error_and_no_mixture(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    with claim(path) as claimed:
        claimed.save(dialogue())
        before = path.read_bytes()
        with pytest.raises(CassetteBusyError) as raised:
            save(Cassette(), path)
        assert str(raised.value) == (
            f"{path} is being written by process {os.getpid()}: "
            "wait until it ends, or record to another file."
        )
        assert path.read_bytes() == before
    save(Cassette(), path)
    assert load(path) == Cassette()


def test_what_a_killed_writer_left_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    (tmp_path / ".x.yaml.0123456789ab.tmp").write_text("half a cass")
    assert len(list(atomic.left_behind(path))) == 1
    save(dialogue(), path)
    assert [file.name for file in tmp_path.iterdir()] == ["x.yaml"]


@pytest.mark.parametrize("first", Layout)
@pytest.mark.parametrize("verbatim", [False, True])
def test_a_cassette_goes_from_layout_to_layout_and_back_to_the_byte(
    *, tmp_path: Path, first: Layout, verbatim: bool
) -> None:
    path = tmp_path / "x.yaml"
    save(dialogue(), path, options=Options(layout=first, verbatim=verbatim))
    bytes_, cassette = path.read_bytes(), load(path)
    for layout in (*Layout, first):
        convert(path, layout)
        assert load(path) == cassette
    assert path.read_bytes() == bytes_


def long_cassette(count: int = 300) -> Cassette:
    """Long enough for the cache."""
    return Cassette(interactions=tuple(interaction(stream=True, question=f"No. {n}") for n in range(count)))


def test_the_second_load_comes_from_the_cache_and_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    save(long_cassette(), path)
    first = load_with_entry(path, tmp_path / "cache")
    assert first.entry.cassette() == first.cassette
    assert load_with_entry(path, tmp_path / "cache").cassette == first.cassette


def test_an_edit_that_changes_neither_size_nor_time_is_seen(tmp_path: Path) -> None:
    path, cache = tmp_path / "x.yaml", tmp_path / "cache"
    save(long_cassette(), path)
    before = path.stat()
    first = load_with_entry(path, cache).cassette
    path.write_bytes(path.read_bytes().replace(b"No. 7", b"No. 8"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    second = load_with_entry(path, cache).cassette
    assert b"No. 8" in second.interactions[7].request.body
    assert second != first


def test_recording_again_writes_what_differs_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    save(long_cassette(3), path)
    before = path.read_text().splitlines()
    cassette = load(path)
    last = cassette.interactions[-1]
    changed = msgspec.structs.replace(
        last,
        request=msgspec.structs.replace(last.request, body=last.request.body.replace(b"No. 2", b"No. 9")),
    )
    save(msgspec.structs.replace(cassette, interactions=(*cassette.interactions[:-1], changed)), path)
    after = path.read_text().splitlines()
    assert [(one, two) for one, two in zip(before, after, strict=True) if one != two] == [
        ('            "content": "No. 2"', '            "content": "No. 9"')
    ]


SAVER = """
import sys
from tokentape.recorder.cassette.interaction import Cassette, Interaction, Request, Response
from tokentape.recorder.cassette.store import save
request = Request(method="POST", uri="https://x/")
one, two = (
    Cassette(interactions=(Interaction(request=request, response=Response(status=200, body=body * 200_000)),))
    for body in (b"1", b"2")
)
while True:
    for cassette in (one, two):
        save(cassette, sys.argv[1])
        print("saved", flush=True)
"""


@pytest.mark.parametrize("saves", [1, 2, 7])
def test_a_writer_that_is_killed_leaves_one_cassette_whole(tmp_path: Path, saves: int) -> None:
    path = tmp_path / "x.yaml"
    command = [sys.executable, "-c", SAVER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(saves):
            assert writer.stdout.readline() == "saved\n"
        writer.kill()
    (interaction,) = load(path).interactions
    assert interaction.response.body in {b"1" * 200_000, b"2" * 200_000}
    save(dialogue(), path)
    assert [file.name for file in tmp_path.iterdir()] == ["x.yaml"]
