"""Spools: written in parts, read by another, and nowhere to be found."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tokentape.recorder.recording.spool import Spool, read_spool

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_in_parts_is_read_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    parts = [bytes([number % 256]) * number for number in range(1500)]
    spool.append([b"...."])
    spool.append(parts)
    spool.patch(b"head")
    assert spool.size == 4 + sum(map(len, parts))
    assert read_spool(os.dup(spool.fileno()), spool.size) == b"head" + b"".join(parts)
    spool.close()


def test_it_has_no_name(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([b"sk-ant-secret"])
    assert list(tmp_path.iterdir()) == []
    assert os.fstat(spool.fileno()).st_nlink == 0
    spool.close()


def test_it_outlives_its_writer_for_whoever_holds_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([b"kept"])
    heir = os.dup(spool.fileno())
    spool.close()
    assert read_spool(heir, 4) == b"kept"


def test_one_that_is_shorter_than_it_should_be_is_an_error(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([b"abc"])
    with pytest.raises(OSError, match="ends after 3"):
        read_spool(os.dup(spool.fileno()), 4)
    spool.close()
