"""A real PostgreSQL for tests that need one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tokentape.proxy.ledger.location import Location, locate

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _programs() -> Path:
    on_path = shutil.which("initdb")
    for folder in _PROGRAMS + ([Path(on_path).resolve().parent] if on_path else []):
        if (folder / "createdb").exists():
            return folder
    reason = "PostgreSQL is not installed (Debian package postgresql)"
    if os.environ.get("TOKENTAPE_CI_STRICT") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


class Postgres:
    """A server on a Unix socket, with nothing kept safe on disk: it is for tests."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs = programs
        self.folder = folder
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._databases = 0

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        subprocess.run(command, check=True, user=self._user, cwd=self.folder, capture_output=True)

    def start(self) -> None:
        options = f"-c listen_addresses='' -k {self.folder} -c fsync=off -c shared_buffers=16MB"
        data, log = str(self.folder / "data"), str(self.folder / "log")
        self.run("pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", "immediate", "stop")

    def new(self) -> Location:
        """A database that nothing is in."""
        self._databases += 1
        name = f"ledger{self._databases}"
        self.run("createdb", "-h", str(self.folder), "-U", "postgres", name)
        return locate(f"postgresql://postgres@/{name}?host={self.folder}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as name:
        server = Postgres(programs, Path(name))
        if os.geteuid() == 0:
            shutil.chown(name, "postgres")
        server.run("initdb", "-D", f"{name}/data", "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")
        server.start()
        yield server
        server.stop()
