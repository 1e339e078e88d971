"""A real Prometheus for tests: started on a free port, asked over its own API."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")

NEWER = "TOKENTAPE_PROMETHEUS"
"""Environment variable: a folder with another prometheus and promtool than the system's."""
PACKAGES = {
    "chromium": "chromium",
    "amtool": "prometheus-alertmanager",
    "prometheus-alertmanager": "prometheus-alertmanager",
}
"""Debian packages of programs that are not in `prometheus`."""

PATIENCE = 60.0
"""Seconds until a condition that never comes fails a test."""


def require(program: str) -> str:
    """Where a real component is installed; without it, a skip, and a failure in CI."""
    newer = os.environ.get(NEWER)
    found = (newer and shutil.which(program, path=newer)) or shutil.which(program)
    if found is None:
        reason = f"{program} is not installed (Debian package {PACKAGES.get(program, 'prometheus')})"
        if os.environ.get("TOKENTAPE_CI_STRICT") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def until(what: str, condition: Callable[[], T | None]) -> T:
    """The first true answer of the condition."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"waited {PATIENCE:g} s in vain until {what}")


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def api(self, path: str, **parameters: str | float) -> Any:
        """The `data` of an API answer."""
        with urllib.request.urlopen(
            f"{self.url}/api/v1/{path}?{urlencode(parameters)}", timeout=10
        ) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str, **parameters: str | float) -> list[tuple[dict[str, str], float]]:
        """Labels and values of an instant query."""
        result = self.api("query", query=expression, **parameters)["result"]
        return [(series["metric"], float(series["value"][1])) for series in result]

    def course(self, expression: str, **parameters: str | float) -> list[tuple[dict[str, str], list[float]]]:
        """Labels and values of a range query; `start`, `end` and `step` are seconds."""
        result = self.api("query_range", query=expression, **parameters)["result"]
        return [(series["metric"], [float(value) for _, value in series["values"]]) for series in result]

    def value(self, expression: str, **parameters: str | float) -> float | None:
        """The value of a query that gives at most one series."""
        found = self.query(expression, **parameters)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def until_value(self, expression: str, expected: float) -> None:
        """Wait until a query gives this value."""
        until(f"{expression} is {expected}", lambda: self.value(expression) == expected)

    def exact_increase(self, selector: str) -> float:
        """`increase()` of one series without extrapolation: at the time of its last sample."""
        at = self.value(f"timestamp({selector})")
        assert at is not None, f"no sample of {selector}"
        increase = self.value(f"increase({selector}[1h])", time=at)
        assert increase is not None, f"fewer than two samples of {selector}"
        return increase

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def run_prometheus(
    folder: Path,
    jobs: Mapping[str, int],
    interval: str = "200ms",
    *,
    more: Mapping[str, Any] | None = None,
    flags: Sequence[str] = (),
) -> Generator[Prometheus]:
    """Prometheus with a scrape job for each loopback port, until the block ends.

    Args:
        folder: of its configuration, its log and its data (`tsdb`, which may be there already).
        jobs: ports by name of the job.
        interval: between two scrapes, and between two evaluations of rules.
        more: of the configuration, such as `rule_files`.
        flags: of the command.
    """
    program, port = require("prometheus"), free_port()
    scrapes = [
        {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
        for name, target in jobs.items()
    ]
    config = {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "evaluation_interval": interval,
        },
        "scrape_configs": scrapes,
        **(more or {}),
    }
    (folder / "prometheus.yml").write_text(json.dumps(config), encoding="ascii")  # JSON is YAML
    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
        *flags,
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        prometheus = Prometheus(port)
        until("Prometheus is ready", lambda: process.poll() is not None or prometheus.ready())
        assert process.poll() is None, (folder / "prometheus.log").read_text()
        yield prometheus
    finally:
        process.kill()
        process.wait()
