"""A real VictoriaMetrics for tests: takes metrics over OTLP, answers PromQL.

Debian 12 has one that takes no OTLP yet: `make receivers` then puts the next Debian's into the checkout, as
`.victoria-metrics`, without installing it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.support.components import missing, wait_until
from tests.support.ports import closed_port
from tests.support.proxy import get

if TYPE_CHECKING:
    from collections.abc import Generator

_OWN = Path(__file__).parents[2] / ".victoria-metrics" / "usr" / "bin" / "victoria-metrics"


def program() -> str:
    """A VictoriaMetrics that takes OTLP; without one a skip, and a failure in CI."""
    candidates = filter(None, [shutil.which("victoria-metrics"), str(_OWN) if _OWN.exists() else None])
    found = next((path for path in candidates if _takes_otlp(path)), None)
    return found or missing("a VictoriaMetrics that takes OTLP is not installed (make receivers)")


def _takes_otlp(path: str) -> bool:
    """Whether it has a flag about it; Debian's builds do not know their own version."""
    answer = subprocess.run([path, "-help"], capture_output=True, text=True, check=False)
    return "-opentelemetry." in answer.stdout + answer.stderr


class VictoriaMetrics:
    """A running VictoriaMetrics."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.otlp = f"{url}/opentelemetry/v1/metrics"
        """Where metrics are pushed."""

    def query(self, promql: str) -> dict[tuple[tuple[str, str], ...], float]:
        """An instant query: values by labels."""
        # Data of the last moment is searchable once it is flushed.
        assert get(f"{self.url}/internal/force_flush")[0] == 200
        status, body = get(f"{self.url}/api/v1/query?{urlencode({'query': promql, 'latency_offset': '1ms'})}")
        assert status == 200, body
        result = json.loads(body)["data"]["result"]
        return {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in result}


@contextlib.contextmanager
def running_victoria_metrics(folder: Path) -> Generator[VictoriaMetrics]:
    """A VictoriaMetrics on a loopback port that keeps its data in a folder."""
    port = closed_port()
    command = [program(), f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            server = VictoriaMetrics(f"http://127.0.0.1:{port}")
            wait_until("VictoriaMetrics answers", lambda: process.poll() is not None or _answers(server))
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            yield server
        finally:
            process.terminate()
            process.wait(60)


def _answers(server: VictoriaMetrics) -> bool:
    with contextlib.suppress(OSError):
        return get(f"{server.url}/health")[0] == 200
    return False
