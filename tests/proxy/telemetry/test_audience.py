from __future__ import annotations

from tokentape.proxy.telemetry.audience import MAX_SCRAPERS, Audience


def test_before_anybody_came_nothing_was_seen() -> None:
    assert Audience().last_seen("a", "b") == 0


def test_a_scraper_has_seen_what_it_last_scraped() -> None:
    audience = Audience()
    audience.saw(5, "connection 1", "host")
    audience.saw(9, "connection 2", "host")
    assert audience.last_seen("connection 1", "host") == 5


def test_a_new_connection_of_a_known_host_takes_over_what_that_host_saw() -> None:
    audience = Audience()
    audience.saw(5, "connection 1", "host")
    audience.saw(7, "elsewhere", "other host")
    assert audience.last_seen("connection 3", "host") == 5


def test_a_stranger_takes_over_what_was_last_shown_to_anyone() -> None:
    audience = Audience()
    audience.saw(5, "connection 1", "host")
    audience.saw(7, "elsewhere", "other host")
    assert audience.last_seen("connection 9", "third host") == 7


def test_scrapes_that_arrive_out_of_order_never_turn_back() -> None:
    audience = Audience()
    audience.saw(7, "connection", "host")
    audience.saw(5, "connection", "host")
    assert (audience.last_seen("connection"), audience.last_seen("stranger")) == (7, 7)


def test_only_so_many_scrapers_are_remembered_the_latest_ones() -> None:
    audience = Audience()
    for number in range(MAX_SCRAPERS + 10):
        audience.saw(number + 1, number)
    assert audience.last_seen(10) == 11
    assert audience.last_seen(9) == MAX_SCRAPERS + 10  # forgotten, so a stranger
