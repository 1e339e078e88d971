"""What tokentape itself says it has done: the counts of /metrics that a benchmark needs."""

from __future__ import annotations

import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from tests.benchmarks.children import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client.samples import Sample

IN_TIME_SECONDS = 1.0
"""A call that is metered later than this after the end of the load does not count."""
_SETTLE_SECONDS = 30.0
_POLL_SECONDS = 0.05


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """One scrape, summed over all labels."""

    metered: int
    """Calls understood, whatever their outcome."""
    well: int
    """Calls understood that ended well."""
    unmetered: int
    carried: int
    """Calls carried, as the workers said at most a second ago."""
    inflight: int
    observer_started: float

    @property
    def exact(self) -> bool:
        """Every call that was carried is in exactly one of the two other counts.

        False for good once the observer has been replaced: what it metered began anew.
        """
        return self.carried == self.metered + self.unmetered and not self.inflight


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What was metered of a load."""

    metered: int
    """Calls that ended well and were metered in time."""
    lag: float
    """Seconds after the end of the load until the last of them was."""


def read_counts(admin: int) -> Counts:
    """Scrape /metrics on a loopback port."""
    connection = HTTPConnection(HOST, admin, timeout=30)
    try:
        connection.request(
            "GET", "/metrics", headers={"accept": "text/plain", "user-agent": "tokentape-bench"}
        )
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    return counts_of(text)


def counts_of(text: str) -> Counts:
    """The counts in a page of Prometheus' text format."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def total(name: str, where: Callable[[Sample], bool] = lambda _: True) -> int:
        return int(sum(each.value for each in samples if each.name == name and where(each)))

    return Counts(
        metered=total("tokentape_requests_total"),
        well=total("tokentape_requests_total", lambda sample: sample.labels["outcome"] == "ok"),
        unmetered=total("tokentape_unmetered_calls_total"),
        carried=total("tokentape_worker_carried_requests_total"),
        inflight=total("tokentape_inflight_requests"),
        observer_started=sum(
            each.value for each in samples if each.name == "tokentape_observer_start_timestamp_seconds"
        ),
    )


def await_in_time(admin: int, before: Counts, calls: int) -> Progress:
    """Watch the observer catch up with `calls`, but not for longer than `IN_TIME_SECONDS`.

    To be called at the moment the load ends.
    """
    ended = time.monotonic()
    while True:
        now = read_counts(admin)
        lag = time.monotonic() - ended
        done = now.metered + now.unmetered - before.metered - before.unmetered >= calls
        if done or lag >= IN_TIME_SECONDS:
            return Progress(metered=now.well - before.well, lag=lag)
        time.sleep(min(_POLL_SECONDS, IN_TIME_SECONDS - lag))


def await_settled(admin: int, carried: int = 0) -> Counts:
    """The counts once at least `carried` calls were, and each is metered or unmetered.

    After 30 s, the counts as they are.
    """
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        now = read_counts(admin)
        if (now.exact and now.carried >= carried) or time.monotonic() > deadline:
            return now
        time.sleep(_POLL_SECONDS)
