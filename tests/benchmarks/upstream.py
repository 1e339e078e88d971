"""The upstream of every row: the project's own stand-in, in a process of its own."""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING

from tests.benchmarks.children import HOST, StartError, child
from tests.benchmarks.load import Running

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Generator
    from pathlib import Path

    from tests.benchmarks.traffic import Traffic


@contextmanager
def upstream(traffic: Traffic, folder: Path) -> Generator[Running]:
    """The stand-in, answering as `traffic` wants; it is also the contender `direct`."""
    log = folder / "upstream.log"
    command = (sys.executable, "-m", "tokentape.recorder.standin", "--port", "0")
    with child((*command, "--behaviour", json.dumps(traffic.behaviour)), log) as process:
        yield Running(name="direct", port=_announced_port(process, log))


def _announced_port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"listening on http://[^:]+:(\d+)", log.read_text("utf-8", "replace"))
        if found:
            return int(found[1])
        time.sleep(0.02)
    raise StartError(f"the stand-in upstream did not start: {log.read_text('utf-8', 'replace').strip()}")


def served(running: Running) -> int:
    """Requests that the stand-in has answered to the last byte, by its own count."""
    connection = HTTPConnection(HOST, running.port, timeout=30)
    try:
        connection.request("GET", "/.standin/totals")
        totals = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return int(totals["tokens"]["calls"])
