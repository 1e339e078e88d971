"""`tokentape report`: what it says of a small ledger, in every form."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from rich.console import Console
from tests.support.asked_ledger import OPUS, SONNET, make_ledger

from tokentape.cli.asking.out import print_whole
from tokentape.cli.asking.report_view import tables
from tokentape.cli.main import main
from tokentape.proxy.ledger.location import locate
from tokentape.proxy.ledger.queries import report as summed
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.selection import Selection

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tokentape.proxy.ledger.report import Report

ALL = ("--since", "2026-10-01")
NO_TIME = (
    "must be a length of time such as 7d, 24h or 30m, a day such as 2026-11-01, or a time such as "
    "2026-11-01T12:00"
)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_ledger(tmp_path_factory.mktemp("asked"))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def asked(ledger: str, *arguments: str, environment: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, ["report", "--ledger", ledger, *arguments], env=environment)


def report(ledger: str, *arguments: str) -> dict[str, Any]:
    result = asked(ledger, "--format", "json", *arguments)
    assert result.exit_code == 0, result.stderr
    read: dict[str, Any] = json.loads(result.stdout, parse_float=Decimal)
    return read


def calls_by(ledger: str, name: str, *arguments: str) -> dict[Any, int]:
    rows = report(ledger, *ALL, "--by", name, *arguments)["rows"]
    return {row[name if name in row else f"label:{name}"]: row["calls"] for row in rows}


def test_json_says_all_of_it_and_keeps_every_digit(ledger: str) -> None:
    """The names are public."""
    found = report(ledger, "--by", "model", "--month", "2026-10", "--where", "model=claude-opus-4")
    row = {
        "model": "claude-opus-4",
        "calls": 1,
        "errors": 0,
        "paid": 1,
        "estimated": 0,
        "unpriced": 0,
        "subscription": 0,
        "input_tokens": 1000,
        "cache_read_tokens": 10_000,
        "cache_write_5m_tokens": 0,
        "cache_write_1h_tokens": 2000,
        "output_tokens": 800,
        "thinking_tokens": 0,
        "web_searches": 0,
        "hit_ratio": Decimal("0.7692307692307693"),
        "usd": OPUS,
        "usd_per_call": OPUS,
        "estimated_share": 0,
        "unpriced_share": 0,
        "subscription_share": 0,
        "subscription_usd": 0,
        "savings_usd": Decimal("0.105"),
        "batch_savings_usd": 0,
        "wasted_usd": OPUS,
        "first_at": "2026-10-31T23:30:03Z",
        "last_at": "2026-10-31T23:30:03Z",
    }
    total = {key: value for key, value in row.items() if key != "model"}
    assert found == {
        "since": "2026-10-01T00:00:00Z",
        "until": "2026-11-01T00:00:00Z",
        "by": ["model"],
        "rows": [row],
        "total": total,
    }


def test_subscription_and_unpriced_calls_are_in_no_sum_of_money(ledger: str) -> None:
    total = report(ledger, *ALL)["total"]
    assert total["usd"] == SONNET * 2 + OPUS + SONNET / 2
    assert (total["subscription_usd"], total["wasted_usd"]) == (SONNET, OPUS + SONNET)
    assert (total["savings_usd"], total["batch_savings_usd"]) == (Decimal("0.105"), SONNET / 2)
    counts = ("calls", "errors", "paid", "estimated", "unpriced", "subscription")
    assert [total[name] for name in counts] == [7, 2, 5, 1, 1, 1]
    assert total["usd_per_call"] == total["usd"] / 5
    shares = [float(total[f"{name}_share"]) for name in counts[3:]]
    assert shares == pytest.approx([1 / 7] * 3)


def test_what_has_no_price_is_never_zero(ledger: str) -> None:
    where = ("--where", "model=claude-opus-4-10")
    found = report(ledger, *ALL, *where)
    assert [(row["usd"], row["usd_per_call"]) for row in (*found["rows"], found["total"])] == [
        (None, None)
    ] * 2
    (row,) = csv.DictReader(io.StringIO(asked(ledger, *ALL, *where, "--format", "csv").stdout))
    assert (row["usd"], row["unpriced"]) == ("", "1")


DIMENSIONS: dict[str, dict[Any, int]] = {
    "model": {"claude-sonnet-4": 5, "claude-opus-4": 1, "claude-opus-4-10": 1},
    "project": {"checkout": 1, "default": 6},
    "month": {"2026-10": 7},
    "day": {"2026-10-25": 2, "2026-10-31": 5},
    "hour": {"2026-10-25T00:00+00:00": 1, "2026-10-25T01:00+00:00": 1, "2026-10-31T23:00+00:00": 5},
    "user": {"aaaa": 1, None: 6},
    "session": {"s-one": 1, "s-two": 1, None: 5},
    "client": {"Anthropic/Python 2.12.0": 1, None: 6},
    "credential": {"old": 1, "new": 2, None: 4},
    "endpoint": {"/v1/messages": 6, "/v1/messages/batches/{id}/results": 1},
    "stop_reason": {"end_turn": 4, "max_tokens": 1, None: 2},
    "status": {200: 6, 429: 1},
    "batch": {"msgbatch_1": 1, None: 6},
    "outcome": {"ok": 5, "client_abort": 1, "api_error": 1},
    "engine": {"relay": 7},
    "bill": {"exact": 5, "estimated": 1, "unpriced": 1},
    "team": {"=1+1": 1, None: 6},
    "label:team": {"=1+1": 1, None: 6},
}


@pytest.mark.parametrize("name", DIMENSIONS)
def test_calls_are_summed_by_every_dimension_and_by_labels(ledger: str, name: str) -> None:
    assert calls_by(ledger, name) == DIMENSIONS[name]


@pytest.mark.parametrize("name", DIMENSIONS)
def test_rows_add_up_to_the_total_in_every_dimension(ledger: str, name: str) -> None:
    found = report(ledger, *ALL, "--by", name, "--what-if", "claude-haiku-4-5")
    for sum_of in ("usd", "calls", "subscription_usd", "what_if_usd", "output_tokens"):
        values = [row[sum_of] or Decimal(0) for row in found["rows"]]
        assert sum(values) == found["total"][sum_of], sum_of


def test_several_dimensions_come_in_the_order_asked_for_times_first_in_order(ledger: str) -> None:
    found = report(ledger, *ALL, "--by", "day,model")
    assert [(row["day"], row["model"]) for row in found["rows"]] == [
        ("2026-10-25", "claude-sonnet-4"),
        ("2026-10-31", "claude-opus-4"),
        ("2026-10-31", "claude-sonnet-4"),
        ("2026-10-31", "claude-opus-4-10"),
    ]


def test_days_hours_and_months_are_those_of_the_time_zone(ledger: str) -> None:
    """The hour that comes twice when the clock is put back has two names."""
    berlin = ("--timezone", "Europe/Berlin")
    assert calls_by(ledger, "hour", *berlin) == {
        "2026-10-25T02:00+02:00": 1,
        "2026-10-25T02:00+01:00": 1,
        "2026-11-01T00:00+01:00": 5,
    }
    assert calls_by(ledger, "day", *berlin) == {"2026-10-25": 2, "2026-11-01": 5}
    assert [report(ledger, "--month", m, *berlin)["total"]["calls"] for m in ("2026-10", "2026-11")] == [2, 5]
    assert report(ledger, "--month", "2026-10", *berlin)["until"] == "2026-10-31T23:00:00Z"
    half = report(ledger, "--since", "2026-11-01", "--until", "2026-11-01T00:30:04", *berlin)
    assert half["total"]["calls"] == 1


def test_a_credential_shows_its_first_and_last_use_so_that_an_old_key_is_seen(ledger: str) -> None:
    rows = {row["credential"]: row for row in report(ledger, *ALL, "--by", "credential")["rows"]}
    assert (rows["old"]["first_at"], rows["old"]["last_at"]) == (
        "2026-10-25T00:30:01Z",
        "2026-10-25T00:30:01Z",
    )
    assert (rows["new"]["first_at"], rows["new"]["last_at"]) == (
        "2026-10-25T01:30:02Z",
        "2026-10-31T23:30:03Z",
    )
    table = asked(ledger, *ALL, "--by", "credential").stdout
    assert "first use" in table.splitlines()[1]
    (line,) = (line for line in table.splitlines() if line.startswith("old"))
    assert line.endswith("2026-10-25 00:30  2026-10-25 00:30")
    berlin = asked(ledger, *ALL, "--by", "credential", "--timezone", "Europe/Berlin").stdout
    assert "2026-10-25 02:30  2026-10-25 02:30" in berlin
    assert berlin.splitlines()[-2].endswith(" Europe/Berlin")


def test_the_table_has_all_columns_and_a_row_of_totals(ledger: str) -> None:
    lines = asked(ledger, "--month", "2026-10", "--by", "model").stdout.splitlines()
    assert [line.rstrip() for line in lines] == TABLE.splitlines()


TABLE = """\
                                 cache  cache            hit             USD  esti-     un-            USD on
