"""What the values of options may look like, from a string and from TOML."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.cli import values
from tokentape.cli.values import Address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8585", "127.0.0.1", 8585),
        ("localhost:0", "localhost", 0),
        ("[::1]:65535", "::1", 65535),
        (" 0.0.0.0:80 ", "0.0.0.0", 80),
    ],
)
def test_an_address_is_host_and_port(text: str, host: str, port: int) -> None:
    assert values.address(text) == Address(host, port)
    assert str(values.address(text)) == text.strip()


@pytest.mark.parametrize(
    "value",
    ["", "8585", ":8585", "localhost", "localhost:", "a:b", "h:65536", "::1:80", "http://h:1", 8585, None],
)
def test_anything_else_is_no_address(value: object) -> None:
    with pytest.raises(ValueError, match=f"must be HOST:PORT.*not {re.escape(repr(value))}$"):
        values.address(value)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *[(host, True) for host in ("127.0.0.1", "127.8.8.8", "localhost", "::1")],
        *[(host, False) for host in ("0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.example.com")],
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, loopback: bool) -> None:  # noqa: FBT001 - a case
    assert Address(host, 1).loopback is loopback


@pytest.mark.parametrize(
    ("host", "reachable"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.1", "10.0.0.1")]
)
def test_a_wildcard_is_reached_through_loopback(host: str, reachable: str) -> None:
    assert Address(host, 7).reachable == Address(reachable, 7)


@pytest.mark.parametrize("value", [True, "1", "true", "YES", "on"])
def test_a_switch_is_on(value: object) -> None:
    assert values.switch(value) is True


@pytest.mark.parametrize("value", [False, "0", "False", "no", "OFF"])
def test_a_switch_is_off(value: object) -> None:
    assert values.switch(value) is False


@pytest.mark.parametrize("value", ["", "maybe", 1, 0, None, ["true"]])
def test_a_switch_is_nothing_in_between(value: object) -> None:
    with pytest.raises(ValueError, match=r"^must be true or false, not "):
        values.switch(value)


@pytest.mark.parametrize(
    ("value", "read"),
    [("a,b", ("a", "b")), (" a , ,b,", ("a", "b")), ("", ()), (["a", " b "], ("a", "b")), ([], ())],
)
def test_names_are_a_list_or_a_text_with_commas(value: object, read: tuple[str, ...]) -> None:
    assert values.names(value) == read


@pytest.mark.parametrize("value", [1, None, {"a": "b"}, ["a", 1]])
def test_names_are_nothing_else(value: object) -> None:
    with pytest.raises(ValueError, match=r"^must be a list of texts, not "):
        values.names(value)


@given(st.integers(1, 64))
def test_a_count_is_read_from_text_and_from_toml(number: int) -> None:
    read = values.count(1, 64)
    assert (read(number), read(str(number))) == (number, number)


@pytest.mark.parametrize("value", [0, 65, -1, "0", "x", "", 1.0, "1.5", True, None, [1]])
def test_a_count_out_of_range_or_no_count_is_refused(value: object) -> None:
    with pytest.raises(
        ValueError, match=f"must be a whole number from 1 to 64, not {re.escape(repr(value))}$"
    ):
        values.count(1, 64)(value)


@given(st.floats(0, 100))
def test_an_amount_is_read_from_text_and_from_toml(number: float) -> None:
    read = values.amount(0, 100, "seconds")
    assert (read(number), read(repr(number))) == (number, number)


@pytest.mark.parametrize("value", [-1, "-0.5", 101, "nan", "inf", float("nan"), "x", "", True, None, "1e9"])
def test_an_amount_out_of_range_or_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^must be a number of seconds from 0 to 100, not "):
        values.amount(0, 100, "seconds")(value)


def test_labels_are_pairs() -> None:
    assert values.labels("team=search,tier=a=b") == ("team=search", "tier=a=b")
    assert values.labels(["team=search, and more"]) == ("team=search, and more",)


@pytest.mark.parametrize("value", ["team", "=x", "team=", "1team=x", "te am=x", ["a=b", "c"]])
def test_what_is_no_pair_is_named(value: object) -> None:
    with pytest.raises(ValueError, match=r"^must be KEY=VALUE, such as team=search, not '"):
        values.labels(value)


@pytest.mark.parametrize("value", ["", "  ", 1, None, ["x"]])
def test_a_text_is_not_empty(value: object) -> None:
    with pytest.raises(ValueError, match=r"^must be a text that is not empty, not "):
        values.text(value)


@pytest.mark.parametrize(
    ("value", "read"),
    [("cut; stall:after=1,every=2", ("cut; stall:after=1,every=2",)), (["a", "b"], ("a", "b"))],
)
def test_specs_are_taken_as_they_are(value: object, read: tuple[str, ...]) -> None:
    assert values.specs(value) == read


@pytest.mark.parametrize("value", ["", " ", 7, None, [7]])
def test_anything_else_is_no_spec(value: object) -> None:
    with pytest.raises(ValueError, match="must be a text"):
        values.specs(value)


def test_conditions_are_pairs_whose_value_may_be_nothing() -> None:
    assert values.conditions("model=a,credential=") == ("model=a", "credential=")
    assert values.conditions(["team==1,2"]) == ("team==1,2",)


@pytest.mark.parametrize("value", ["model", "=a", ["a=b", "c"]])
def test_what_is_no_condition_is_named(value: object) -> None:
    with pytest.raises(ValueError, match=r"^must be NAME=VALUE, such as model=claude-sonnet-5, not '"):
        values.conditions(value)


def test_a_choice_is_one_of_its_words() -> None:
    read = values.choice("table", "csv")
    assert read("csv") == "csv"
    for value in ("CSV", "", None, 1, ["csv"]):
        with pytest.raises(ValueError, match=f"^must be one of table, csv, not {re.escape(repr(value))}$"):
            read(value)


@pytest.mark.parametrize(
    "value", ["day=20, month=400.50", {"day": 20, "month": 400.5}, {"day": "20", "month": "400.5"}]
)
def test_a_budget_is_usd_by_window(value: object) -> None:
    assert values.budget(value) == {"day": Decimal(20), "month": Decimal("400.5")}


@pytest.mark.parametrize(
    "value",
    ["day", "week=3", "day=-1", "day=0", "day=1e3", "day=nan", {"day": True}, {"day": None}, 3, ["day=1"]],
)
def test_what_is_no_budget_is_named(value: object) -> None:
    with pytest.raises(ValueError, match=r"^must be day=USD,month=USD, such as day=20,month=400, not "):
        values.budget(value)


def test_budgets_are_tables_by_project() -> None:
    assert values.budgets({"checkout": {"day": 5}}) == {"checkout": {"day": Decimal(5)}}
    with pytest.raises(ValueError, match=r"^must be a table of projects"):
        values.budgets("checkout")


def test_a_time_zone_is_one_that_exists() -> None:
    assert values.timezone(" Europe/Berlin ") == "Europe/Berlin"
    for value in ("Mars/Base", "../UTC", "/etc/passwd"):
        with pytest.raises(ValueError, match=r"^must be a time zone, such as Europe/Berlin, not "):
            values.timezone(value)


def test_a_web_address_is_http_or_nothing_and_is_not_repeated_since_it_may_be_a_secret() -> None:
    assert values.web_address("https://hooks.example/secret") == "https://hooks.example/secret"
    assert values.web_address("") == ""
    for value in ("ftp://x", "hooks.example/secret", "https://"):
        with pytest.raises(ValueError, match=r"^must be an http:// or https:// URL$"):
            values.web_address(value)


def test_prices_of_ones_own_are_checked_where_they_are_read() -> None:
    table = {"discount": 10, "models": {"m": {"input": 2}}}
    assert values.prices(table) == table
    with pytest.raises(ValueError, match=r"^is wrong: Unknown key 'inputs' in models\.\"m\": known are "):
        values.prices({"models": {"m": {"inputs": 2}}})
