"""The cache is never stale, never in the way, private and bounded."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.recorder.cassette.dialogue import dialogue

from tokentape.recorder.cassette import cache
from tokentape.recorder.cassette.cache import LEAST, entry_for

if TYPE_CHECKING:
    from pathlib import Path

FILE = b"x" * LEAST
CASSETTE = dialogue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_what_was_kept_is_there(folder: Path) -> None:
    assert entry_for(FILE, folder).cassette() is None
    entry_for(FILE, folder).keep(CASSETTE)
    assert entry_for(FILE, folder).cassette() == CASSETTE


def test_other_bytes_are_another_entry(folder: Path) -> None:
    entry_for(FILE, folder).keep(CASSETTE)
    assert entry_for(FILE[:-1] + b"y", folder).cassette() is None


def test_another_reader_is_another_entry(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry_for(FILE, folder).keep(CASSETTE)
    monkeypatch.setattr(cache, "_reader", lambda: b"a later version")
    assert entry_for(FILE, folder).cassette() is None


def test_a_small_file_has_no_entry(folder: Path) -> None:
    entry = entry_for(FILE[1:], folder)
    entry.keep(CASSETTE)
    entry.keep_derived("index", 1, b"data")
    assert entry.cassette() is None
    assert entry.derived("index", 1) is None
    assert not folder.exists()


def test_what_was_derived_is_kept_by_name_and_version(folder: Path) -> None:
    entry = entry_for(FILE, folder)
    entry.keep_derived("index", 1, b"one")
    entry.keep_derived("index", 2, b"")
    again = entry_for(FILE, folder)
    assert [again.derived("index", version) for version in (1, 2, 3)] == [b"one", b"", None]
    assert entry_for(FILE + b"!", folder).derived("index", 1) is None


@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_damaged_entry_is_as_if_it_were_not_there(folder: Path, at: int) -> None:
    entry = entry_for(FILE, folder)
    entry.keep(CASSETTE)
    (file,) = folder.iterdir()
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)
    assert entry.cassette() is None
    entry.keep(CASSETTE)
    assert entry.cassette() == CASSETTE


@pytest.mark.parametrize("data", [b"", b"abc", b"\0\0\0\0"])
def test_an_entry_that_was_cut_off_is_as_if_it_were_not_there(folder: Path, data: bytes) -> None:
    entry = entry_for(FILE, folder)
    entry.keep(CASSETTE)
    (file,) = folder.iterdir()
    file.write_bytes(data)
    assert entry.cassette() is None


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_entries_are_private(folder: Path) -> None:
    entry_for(FILE, folder).keep(CASSETTE)
    (file,) = folder.iterdir()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, file)] == [0o700, 0o600]


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    entry = entry_for(FILE, tmp_path / "file" / "cache")
    entry.keep(CASSETTE)
    assert entry.cassette() is None


def test_the_folder_is_bounded_and_what_was_used_longest_ago_goes_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [entry_for(FILE + str(n).encode(), folder) for n in range(6)]
    for age, entry in enumerate(entries):
        entry.keep_derived("index", 1, b"x" * 200)
        for file in folder.glob(f"{entry._key}.*"):
            os.utime(file, (age, age))
    entries[0].derived("index", 1)  # used now
    monkeypatch.setattr(cache, "MOST", 1000)
    entries[-1].keep_derived("other", 1, b"y" * 200)
    kept = [n for n, entry in enumerate(entries) if entry.derived("index", 1) is not None]
    assert kept == [0, 4, 5]
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 1000


def test_what_is_too_large_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST", 1000)
    entry_for(FILE, folder).keep_derived("index", 1, b"x" * 251)
    assert not folder.exists()


def test_an_entry_lies_under_the_users_cache_unless_told_otherwise() -> None:
    entry_for(FILE).keep(CASSETTE)
    assert entry_for(FILE, cache.default_folder()).cassette() == CASSETTE


BUSY = """
import sys
from pathlib import Path
from tokentape.recorder.cassette.cache import LEAST, entry_for
from tokentape.recorder.cassette.interaction import Cassette, Interaction, Request, Response
request = Request(method="POST", uri="https://x/", body=b"x" * 100_000)
cassette = Cassette(interactions=(Interaction(request=request, response=Response(status=200)),))
for turn in range(100):
    entry = entry_for(b"x" * LEAST + bytes([turn % 5]), Path(sys.argv[1]))
    assert entry.cassette() in (None, cassette)
    entry.keep(cassette)
    assert entry.cassette() in (None, cassette)
"""


def test_many_processes_at_once_read_whole_entries_only(folder: Path) -> None:
    command = (sys.executable, "-c", BUSY, str(folder))
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[1] for process in processes] == [""] * 3
    assert [file for file in folder.iterdir() if file.suffix == ".tmp"] == []
