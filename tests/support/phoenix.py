"""A real Phoenix (https://github.com/Arize-ai/phoenix), which shows spans of language models, for tests.

It lives in an environment of its own, `.phoenix` in the checkout: `make receivers` installs it. A first start
makes its database in twenty seconds, so that is kept there for the next one. Its gRPC port is open on all
interfaces, which Phoenix gives no choice about.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.components import missing, wait_until
from tests.support.ports import closed_port
from tests.support.proxy import clean_environment, get

if TYPE_CHECKING:
    from collections.abc import Generator

HOME = Path(__file__).parents[2] / ".phoenix"
_DATABASE = HOME / "empty.db"
_PATIENCE = 180.0
"""Seconds; a first start on a busy machine takes more than one minute."""


class Phoenix:
    """A running Phoenix."""

    def __init__(self, url: str, grpc: str) -> None:
        self.url = url
        """Of its REST API, and for OTLP over HTTP."""
        self.grpc = grpc
        """For OTLP over gRPC."""

    def spans(self, project: str) -> list[dict[str, Any]]:
        """All spans of a project, as its REST API gives them; none where it does not know the project."""
        status, body = get(f"{self.url}/v1/projects/{project}/spans?limit=1000")
        found: list[dict[str, Any]] = json.loads(body)["data"] if status == 200 else []
        return found


@contextlib.contextmanager
def running_phoenix(folder: Path) -> Generator[Phoenix]:
    """A Phoenix that keeps its data in a folder; without one installed a skip, and a failure in CI."""
    program = HOME / "bin" / "phoenix"
    if not program.exists():
        missing("Phoenix is not installed (make receivers)")
    if _DATABASE.exists():
        shutil.copy(_DATABASE, folder / "phoenix.db")
    http, grpc = closed_port(), closed_port()
    environment = clean_environment(
        PHOENIX_WORKING_DIR=str(folder),
        PHOENIX_HOST="127.0.0.1",
        PHOENIX_PORT=str(http),
        PHOENIX_GRPC_PORT=str(grpc),
        PHOENIX_TELEMETRY_ENABLED="false",
        HOME=str(folder),
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve"], env=environment, stdout=log, stderr=log)
        try:
            phoenix = Phoenix(f"http://127.0.0.1:{http}", f"http://127.0.0.1:{grpc}")
            _wait(process, phoenix, folder)
            yield phoenix
        finally:
            process.terminate()
            process.wait(_PATIENCE)


def _wait(process: subprocess.Popen[bytes], phoenix: Phoenix, folder: Path) -> None:
    wait_until("Phoenix answers", lambda: process.poll() is not None or _answers(phoenix), _PATIENCE)
    assert process.poll() is None, (folder / "log").read_text()[-2000:]
    if not _DATABASE.exists():
        copied = _DATABASE.with_suffix(f".{process.pid}")
        source, copy = sqlite3.connect(folder / "phoenix.db"), sqlite3.connect(copied)
        with contextlib.closing(source), contextlib.closing(copy):
            source.backup(copy)
        copied.rename(_DATABASE)


def _answers(phoenix: Phoenix) -> bool:
    with contextlib.suppress(OSError):
        return get(f"{phoenix.url}/healthz")[0] == 200
    return False
