"""Metrics of the observer process itself, read when a scrape asks."""

from __future__ import annotations

import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentape.proxy.telemetry.instruments import Instruments

_STATM = Path("/proc/self/statm")


def resident_bytes() -> int | None:
    """Resident memory of this process in bytes, by Linux' proc(5); `None` on other systems."""
    try:
        pages = int(_STATM.read_text("ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def version() -> str:
    """The version of tokentape that runs."""
    try:
        return metadata.version("tokentape")
    except metadata.PackageNotFoundError:
        return "unknown"


def _memory() -> Iterable[tuple[tuple[str, ...], float]]:
    resident = resident_bytes()
    return [] if resident is None else [((), resident)]


def add_process_metrics(instruments: Instruments) -> None:
    """Let the metrics about this process be computed."""
    started, build = instruments.clock(), (version(), platform.python_version())
    instruments.compute("tokentape_build_info", lambda: [(build, 1)])
    instruments.compute("tokentape_observer_start_timestamp_seconds", lambda: [((), started)])
    instruments.compute("tokentape_observer_cpu_seconds_total", lambda: [((), time.process_time())])
    instruments.compute("tokentape_observer_resident_memory_bytes", _memory)
