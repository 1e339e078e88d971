"""`tokentape up` as a user runs it, for end-to-end tests: real processes on free ports.

    with running_proxy(upstream_url) as proxy:
        client = anthropic.Anthropic(base_url=proxy.base_url, ...)
        assert proxy.metrics()["tokentape_requests_total", ("model", "...")] == 1

Whatever a test does, no process is left behind.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import psutil
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

PATIENCE = 30.0
"""Seconds until a wait for something that must happen fails the test."""

_CPU = "tokentape_worker_cpu_seconds_total"

Sample = tuple[str, frozenset[tuple[str, str]]]

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Metrics(dict[Sample, float]):
    """One scrape: values by name and labels."""

    def value(self, name: str, **labels: str) -> float:
        """The sum over all samples of this name that carry at least these labels; 0 without any."""
        wanted = frozenset(labels.items())
        return sum(value for (sample, has), value in self.items() if sample == name and wanted <= has)

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Sums by the values of one label, those of 0 left out."""
        sums: dict[str, float] = {}
        wanted = frozenset(labels.items())
        for (sample, has), value in self.items():
            if sample == name and wanted <= has and value:
                key = dict(has)[label]
                sums[key] = sums.get(key, 0) + value
        return sums


def parse_metrics(text: str) -> Metrics:
    """Read the plain text format."""
    return Metrics(
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
    )


