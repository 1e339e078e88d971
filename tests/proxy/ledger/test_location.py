"""Where a ledger is, and who may read it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tests.proxy.ledger.cases import priced, writing

from tokentape.proxy.ledger.errors import LedgerError
from tokentape.proxy.ledger.location import locate, make_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_by_default_it_is_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    found = locate().path
    assert found is not None
    assert (found.name, found.parent.name) == ("ledger.sqlite3", "tokentape")
    assert found.is_relative_to(tmp_path)


def test_a_path_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert locate("l.db").path == tmp_path / "l.db"
    assert locate("~/l.db").path == Path("/home/me/l.db")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_postgresql_url_is_one_and_its_password_is_never_shown(scheme: str) -> None:
    found = locate(f"{scheme}://me:s3cret@db:5433/ledger")
    assert str(found) == "postgresql+psycopg://me:***@db:5433/ledger"
    assert found.url.render_as_string(hide_password=False) == "postgresql+psycopg://me:s3cret@db:5433/ledger"


@pytest.mark.parametrize(
    ("url", "reason"),
    [("mysql://me:s3cret@db/ledger", "not mysql://"), ("postgresql://me:s3cret@db:port/l", "not one|is not")],
)
def test_any_other_url_is_refused_without_its_password(url: str, reason: str) -> None:
    with pytest.raises(LedgerError, match=reason) as refused:
        locate(url)
    assert "s3cret" not in str(refused.value)


def test_only_the_owner_can_read_any_file_of_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = tmp_path / "new"
        with writing(locate(str(folder / "l.db"))) as sink:
            sink.closed(*priced(0))
            from tests.proxy.ledger.cases import until

            until("it is written", lambda: sink.waiting == 0)
            modes = {path.name: mode(path) for path in folder.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["l.db", "l.db-wal", "l.db-shm"], 0o600)
    assert mode(folder) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "l.db"
    file.touch()
    file.chmod(0o644)
    make_private(file)
    assert mode(file) == 0o600
