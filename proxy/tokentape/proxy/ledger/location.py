"""Where a ledger is: a file's path, or the URL of a PostgreSQL database."""

from __future__ import annotations

import os
import stat
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec
from platformdirs import user_data_path
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from tokentape.proxy.ledger.errors import LedgerError

FILE_NAME: Final = "ledger.sqlite3"
NO_DRIVER: Final = "A PostgreSQL ledger needs psycopg: pip install 'tokentape[postgres]'."


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of the two is set."""

    path: Path | None = None
    postgres: URL | None = None

    @property
    def url(self) -> URL:
        """For SQLAlchemy."""
        return self.postgres or URL.create("sqlite", database=str(self.path))

    def __str__(self) -> str:
        """For people: without the password."""
        return self.postgres.render_as_string(hide_password=True) if self.postgres else str(self.path)


def locate(named: str | None = None) -> Location:
    """What `--ledger` means; by default a file in the platform's folder for a user's data.

    Raises:
        LedgerError: a URL of another kind, or no URL at all, or what speaks to its database is not installed.
    """
    if not named:
        return Location(path=user_data_path("tokentape") / FILE_NAME)
    if "://" not in named:
        return Location(path=Path(named).expanduser().absolute())
    try:
        url = make_url(named)
    except (ArgumentError, ValueError):
        raise LedgerError("The ledger's URL is not one: write postgresql://user@host/database.") from None
    if url.drivername.partition("+")[0] in {"postgresql", "postgres"}:
        if not _installed("psycopg"):
            raise LedgerError(NO_DRIVER)
        return Location(postgres=url.set(drivername="postgresql+psycopg"))
    raise LedgerError(f"A ledger is a file or a postgresql:// URL, not {url.drivername}://.")


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # Somebody has put nothing in its place.
        return False


def make_private(path: Path) -> None:
    """Make the file and its folder where they are missing, for their owner only.

    An existing file is never opened for this: closing it would drop the locks that SQLite holds on it
    elsewhere in this process (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        _close_to_others(path)


def _close_to_others(path: Path) -> None:
    """SQLite gives its -wal and -shm files the mode of the database itself."""
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        try:
            found = file.stat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077 and found.st_uid == os.geteuid():
            file.chmod(0o600)
