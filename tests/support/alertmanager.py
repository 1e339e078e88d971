"""A real Alertmanager for tests: started on a free port, asked over its own API."""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.prometheus import free_port, require, until

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """A running Alertmanager."""

    port: int

    def active(self) -> dict[str, dict[str, Any]]:
        """Alerts that it holds for active, by name: labels and annotations."""
        url = f"http://127.0.0.1:{self.port}/api/v2/alerts?active=true"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return {alert["labels"]["alertname"]: alert for alert in json.load(answer)}

    def ready(self) -> bool:
        try:
            self.active()
        except OSError:
            return False
        return True


@contextlib.contextmanager
def run_alertmanager(folder: Path, config: Path) -> Generator[Alertmanager]:
    """Alertmanager with this configuration, until the block ends."""
    program, port = require("prometheus-alertmanager"), free_port()
    command = [
        program,
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=error",
    ]
    with (folder / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        found = Alertmanager(port)
        until("Alertmanager is ready", lambda: process.poll() is not None or found.ready())
        assert process.poll() is None, (folder / "alertmanager.log").read_text()
        yield found
    finally:
        process.kill()
        process.wait()
