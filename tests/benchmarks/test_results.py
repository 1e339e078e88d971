"""The figures mean what the policy says, whatever the machine."""

from __future__ import annotations

import msgspec
import pytest
from tests.benchmarks.counts import Counts, Progress, counts_of
from tests.benchmarks.load import Carried
from tests.benchmarks.measure import Metering, Round, metering_of
from tests.benchmarks.percentile import percentile
from tests.benchmarks.results import Line, Verdict, at_least, at_most, exact, none_unmetered
from tests.benchmarks.traffic import stream, unary

NOTHING = Counts(metered=0, well=0, unmetered=0, carried=0, inflight=0, observer_started=1.0)


def measured(calls: int = 1000, *, in_time: int | None = None, lag: float = 0.0, unmetered: int = 0) -> Round:
    """A round of two seconds; nobody meters where `in_time` is `None`."""
    metering = None
    if in_time is not None:
        metering = Metering(
            in_time=in_time,
            lag=lag,
            late=0,
            unmetered=unmetered,
            exact=True,
            observer_cpu=0.1,
            metered=calls - unmetered,
            before=NOTHING,
            after=NOTHING,
        )
    return Round(carried=Carried(calls=calls, seconds=2.0), served=calls, cpu=0.05, metering=metering)


def line(label: str, *figures: float, rounds: tuple[Round, ...] = ()) -> Line:
    return Line(label=label, figures=figures, rounds=rounds)


def test_only_calls_metered_in_time_count_and_catching_up_counts_as_time() -> None:
    assert measured(1000, in_time=900, lag=0.5).metered_rate == 900 / 2.5


def test_a_call_that_the_load_generator_did_not_count_does_not_count() -> None:
    """wrk stopped with 30 calls under way: 10 of them ended well, 20 were cut off."""
    after = msgspec.structs.replace(NOTHING, metered=1030, well=1010, carried=1030)
    metering = metering_of(NOTHING, after, Progress(metered=1010, lag=0.0), 1000, 0.1)
    assert (metering.in_time, metering.late, metering.metered, metering.exact) == (1000, 0, 1030, True)


def test_a_call_metered_later_than_a_second_after_the_load_is_late() -> None:
    after = msgspec.structs.replace(NOTHING, metered=900, well=900, unmetered=100, carried=1000)
    metering = metering_of(NOTHING, after, Progress(metered=700, lag=1.0), 1000, 0.1)
    assert (metering.in_time, metering.late, metering.unmetered, metering.exact) == (700, 200, 100, True)


def test_who_does_not_meter_is_measured_by_what_it_carried() -> None:
    assert measured(1000).metered_rate == 500


def test_a_ratio_compares_rounds_that_were_measured_side_by_side() -> None:
    """The machine was ten times as fast in the last round: that says nothing about either."""
    assert line("a", 50, 40, 500).ratio(line("b", 100, 100, 1000)) == 0.5


def test_a_line_sums_its_rounds_up() -> None:
    both = line("a", 1, 2, rounds=(measured(1000, in_time=1000), measured(3000, in_time=2500, unmetered=500)))
    assert (both.carried, both.metered, both.late, both.unmetered, both.exact) == (4000, 3500, 0, 500, True)
    assert both.worker_microseconds == pytest.approx(0.1 / 4000 * 1e6)
    assert both.observer_microseconds == pytest.approx(0.2 / 3500 * 1e6)


def test_a_line_of_somebody_who_does_not_meter_has_no_such_counts() -> None:
    plain = line("nginx", 1, rounds=(measured(1000),))
    assert (plain.metered, plain.late, plain.unmetered, plain.exact) == (None, None, None, None)
    assert plain.observer_microseconds is None


def test_a_floor_is_met_missed_or_not_measured() -> None:
    ours, lines = line("tokentape", 30), {"nginx": line("nginx", 100)}
    assert at_least(0.2, "nginx")(ours, lines) == Verdict("≥ 0.2 x nginx", True, 0.3)
    assert at_least(0.5, "nginx")(ours, lines) == Verdict("≥ 0.5 x nginx", False, 0.3)
    assert at_most(0.3, "nginx")(ours, lines) == Verdict("≤ 0.3 x nginx", True, 0.3)
    assert at_least(8, "mitmdump")(ours, lines) == Verdict("≥ 8 x mitmdump", None)


@pytest.mark.parametrize("unmetered", [0, 1])
def test_one_unmetered_call_is_one_too_many(unmetered: int) -> None:
    ours = line("tokentape", 1, rounds=(measured(1000, in_time=1000 - unmetered, unmetered=unmetered),))
    assert none_unmetered(ours, {}).met is (unmetered == 0)
    assert exact(ours, {}).met is True


def test_counts_are_sums_over_all_labels_of_a_scrape() -> None:
    page = """
# TYPE tokentape_requests_total counter
tokentape_requests_total{endpoint="/v1/messages",outcome="ok"} 7
tokentape_requests_total{endpoint="/v1/messages",outcome="client_abort"} 2
# TYPE tokentape_unmetered_calls_total counter
tokentape_unmetered_calls_total{reason="buffer_full"} 3
tokentape_unmetered_calls_total{reason="observer_lost"} 1
# TYPE tokentape_worker_carried_requests_total counter
tokentape_worker_carried_requests_total{worker="relay-0"} 13
# TYPE tokentape_inflight_requests gauge
tokentape_inflight_requests 0
# TYPE tokentape_observer_start_timestamp_seconds gauge
tokentape_observer_start_timestamp_seconds 1.5
"""
    counts = counts_of(page)
    assert counts == Counts(metered=9, well=7, unmetered=4, carried=13, inflight=0, observer_started=1.5)
    assert counts.exact


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, percent) for percent in (50, 99, 100)] == [50.0, 99.0, 100.0]
    assert percentile([], 99) == 0.0


@pytest.mark.parametrize("size", [4096, 200_000])
def test_a_request_is_as_large_as_its_row_says(size: int) -> None:
    assert len(unary(size).body) == size


def test_a_stream_is_paced_by_tokens() -> None:
    assert stream(50, per_second=100).behaviour["tokens_per_second"] == 400
