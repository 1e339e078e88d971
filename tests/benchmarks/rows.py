"""The rows: what is sent, how hard, who is measured, what the figure is, and what its floor is."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from tests.benchmarks import traffic
from tests.benchmarks.first_event import open_streams
from tests.benchmarks.load import Load
from tests.benchmarks.paced import paced
from tests.benchmarks.results import Floor, at_least, at_most, below, exact, none_unmetered
from tests.benchmarks.traffic import Traffic
from tests.benchmarks.wrk import wrk

if TYPE_CHECKING:
    from tests.benchmarks.load import Carried, Running
    from tests.benchmarks.measure import Round

ALL = ("direct", "nginx", "tokentape", "mitmdump", "litellm")
MakeLoad = Callable[[Traffic, float], Load]
"""From what is sent, and for how many seconds."""


class Entry(msgspec.Struct, frozen=True):
    """One line of a row: a contender under a load."""

    label: str
    contender: str
    load: MakeLoad


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row."""

    name: str
    claim: str
    traffic: Traffic
    entries: tuple[Entry, ...]
    figure: Callable[[Round], float]
    unit: str
    floors: dict[str, tuple[Floor, ...]]
    """By label."""
    seconds: float = 5.0
    rounds: int = 3


def _everyone(load: MakeLoad, contenders: tuple[str, ...] = ALL) -> tuple[Entry, ...]:
    return tuple(Entry(name, name, load) for name in contenders)


def _wrk(connections: int) -> MakeLoad:
    return lambda what, seconds: wrk(what, connections=connections, seconds=seconds)


def _observer_stopped(make: MakeLoad) -> MakeLoad:
    """The load while the observer is stopped by SIGSTOP; it goes on when the load has ended."""

    def make_stopped(what: Traffic, seconds: float) -> Load:
        load = make(what, seconds)

        def stopped(running: Running) -> Carried:
            assert running.observer is not None
            os.kill(running.observer, signal.SIGSTOP)
            try:
                return load(running)
            finally:
                os.kill(running.observer, signal.SIGCONT)

        return stopped

    return make_stopped


def _metered_rate(measured: Round) -> float:
    return measured.metered_rate


def _carried_rate(measured: Round) -> float:
    return measured.carried_rate


def _p50_microseconds(measured: Round) -> float:
    return measured.carried.p50 * 1e6


def _observer_microseconds(measured: Round) -> float:
    assert measured.metering is not None
    return measured.metering.observer_cpu / max(measured.metering.metered, 1) * 1e6


def _p99_milliseconds(measured: Round) -> float:
    return measured.carried.p99 * 1e3


_SLOTS, _EVENTS_PER_SECOND, _EVENTS = 64, 100, 50
_STOPPED = "tokentape, observer stopped"
_BELOW = "tokentape, 32 connections"

ROWS = (
    Row(
        name="unary",
        claim="4 KB in, 1 KB out, 32 connections",
        traffic=traffic.unary(4096),
        entries=_everyone(_wrk(32)),
        figure=_metered_rate,
        unit="metered calls/s",
        floors={"tokentape": (at_least(0.20, "nginx"), at_least(8, "mitmdump"))},
    ),
    Row(
        name="latency",
        claim="4 KB in, 1 KB out, one connection: p50 of the whole call",
        # One connection does not need a fast upstream, and a reply from memory comes within 13 µs: two
        # processes on one core then, with nothing to wait for, which is no latency that anybody has.
        traffic=traffic.unary(4096, repeat=False),
        entries=_everyone(_wrk(1)),
        figure=_p50_microseconds,
        unit="µs",
        floors={"tokentape": (at_most(2.5, "direct"),)},
        # Short and often: the kernel's choice of processors changes the figure severalfold.
        seconds=3.0,
        rounds=9,
    ),
    Row(
        name="observer",
        claim="4 KB in, 1 KB out, 32 connections: CPU of the observer, with bill and ledger, per call",
        traffic=traffic.unary(4096),
        entries=_everyone(_wrk(32), ("tokentape", "recording")),
        figure=_observer_microseconds,
        unit="µs",
        floors={"tokentape": (below(100, "µs"), exact)},
    ),
    Row(
        name="large",
        claim="200 KB in, 1 KB out, 32 connections",
        traffic=traffic.unary(200_000),
        entries=_everyone(_wrk(32)),
        figure=_metered_rate,
        unit="metered calls/s",
        floors={"tokentape": (at_least(0.5, "nginx"),)},
    ),
    Row(
        name="streams",
        claim="streams of 200 events, an upstream write each, 32 connections",
        traffic=traffic.stream(200),
        entries=_everyone(_wrk(32)),
        figure=_metered_rate,
        unit="metered streams/s",
        floors={"tokentape": (at_least(0.55, "nginx"), at_least(4, "mitmdump"))},
    ),
    Row(
        name="recording",
        claim="streams of 200 events, an upstream write each, 32 connections, while all is recorded",
        traffic=traffic.stream(200),
        entries=_everyone(_wrk(32), ("nginx", "tokentape", "recording")),
        figure=_metered_rate,
        unit="metered streams/s",
        floors={"recording": (at_least(0.5, "nginx"), none_unmetered)},
    ),
    Row(
        name="first-event",
        claim="64 open streams at 100 events/s each: p99 of the time to a new stream's first event",
        traffic=traffic.stream(_EVENTS, per_second=_EVENTS_PER_SECOND),
        entries=_everyone(
            lambda what, seconds: open_streams(
                what, slots=_SLOTS, length=_EVENTS / _EVENTS_PER_SECOND, seconds=seconds
            )
        ),
        figure=_p99_milliseconds,
        unit="ms",
        floors={"tokentape": (at_most(1.5, "nginx"),)},
        seconds=10.0,
    ),
    Row(
        name="steady",
        claim="4 KB in, 1 KB out, a steady 5,000 calls/s on 64 connections",
        traffic=traffic.unary(4096),
        entries=_everyone(lambda what, seconds: paced(what, rate=5000, seconds=seconds), ("tokentape",)),
        figure=_metered_rate,
        unit="metered calls/s",
        floors={"tokentape": (none_unmetered,)},
        seconds=60.0,
        rounds=1,
    ),
    Row(
        name="saturation",
        claim="4 KB in, 1 KB out, 256 connections: what is carried, and that the counts stay exact",
        traffic=traffic.unary(4096),
        entries=(
            Entry("nginx", "nginx", _wrk(256)),
            Entry(_BELOW, "tokentape", _wrk(32)),
            Entry("tokentape", "tokentape", _wrk(256)),
            Entry(_STOPPED, "tokentape", _observer_stopped(_wrk(256))),
        ),
        figure=_carried_rate,
        unit="carried calls/s",
        floors={
            "tokentape": (at_least(0.9, _BELOW), exact),
            _STOPPED: (at_least(0.9, "tokentape"), exact),
        },
    ),
)
