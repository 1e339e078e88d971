"""Sums over a run, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tokentape.cli.totals import Totals, read_totals

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"calls": "x"}'])
def test_an_unreadable_file_counts_as_nothing(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "totals.json"
    if content is not None:
        path.write_bytes(content)
    assert read_totals(path) == Totals()