def get(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """GET a URL, whatever its status, without the environment's proxies."""
    request = urllib.request.Request(url, headers=dict(headers or {}))
    try:
        with _direct.open(request, timeout=PATIENCE) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def eventually(condition: Callable[[], object], what: str = "it") -> None:
    """Wait until a condition about other processes holds; fail the test when it does not in time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {PATIENCE:.0f} s")
        time.sleep(0.01)


def _known(metrics: Metrics) -> float:
    return metrics.value("tokentape_requests_total") + metrics.value("tokentape_unmetered_calls_total")


class RunningProxy:
    """A supervisor and its processes."""

    def __init__(self, process: subprocess.Popen[str], base_url: str, metrics_url: str) -> None:
        self.process = process
        self.base_url = base_url
        self.metrics_url = metrics_url
        self._seen: set[psutil.Process] = set()
        self.processes()

    @property
    def proxy_url(self) -> str:
        """The same as `base_url`."""
        return self.base_url

    @property
    def admin_url(self) -> str:
        """Where `/healthz` and `/readyz` are."""
        return self.metrics_url.removesuffix("/metrics")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the proxy, for plain sockets."""
        host, _, port = self.base_url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def metrics(self) -> Metrics:
        """A scrape of true values: sets that nobody saw yet are not shown at 0 first."""
        status, body = get(f"{self.metrics_url}?settled=1")
        assert status == 200, body
        return parse_metrics(body.decode())

    def after(self, calls: int) -> Metrics:
        """A scrape once so many calls since the observer's start are metered, or counted as unmetered."""
        return self._scrape_when(lambda latest: _known(latest) >= calls, f"the metering of {calls} calls")

    def settled(self) -> Metrics:
        """A scrape once every call that was ever carried is metered or counted as unmetered.

        For a test that does not know how many. Workers say once a second what they have carried, and
        their CPU time with it: the scrape waits for news from each.
        """
        before = self.metrics().by(_CPU, "worker")

        def complete(latest: Metrics) -> bool:
            now = latest.by(_CPU, "worker")
            fresh = now.keys() >= before.keys() and all(now[slot] != before.get(slot) for slot in now)
            carried = latest.value("tokentape_worker_carried_requests_total")
            return fresh and carried == _known(latest) and not latest.value("tokentape_inflight_requests")

        return self._scrape_when(complete, "the metering of every carried call")

    def settled_in_ledger(self, sent: int, kept: Callable[[], int]) -> Metrics:
        """A scrape once every call sent is in the ledger (`kept` asks it) or counted as unmetered."""
        latest = Metrics()

        def holds() -> bool:
            nonlocal latest
            latest = self.metrics()
            return kept() + latest.value("tokentape_unmetered_calls_total") >= sent

        eventually(holds, f"the settling of {sent} calls")
        return latest

    def _scrape_when(self, condition: Callable[[Metrics], bool], what: str) -> Metrics:
        latest = Metrics()

        def holds() -> bool:
            nonlocal latest
            latest = self.metrics()
            return condition(latest)

        eventually(holds, what)
        return latest

    def health(self) -> dict[str, Any]:
        """What one of the workers says of itself."""
        status, body = get(f"{self.base_url}/.tokentape/healthz")
        assert status == 200, body
        answer: dict[str, Any] = json.loads(body)
        return answer

    def processes(self) -> list[psutil.Process]:
        """The supervisor's children that are alive now, oldest first."""
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.process.pid).children()
            alive = [child for child in children if _alive(child)]
            self._seen.update(alive)
            return sorted(alive, key=psutil.Process.create_time)
        return []

    def worker_pids(self) -> list[int]:
        """Process ids of the relay workers, oldest first."""
        return [child.pid for child in self.processes() if _kind(child) == "worker"]

    def observer_pid(self) -> int:
        """Process id of the observer; 0 while there is none."""
        return next((child.pid for child in self.processes() if _kind(child) == "observer"), 0)

    def kill_observer(self) -> None:
        """kill -9 the observer and wait until its successor answers and every worker has found it."""
        before, workers = self.observer_pid(), len(self.worker_pids())
        os.kill(before, signal.SIGKILL)
        eventually(lambda: self.observer_pid() not in {0, before}, "the observer's restart")
        eventually(lambda: self._connected_workers() == workers, "the workers' return")

    def _connected_workers(self) -> int:
        status, body = get(f"{self.admin_url}/healthz")
        return json.loads(body)["workers"] if status == 200 else 0

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask the supervisor to end, and wait; its exit status."""
        self.processes()
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def orphans(self) -> list[psutil.Process]:
        """Processes of this proxy that are still alive, whatever became of the supervisor."""
        return [process for process in self._seen if _alive(process)]

    def clean_up(self) -> None:
        """Leave nothing behind."""
        self.processes()
        for process in (
            *self._seen,
            psutil.Process(self.process.pid) if self.process.poll() is None else None,
        ):
            if process is not None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait(PATIENCE)


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kind(process: psutil.Process) -> str:
    try:
        command = process.cmdline()
    except psutil.NoSuchProcess:
        return ""
    return (
        command[command.index("tokentape.cli.processes") + 1] if "tokentape.cli.processes" in command else ""
    )


@functools.cache
def _data_home() -> str:
    """A folder for a user's data, so that no test writes into the developer's own ledger."""
    folder = tempfile.mkdtemp(prefix="tokentape-data-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def clean_environment(**changes: str) -> dict[str, str]:
    """This environment without what would steer tokentape or an SDK, and without forward proxies."""
    dropped = ("TOKENTAPE_", "ANTHROPIC_", "OTEL_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    own = {"XDG_DATA_HOME": _data_home()}
    return (
        {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")} | own | changes
    )


@contextlib.contextmanager
def running_proxy(
    upstream: str,
    *options: str,
    environment: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> Generator[RunningProxy]:
    """`tokentape up --upstream UPSTREAM OPTIONS`, ready; stopped at the end if the test has not done so."""
    with tempfile.TemporaryDirectory(prefix="tokentape-test-") as folder:
        kept = clean_environment() if environment is None else environment
        changed = {**kept, "TMPDIR": folder, "XDG_DATA_HOME": folder}
        yield from _running(_command(upstream, options), changed, cwd)


def _running(
    command: list[str], environment: dict[str, str], cwd: str | os.PathLike[str] | None
) -> Generator[RunningProxy]:
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        base_url = process.stdout.readline().strip().removeprefix("export ANTHROPIC_BASE_URL=")
        metrics_url = process.stdout.readline().strip().removeprefix("metrics ")
        if not metrics_url:
            raise AssertionError(f"tokentape up ended with status {process.wait(PATIENCE)}")
        proxy = RunningProxy(process, base_url, metrics_url)
        try:
            yield proxy
            if process.poll() is None:
                proxy.stop()
        finally:
            proxy.clean_up()


def _command(upstream: str, options: Sequence[str]) -> list[str]:
    """Free ports come first, so that a test's own options win."""
    ports = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    return [sys.executable, "-m", "tokentape.cli.main", "up", *ports, "--upstream", upstream, *options]
