from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry
from tests.support.metrics import series, total

from tokentape.proxy.telemetry import process
from tokentape.proxy.telemetry.instruments import Instruments
from tokentape.proxy.telemetry.process import add_process_metrics, resident_bytes


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    add_process_metrics(Instruments(registry, clock=lambda: 12.5))
    return registry


def test_what_runs_is_named(registry: CollectorRegistry) -> None:
    assert series(registry, "tokentape_build_info", "version", "python") == {
        (metadata.version("tokentape"), platform.python_version()): 1
    }


def test_the_start_is_when_the_metrics_began(registry: CollectorRegistry) -> None:
    assert total(registry, "tokentape_observer_start_timestamp_seconds") == 12.5


def test_cpu_time_only_grows(registry: CollectorRegistry) -> None:
    first = total(registry, "tokentape_observer_cpu_seconds_total")
    sum(range(10_000))
    assert 0 < first <= total(registry, "tokentape_observer_cpu_seconds_total")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux' /proc")
def test_memory_is_what_the_system_says() -> None:
    assert resident_bytes() == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)


def test_memory_is_absent_where_the_system_does_not_say(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process, "_STATM", tmp_path / "none")
    assert series(registry, "tokentape_observer_resident_memory_bytes") == {}


def test_a_version_that_is_not_installed_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> str:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "version", missing)
    assert process.version() == "unknown"
