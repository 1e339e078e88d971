from __future__ import annotations

from tokentape.proxy.telemetry.sets import UNBORN, Amount, Distribution, Exemplar, tick


def distribution() -> Distribution:
    return Distribution(("m",), 'model="m"', 0.0, (1.0, 2.0))


def test_a_value_falls_into_the_first_bucket_that_holds_it() -> None:
    times = distribution()
    for value in (0.5, 1.0, 1.5, 2.0, 2.5):
        times.observe(value)
    assert (times.counts, times.sum) == ([2, 2, 1], 7.5)


def test_the_last_exemplar_of_each_bucket_stays() -> None:
    times = distribution()
    times.observe_exemplar(0.1, "t1", "r1", 10.0)
    times.observe_exemplar(0.2, "t2", "r2", 11.0)
    times.observe_exemplar(9.0, "", "r3", 12.0)
    assert times.exemplars == {0: Exemplar("t2", "r2", 0.2, 11.0), 2: Exemplar("", "r3", 9.0, 12.0)}
    assert (times.counts, times.sum) == ([2, 0, 1], 0.1 + 0.2 + 9.0)


def test_nothing_is_born_by_being_made() -> None:
    assert (Amount(("m",), "", 0.0).born, distribution().born) == (UNBORN, UNBORN)


def test_ticks_rise() -> None:
    assert tick() < tick() < UNBORN
