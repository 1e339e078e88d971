"""Whatever the disk does, traffic and metrics go on; rows wait, and what finds no room is counted."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.support.bill import MILLICENTS, SONNET, ask, kept, report, whole
from tests.support.proxy import eventually, running_proxy

if TYPE_CHECKING:
    from tests.support.billed_upstream import BilledUpstream
    from tests.support.postgres import Postgres
    from tests.support.proxy import Metrics, RunningProxy

pytestmark = pytest.mark.slow
LOST = "tokentape_ledger_lost_calls_total"


def metered(proxy: RunningProxy, calls: int) -> Metrics:
    """Make so many calls, which must all be carried, metered and priced."""
    before = proxy.metrics().value("tokentape_requests_total")
    for _ in range(calls):
        ask(proxy, SONNET, MILLICENTS)
    metrics = proxy.after(int(before) + calls)
    assert metrics.value("tokentape_unmetered_calls_total") == 0
    assert metrics.value("tokentape_cost_usd_total") == pytest.approx(0.003 * (before + calls))
    return metrics


def test_a_locked_ledger_is_waited_for(upstream: BilledUpstream, ledger: str) -> None:
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        metered(proxy, 1)
        eventually(lambda: kept(ledger) == 1, "the first row")
        with contextlib.closing(sqlite3.connect(ledger, isolation_level=None)) as locker:
            locker.execute("BEGIN EXCLUSIVE")
            metered(proxy, 20)
            assert kept(ledger) == 1
            locker.execute("ROLLBACK")
        eventually(lambda: kept(ledger) == 21, "the rows that waited")
        assert proxy.metrics().by(LOST, "reason") == {}


def test_what_is_still_locked_at_the_end_is_counted_and_said(
    upstream: BilledUpstream, ledger: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        metered(proxy, 1)
        eventually(lambda: kept(ledger) == 1, "the first row")
        with contextlib.closing(sqlite3.connect(ledger, isolation_level=None)) as locker:
            locker.execute("BEGIN EXCLUSIVE")
            metered(proxy, 5)
            assert proxy.stop() == 0
    assert kept(ledger) == 1
    assert whole(ledger)
    said = capfd.readouterr().err
    assert f"The ledger {ledger} cannot be used now (database is locked)" in said
    assert "5 calls are missing from the ledger." in said


def test_a_ledger_that_is_taken_away_is_made_anew(upstream: BilledUpstream, ledger: str) -> None:
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        metered(proxy, 2)
        eventually(lambda: kept(ledger) == 2, "the first rows")
        for file in Path(ledger).parent.glob("ledger*"):
            file.unlink()
        metered(proxy, 3)
        eventually(lambda: kept(ledger) == 3, "a new ledger")
    assert whole(ledger)


@pytest.mark.skipif(sys.platform != "linux", reason="/sys is a folder in which nobody can make a file")
def test_a_place_that_cannot_be_written_costs_the_ledger_and_nothing_else(
    upstream: BilledUpstream, capfd: pytest.CaptureFixture[str]
) -> None:
    with running_proxy(upstream.url, "--ledger", "/sys/tokentape/ledger.sqlite3") as proxy:
        metered(proxy, 5)
        assert proxy.metrics().by("tokentape_spend_usd", "project") == {}
        proxy.clean_up()
    assert "The ledger /sys/tokentape/ledger.sqlite3 cannot be used now (" in capfd.readouterr().err


def test_a_place_that_opens_later_is_waited_for(upstream: BilledUpstream, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.write_text("a file where a folder should be", encoding="utf-8")
    ledger = str(place / "ledger.sqlite3")
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        metered(proxy, 5)
        place.unlink()
        eventually(lambda: kept(ledger) == 5, "the rows that waited")
        assert proxy.metrics().by(LOST, "reason") == {}
    assert whole(ledger)


@pytest.mark.skipif(sys.platform != "linux", reason="limits the files of another process")
def test_a_full_disk_is_waited_for(upstream: BilledUpstream, ledger: str) -> None:
    """A limit on the size of files is what a full disk is to a process."""
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        metered(proxy, 1)
        eventually(lambda: kept(ledger) == 1, "the first row")
        observer = psutil.Process(proxy.observer_pid())
        before = observer.rlimit(psutil.RLIMIT_FSIZE)
        observer.rlimit(psutil.RLIMIT_FSIZE, (1024, before[1]))
        metered(proxy, 50)
        assert (kept(ledger), whole(ledger)) == (1, True)
        observer.rlimit(psutil.RLIMIT_FSIZE, before)
        eventually(lambda: kept(ledger) == 51, "the rows that waited")
        assert proxy.metrics().by(LOST, "reason") == {}
    assert whole(ledger)


def test_a_database_that_goes_away_is_waited_for(upstream: BilledUpstream, postgres: Postgres) -> None:
    url = postgres.new().url.set(drivername="postgresql").render_as_string(hide_password=False)
    with running_proxy(upstream.url, "--ledger", url) as proxy:
        metered(proxy, 1)
        eventually(lambda: kept(url) == 1, "the first row")
        postgres.stop()
        try:
            metered(proxy, 5)
        finally:
            postgres.start()
        eventually(lambda: kept(url) == 6, "the rows that waited")


def test_a_ledger_of_a_later_version_is_left_as_it_is(upstream: BilledUpstream, ledger: str) -> None:
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        metered(proxy, 1)
    with contextlib.closing(sqlite3.connect(ledger)) as connection, connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    before = Path(ledger).read_bytes()
    with running_proxy(upstream.url, "--ledger", ledger) as proxy:
        metered(proxy, 2)
        proxy.clean_up()
    assert Path(ledger).read_bytes() == before


def test_several_proxies_share_a_file(upstream: BilledUpstream, ledger: str) -> None:
    with contextlib.ExitStack() as stack:
        proxies = [
            stack.enter_context(running_proxy(upstream.url, "--ledger", ledger, "--workers", "2"))
            for _ in range(3)
        ]
        for number, proxy in enumerate(proxies):
            metered(proxy, 10 + number)
        eventually(lambda: kept(ledger) == 33, "all rows")
        eventually(
            lambda: all(
                proxy.metrics().value("tokentape_spend_usd", project="_all", window="day")
                == pytest.approx(0.099)
                for proxy in proxies
            ),
            "the same spend in all",
        )
        ledgers = {next(iter(proxy.metrics().by("tokentape_spend_usd", "ledger"))) for proxy in proxies}
        assert len(ledgers) == 1
    (row,) = report(ledger, "--by", "credential")["rows"]
    assert row["calls"] == 33, "one salt: the same key has the same hash in every proxy"
    shutil.rmtree(Path(ledger).parent)