model             calls  input    read  write  output  ratio     USD  a call  mated  priced  subscr.  subscr.
─────────────────────────────────────────────────────────────────────────────────────────────────────────────
claude-opus-4         1  1,000  10,000  2,000     800  76.9%  0.1500  0.1500
claude-sonnet-4       5  2,000       0      0     800   0.0%  0.0112  0.0028  20.0%            20.0%   0.0045
claude-opus-4-10      1    500       0      0     200   0.0%                         100.0%

all                   7  3,500  10,000  2,000   1,800  64.5%  0.1612  0.0322  14.3%   14.3%    14.3%   0.0045

2026-10-01 00:00 to 2026-11-01 00:00 UTC
0.1050 USD saved by caching, 0.0022 USD saved by batches, 0.1545 USD spent for nothing
"""


def test_a_narrow_terminal_gets_no_empty_columns_and_every_digit(ledger: str) -> None:
    of = report_of(ledger)
    whole, narrow = tables(of)
    out = io.StringIO()
    print_whole(Console(file=out, width=84), whole, narrow)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert " ".join(lines[1].split()) == "model calls input read write output ratio USD a call"
    assert lines[-1].split()[:6] == ["all", "1", "1,000", "10,000", "2,000", "800"]
    assert max(map(len, lines)) <= 84


def report_of(ledger: str) -> Report:
    where = Selection(where={"model": "claude-opus-4"})
    return summed(Reader(locate(ledger)), of=where, by=("model",))


def test_where_chooses_by_value_by_label_and_by_none(ledger: str) -> None:
    def count(*conditions: str) -> int:
        where = (word for condition in conditions for word in ("--where", condition))
        total: int = report(ledger, *ALL, *where)["total"]["calls"]
        return total

    assert count("model=claude-sonnet-4", "credential=") == 3
    assert count("team==1+1") == count("label:team==1+1") == 1
    assert count("status=429") == 1
    assert count("session=nobody") == 0


def test_a_spreadsheet_opens_the_csv(ledger: str) -> None:
    """Whole numbers without separators, every digit of money, and no text that it takes for a formula."""
    text = asked(ledger, *ALL, "--by", "team,model", "--format", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0])[:4] == ["label:team", "model", "calls", "errors"]
    found = {(row["label:team"], row["model"]): row for row in rows}
    assert found["'=1+1", "claude-sonnet-4"]["usd"] == "0.0045"
    opus = found["", "claude-opus-4"]
    assert (opus["cache_read_tokens"], opus["usd"], opus["usd_per_call"]) == ("10000", "0.15", "0.15")
    assert opus["last_at"] == "2026-10-31T23:30:03+00:00"
    assert found["", "claude-opus-4-10"]["usd_per_call"] == ""


def test_what_if_prices_each_call_anew(ledger: str) -> None:
    """Haiku 4.5 at 1 and 5 USD: reads 0.1, writes for an hour 2; batch stays batch."""
    found = report(ledger, *ALL, "--what-if", "claude-haiku-4-5")
    small = Decimal("0.0015")
    assert {row["model"]: row["what_if_usd"] for row in found["rows"]} == {
        "claude-opus-4": Decimal("0.010"),
        "claude-sonnet-4": small + small + small / 2,
        "claude-opus-4-10": None,
    }
    assert found["total"]["what_if_usd"] == Decimal("0.01375")
    same = report(ledger, *ALL, "--what-if", "claude-sonnet-4-20250514", "--where", "model=claude-sonnet-4")
    assert same["total"]["what_if_usd"] == same["total"]["usd"]
    table = asked(ledger, *ALL, "--what-if", "claude-haiku-4-5").stdout
    assert "claude-haiku-4-5" in table.splitlines()[1]
    assert "-93.3%" in next(line for line in table.splitlines() if line.startswith("claude-opus-4 "))


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (
            ("--what-if", "claude-opus-4-10"),
            2,
            "--what-if claude-opus-4-10: no price is known for it; `tokentape prices` lists those that are.",
        ),
        (
            ("--since", "yesterday"),
            2,
            f"--since {NO_TIME}, not 'yesterday'.",
        ),
        (
            ("--since", "1d", "--until", "2d"),
            2,
            "--since 1d is not before --until 2d: exchange the two, or leave one out.",
        ),
        (("--month", "2026-13"), 2, "--month must be a month such as 2026-11, not '2026-13'."),
        (
            ("--month", "2026-11", "--since", "7d"),
            2,
            "--month is a span by itself: leave out --since and --until.",
        ),
        (("--where", "model"), 2, "--where must be NAME=VALUE, such as model=claude-sonnet-5, not 'model'."),
        (("--where", "status=ok"), 2, "A status is a number, not 'ok'."),
        (
            ("--where", "day=2026-11-01"),
            2,
            "A day is chosen with --since and --until, not as a value.",
        ),
        (("--format", "xml"), 2, "--format must be one of table, json, csv, not 'xml'."),
        (("--timezone", "Mars"), 2, "--timezone must be a time zone, such as Europe/Berlin, not 'Mars'."),
        (("--ledger", "none"), 1, "--ledger none keeps no calls: name a ledger that does."),
        (("--ledger", "mysql://x/y"), 1, "A ledger is a file or a postgresql:// URL, not mysql://."),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    ledger: str, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    result = asked(ledger, *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (status, "", f"Error: {sentence}\n")


def test_a_ledger_that_is_not_there_is_said_and_not_made(tmp_path: Path) -> None:
    place = tmp_path / "nothing.db"
    result = asked(str(place))
    told = f"Error: There is no ledger at {place} yet: it begins with the first proxy on it.\n"
    assert (result.exit_code, result.stderr, place.exists()) == (1, told, False)


def test_questions_are_asked_by_variables_and_files_too(ledger: str, tmp_path: Path) -> None:
    file = tmp_path / "tokentape.toml"
    file.write_text('by = ["day"]\nformat = "csv"\nwhere = ["credential=new"]\nmonth = "2026-10"\n')
    lines = asked(ledger, environment={"TOKENTAPE_BY": "project,credential"}).stdout.splitlines()
    assert (lines[0].split(",")[:2], lines[1].split(",")[:3]) == (
        ["project", "credential"],
        ["default", "new", "2"],
    )
    assert asked(ledger, "--since", "2026-10-26").stdout.splitlines()[1].startswith("2026-10-31,1,"), (
        "a span named by a flag takes the place of one in a file"
    )


def test_no_calls_are_an_empty_report(ledger: str) -> None:
    found = report(ledger, "--until", "2020-01-01")
    assert (found["rows"], found["total"]["calls"], found["total"]["usd_per_call"]) == ([], 0, None)
