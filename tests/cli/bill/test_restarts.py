"""The bill over restarts and deaths: spend goes on exactly, and no call is lost without being counted."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import signal
import sqlite3
import threading
from contextlib import closing
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.support.bill import MILLICENTS, SONNET, ask, kept, report, whole
from tests.support.proxy import clean_environment, eventually, running_proxy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.billed_upstream import BilledUpstream
    from tests.support.proxy import RunningProxy


def test_spend_goes_on_exactly_over_a_restart_and_known_sets_are_there_at_zero(
    upstream: BilledUpstream, ledger: str
) -> None:
    for restarts in range(2):
        with running_proxy(upstream.url, "--ledger", ledger) as proxy:
            if restarts:
                cost = ("model", "claude-sonnet-4"), ("project", "checkout"), ("kind", "input")
                assert proxy.metrics()["tokentape_cost_usd_total", frozenset(cost)] == 0
                eventually(
                    lambda: proxy.metrics().value("tokentape_spend_usd", project="checkout"), "a spend"
                )
            ask(proxy, SONNET, {"input_tokens": 100_000, "output_tokens": 0}, project="checkout")
            eventually(partial(has_spent, proxy, 0.3 * (restarts + 1)), "the new spend")
            assert proxy.metrics().value("tokentape_cost_usd_total") == pytest.approx(0.3)


def has_spent(proxy: RunningProxy, usd: float) -> bool:
    """Today and this month."""
    spent = proxy.metrics().by("tokentape_spend_usd", "window", project="checkout")
    return spent == pytest.approx({"day": usd, "month": usd})


@pytest.mark.slow
def test_killed_observers_leave_a_ledger_that_is_whole_and_every_call_is_in_it_or_unmetered(
    upstream: BilledUpstream, ledger: str
) -> None:
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        for _ in range(4):
            for _ in range(10):
                ask(proxy, SONNET, MILLICENTS)
            os.kill(proxy.observer_pid(), signal.SIGKILL)
            assert whole(ledger)
            eventually(proxy.observer_pid, "a new observer")
        metrics = proxy.settled_in_ledger(40, lambda: kept(ledger))
        unmetered = int(metrics.value("tokentape_unmetered_calls_total"))
    total = report(ledger)["total"]
    assert total["calls"] + unmetered == 40
    assert total["usd"] == Decimal("0.003") * total["calls"]


@pytest.mark.slow
def test_killing_everything_at_once_loses_only_the_last_calls(upstream: BilledUpstream, ledger: str) -> None:
    """What is in the ledger has no gap. How much time the end of it lacks is measured by a benchmark."""
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        sent = threading.Thread(target=send_until_it_fails, args=(proxy,))
        sent.start()
        eventually(lambda: kept(ledger) > 50, "fifty rows")
        for process in proxy.processes():
            process.kill()
        proxy.process.kill()
        sent.join()
    assert whole(ledger)
    numbers = sorted(int(row["label:number"]) for row in report(ledger, "--by", "number")["rows"])
    assert numbers == list(range(len(numbers)))
    assert report(ledger)["total"]["usd"] == Decimal("0.003") * len(numbers)


def send_until_it_fails(proxy: RunningProxy) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        for number in itertools.count():
            ask(proxy, SONNET, MILLICENTS, number=str(number))


def test_without_a_price_table_calls_go_on_and_are_unpriced_with_the_reason(
    upstream: BilledUpstream, ledger: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['genai_prices'] = None\n")
    environment = clean_environment(PYTHONPATH=str(tmp_path))
    with running_proxy(upstream.url, "--ledger", ledger, environment=environment) as proxy:
        ask(proxy, SONNET, MILLICENTS)
        metrics = proxy.after(1)
    assert metrics.by("tokentape_priced_calls_total", "status") == {"unpriced": 1}
    assert metrics.by("tokentape_sink_errors_total", "sink") == {"pricing": 1}
    assert metrics.by("tokentape_tokens_total", "kind") == {"input": 1000}
    (row,) = report(ledger)["rows"]
    assert (row["unpriced"], row["usd"], row["input_tokens"]) == (1, None, 1000)
    with closing(sqlite3.connect(ledger)) as connection:
        (bill,) = connection.execute("SELECT bill FROM calls").fetchone()
    assert bill == '{"reasons":["pricing_failed"]}'
