"""One living set-up for all tests of the gate: proxy, upstream, Prometheus, and traffic that is over."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.dashboards.gate import traffic
from tests.dashboards.gate.gate import DAY_BUDGET, MONTH_BUDGET, Stand
from tests.support.prometheus import require, run_prometheus, until
from tests.support.proxy import running_proxy
from tests.support.upstream import standin_process

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.support.prometheus import Prometheus


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stand]:
    """Traffic twice, the second time with a project that nobody saw before; then one last scrape."""
    yield from living(tmp_path_factory.mktemp("gate"))


def living(folder: Path) -> Generator[Stand]:
    """The set-up, for as long as the generator is not closed."""
    require("prometheus")
    ledger = str(folder / "ledger.sqlite3")
    budget = f"day={DAY_BUDGET:g},month={MONTH_BUDGET:g}"
    with (
        standin_process() as upstream,
        running_proxy(upstream, "--ledger", ledger, "--budget", budget) as proxy,
        run_prometheus(folder, {"tokentape": urlsplit(proxy.metrics_url).port or 0}, "1s") as prometheus,
    ):
        _scraped(prometheus)
        traffic.play(proxy.base_url)
        _scraped(prometheus)
        with traffic.Hanging(proxy.base_url):
            for model in (traffic.SONNET, traffic.OPUS):
                traffic.call(proxy.base_url, traffic.LATE, {"output_tokens": 300}, model=model)
            traffic.play(proxy.base_url)
            traffic.near_limits(proxy.base_url)
            _scraped(prometheus)
        proxy.settled()
        yield Stand(prometheus, proxy, ledger, _scraped(prometheus))


def _scraped(prometheus: Prometheus) -> float:
    """The time of the second scrape from now on: it shows all that has happened by now."""
    expression = "timestamp(tokentape_build_info)"
    before = prometheus.value(expression) or 0.0
    return until("it is scraped twice", lambda: _later(prometheus.value(expression), before))


def _later(now: float | None, before: float) -> float | None:
    return now if now is not None and now > before + 1.5 else None
