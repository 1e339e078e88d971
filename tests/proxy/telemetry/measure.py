"""What the metrics cost: `python -m tests.proxy.telemetry.measure`. Numbers to read, none to pass."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from tests.proxy.telemetry.test_limits import everything
from tests.support.calls import make_open_call, varied_calls

from tokentape.proxy.telemetry.exposition import View, exposition
from tokentape.proxy.telemetry.prometheus import PrometheusSink
from tokentape.proxy.telemetry.sets import tick

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 20_000


def cpu_microseconds(act: Callable[[], object], rounds: int) -> float:
    act()
    begin = time.process_time()
    for _ in range(rounds):
        act()
    return (time.process_time() - begin) / rounds * 1e6


def main() -> None:
    registry = CollectorRegistry()
    sink = PrometheusSink(registry, models=[f"claude-current-{n}" for n in range(20)])
    stream, *_, plain = varied_calls("claude-sonnet-4-5", "default")
    for name, call in (("stream with every kind of block, 6 tools", stream), ("plain reply", plain)):
        opened = make_open_call(call)

        def both() -> None:
            sink.opened(opened)  # noqa: B023 - called before the next round
            sink.closed(call)  # noqa: B023 - same

        print(f"one call, {name}: {cpu_microseconds(both, ROUNDS):.1f} µs")
    print(
        f"one added latency: {cpu_microseconds(lambda: sink.added_latency('request', 1e-5), ROUNDS):.2f} µs"
    )
    registry = everything()
    for name, openmetrics in (("OpenMetrics", True), ("plain text", False)):
        print(f"one scrape of 8 models in 20 projects, {name}: {scrape(registry, openmetrics=openmetrics)}")
    spent = cpu_microseconds(lambda: generate_latest(registry), 1) / 1000
    print(f"the same by prometheus_client: {spent:.1f} ms")


def scrape(registry: CollectorRegistry, *, openmetrics: bool) -> str:
    now = tick()
    view = View(openmetrics, now, now)
    text = exposition(registry, view)
    spent = cpu_microseconds(lambda: exposition(registry, view), 5) / 1000
    return f"{spent:.1f} ms, {len(text.splitlines())} lines, {len(text) / 1e6:.1f} MB"


if __name__ == "__main__":
    main()
