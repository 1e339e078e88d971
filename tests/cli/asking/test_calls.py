"""`tokentape calls`: single calls of a small ledger, in every form and order."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from click.testing import CliRunner
from tests.proxy.ledger.cases import record
from tests.proxy.pricing.paid_calls import book
from tests.support.asked_ledger import OPUS, SONNET, calls, make_ledger
from tests.support.proxy import PATIENCE, clean_environment

from tokentape.cli.asking.calls import unseen
from tokentape.cli.main import main
from tokentape.proxy.ledger.listing import following, newest_id
from tokentape.proxy.ledger.location import locate
from tokentape.proxy.ledger.reader import Reader
from tokentape.proxy.ledger.selection import Selection
from tokentape.proxy.pricing.price import price

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_ledger(tmp_path_factory.mktemp("asked"))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def asked(ledger: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["calls", "--ledger", ledger, *arguments])


def listed(ledger: str, *arguments: str) -> list[dict[str, Any]]:
    result = asked(ledger, "--format", "json", *arguments)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line, parse_float=Decimal) for line in result.stdout.splitlines()]


def ids(ledger: str, *arguments: str) -> list[str]:
    return [call["request_id"].removeprefix("req_") for call in listed(ledger, *arguments)]


def test_json_is_an_object_a_line_with_everything_of_a_call(ledger: str) -> None:
    (call,) = listed(ledger, "--where", "model=claude-opus-4")
    assert call == {
        "time": "2026-10-31T23:30:03Z",
        "model": "claude-opus-4",
        "project": "default",
        "input_tokens": 1000,
        "cache_read_tokens": 10_000,
        "cache_write_5m_tokens": 0,
        "cache_write_1h_tokens": 2000,
        "output_tokens": 800,
        "hit_ratio": Decimal("0.7692307692307693"),
        "usd": OPUS,
        "subscription_usd": None,
        "bill": "exact",
        "ttft": Decimal("1.25"),
        "duration": 9,
        "ending": "max_tokens",
        "attempt": 0,
        "session": None,
        "request_id": "req_3",
    }


def test_the_newest_come_last_and_limit_keeps_the_newest(ledger: str) -> None:
    assert ids(ledger) == ["1", "2", "3", "4", "5", "6", "7"]
    assert ids(ledger, "--limit", "2") == ["6", "7"]


def test_the_dearest_and_the_slowest_come_first(ledger: str) -> None:
    """What has no price, or no first token, is left out."""
    assert ids(ledger, "--sort", "cost", "--limit", "4") == ["3", "4", "2", "1"]
    assert "5" not in ids(ledger, "--sort", "cost")
    assert ids(ledger, "--sort", "ttft") == ["3"]


def test_calls_are_chosen_by_session_time_and_value(ledger: str) -> None:
    assert ids(ledger, "--session", "s-one") == ["1"]
    assert ids(ledger, "--session", "s-one", "--where", "credential=new") == []
    assert ids(ledger, "--where", "credential=new", "--where", "status=200") == ["2", "3"]
    assert ids(ledger, "--where", "team==1+1") == ["1"]
    assert ids(ledger, "--since", "2026-10-26") == ["3", "4", "5", "6", "7"]
    berlin = ("--timezone", "Europe/Berlin")
    assert ids(ledger, "--since", "2026-10-25T02:30", "--until", "2026-10-26", *berlin) == ["1", "2"]
    assert listed(ledger, "--session", "s-one", *berlin)[0]["time"] == "2026-10-25T02:30:01+02:00"


def test_what_a_subscription_paid_stands_apart_from_money(ledger: str) -> None:
    found = {call["request_id"]: (call["usd"], call["subscription_usd"]) for call in listed(ledger)}
    assert (found["req_1"], found["req_4"], found["req_5"]) == ((SONNET, None), (None, SONNET), (None, None))
    (line,) = (line for line in asked(ledger).stdout.splitlines() if line.rstrip().endswith("req_4"))
    assert "(0.004500)" in line


def test_the_table_has_a_row_a_call(ledger: str) -> None:
    shown = asked(ledger, "--where", "credential=new").stdout.splitlines()
    lines = [" ".join(line.split()) for line in shown]
    assert lines[0] == "time model project in cached wrote out hit USD TTFT s end try request id"
    assert "\n".join(lines[2:]) == (
        "10-25 01:30:02 claude-sonnet-4 default 500 200 0.004500 estimated 2.00 client_abort 1 req_2\n"
        "10-31 23:30:03 claude-opus-4 default 1,000 10,000 2,000 800 76.9% 0.150000"
        " 1.25 9.00 max_tokens req_3"
    )


def test_a_spreadsheet_opens_the_csv(ledger: str) -> None:
    rows = list(csv.DictReader(io.StringIO(asked(ledger, "--format", "csv").stdout)))
    assert [row["request_id"] for row in rows] == [f"req_{number}" for number in range(1, 8)]
    assert (rows[2]["cache_read_tokens"], rows[2]["usd"], rows[4]["usd"]) == ("10000", "0.15", "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--sort", "size"), "--sort must be one of time, cost, ttft, not 'size'."),
        (("--limit", "0"), "--limit must be a whole number from 1 to 100000, not '0'."),
        (("--where", "session"), "--where must be NAME=VALUE, such as model=claude-sonnet-5, not 'session'."),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(ledger: str, arguments: tuple[str, ...], sentence: str) -> None:
    result = asked(ledger, *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"Error: {sentence}\n")


@pytest.mark.parametrize(
    ("shape", "first", "new"),
    [
        ("json", '"request_id":"req_7"}', '"request_id":"req_3"}'),
        ("csv", ",req_7", ",req_3"),
        ("table", "req_7", "  max_tokens  req_3"),
    ],
)
def test_follow_goes_on_with_new_calls_until_ctrl_c(tmp_path: Path, shape: str, first: str, new: str) -> None:
    ledger = make_ledger(tmp_path)
    command = [sys.executable, "-m", "tokentape.cli.main", "calls", "--ledger", ledger, "--follow"]
    with subprocess.Popen(
        [*command, "--format", shape, "--limit", "1"],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(PYTHONUNBUFFERED="1"),
    ) as process:
        assert process.stdout is not None
        try:
            assert any(line.rstrip().endswith(first) for line in process.stdout)
            again = calls()[2]
            record(locate(ledger), [(again, price(again, book()))])
            fresh = process.stdout.readline()
            while not fresh.strip():
                fresh = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert (fresh.rstrip().endswith(new), process.wait(PATIENCE)) == (True, 0)
        finally:
            process.kill()


def test_follow_shows_what_was_shown_already_no_second_time(tmp_path: Path) -> None:
    """A call may be written after the place to begin was looked up and before the first are listed."""
    location = locate(make_ledger(tmp_path))
    reader = Reader(location)
    after = newest_id(reader)
    early, late = (msgspec.structs.replace(call, request_id="req_new") for call in calls()[:2])
    record(location, [(early, price(early, book()))])
    shown = {recorded.id for recorded in following(reader, after)}
    looks = unseen(reader, after, Selection(), shown)
    assert next(looks) == []
    record(location, [(late, price(late, book()))])
    assert [recorded.id for recorded in next(looks)] == [after + 2]
    assert next(looks) == []
