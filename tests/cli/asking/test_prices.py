"""`tokentape prices`: what is listed, and where a newer table comes from."""

from __future__ import annotations

import csv
import http.server
import io
import json
import socket
import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from tests.support.price_payload import published

from tokentape.cli import price_table
from tokentape.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from click.testing import Result


class Publisher(http.server.ThreadingHTTPServer):
    """Serves one table, or an error."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.payload = published(dearer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/data.json"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Publisher)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Nothing to say."""


def dearer(models: dict[str, Any]) -> None:
    models["claude-opus-5"]["prices"]["input_mtok"] = 7.25
    models["claude-next-1"] = {
        "id": "claude-next-1",
        "match": {"equals": "claude-next-1"},
        "prices": {"input_mtok": 0.3},
    }


@pytest.fixture
def publisher() -> Generator[Publisher]:
    with Publisher() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Instead of the platform's folder, and nothing else around."""
    monkeypatch.setattr(price_table, "user_data_path", lambda _name: tmp_path / "data")  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def prices(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["prices", *arguments])


def listed(*arguments: str) -> dict[str, Any]:
    result = prices("--format", "json", *arguments)
    assert result.exit_code == 0, result.stderr
    read: dict[str, Any] = json.loads(result.stdout, parse_float=Decimal)
    return read


def test_the_bundled_table_is_listed_with_its_date_and_fingerprint() -> None:
    found = listed()
    assert (found["date"], len(found["fingerprint"])) == ("2026-11-10", 16)
    assert found["models"]["claude-sonnet-4-5"] == {
        "input": 3,
        "cache_read": Decimal("0.3"),
        "cache_write_5m": Decimal("3.75"),
        "cache_write_1h": 6,
        "output": 15,
        "web_search": 10,
    }


def test_the_same_as_a_table_and_as_csv() -> None:
    found = listed()
    shown = prices().stdout.splitlines()
    assert shown[-1] == f"prices of {found['date']}, fingerprint {found['fingerprint']}"
    (line,) = (line for line in shown if line.startswith("claude-sonnet-4-5 "))
    assert line.split() == ["claude-sonnet-4-5", "3", "0.3", "3.75", "6", "15", "10"]
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(prices("--format", "csv").stdout))}
    assert rows.keys() == found["models"].keys()
    assert (rows["claude-sonnet-4-5"]["cache_read"], rows["claude-2"]["web_search"]) == ("0.3", "")


def test_prices_of_ones_own_are_listed_after_discount(tmp_path: Path) -> None:
    before = listed()["fingerprint"]
    file = tmp_path / "tokentape.toml"
    file.write_text('[prices]\ndiscount = 10\n[prices.models."=cmd"]\ninput = 2\n', encoding="utf-8")
    found = listed()
    assert (found["models"]["claude-opus-5"]["input"], found["models"]["=cmd"]) == (
        Decimal("4.5"),
        {"input": Decimal("1.8")},
    )
    assert found["fingerprint"] != before
    assert "'=cmd,1.8," in prices("--format", "csv").stdout


def test_update_fetches_a_table_that_all_commands_use_from_then_on(
    publisher: Publisher, folder: Path
) -> None:
    before = listed()
    today = datetime.now(UTC).date().isoformat()
    result = prices("update", "--price-url", publisher.url)
    assert result.exit_code == 0
    after = listed()
    assert result.stdout.splitlines()[-1] == f"prices of {today}, fingerprint {after['fingerprint']}"
    assert result.stderr == (
        f"Before: prices of 2026-11-10, fingerprint {before['fingerprint']}. "
        "new: claude-next-1; changed: claude-opus-5.\n"
    )
    assert (after["date"], after["fingerprint"] == before["fingerprint"]) == (today, False)
    assert after["models"]["claude-opus-5"]["input"] == Decimal("7.25")
    assert [file.name for file in folder.iterdir()] == ["prices.json"]
    again = prices("update", "--price-url", publisher.url)
    assert again.stderr.endswith(f"{after['fingerprint']}. No price has changed.\n")


def refused(url: str) -> str:
    """The sentence with which an update fails; what is in use stays."""
    before = listed()
    result = prices("update", "--price-url", url)
    assert (result.exit_code, result.stdout, listed()) == (1, "", before)
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("Error: ").rstrip()


def test_an_answer_that_is_an_error_is_said_in_a_sentence(publisher: Publisher) -> None:
    publisher.status = 404
    told = f"The price table could not be fetched: {publisher.url} answered 404; the one in use stays."
    assert refused(publisher.url) == told


def test_no_network_is_said_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    told = refused(f"http://127.0.0.1:{port}/data.json")
    assert told.startswith(f"The price table could not be fetched from http://127.0.0.1:{port}/data.json (")
    assert "Connection refused" in told


def test_what_is_no_table_or_an_older_one_is_said_in_a_sentence(publisher: Publisher) -> None:
    publisher.payload = b"<html>log in</html>"
    assert refused(publisher.url) == f"What is at {publisher.url} is no price table of genai-prices."
    publisher.payload = published(lambda models: models.pop("claude-opus-5"))
    older = "is older than the table that genai-prices comes with, which stays in use"
    assert refused(publisher.url) == f"What is at {publisher.url} {older}."


def test_a_place_that_cannot_be_written_is_said_in_a_sentence(publisher: Publisher, folder: Path) -> None:
    folder.write_text("a file where a folder should be", encoding="utf-8")
    file = folder / "prices.json"
    assert refused(publisher.url) == f"The price table cannot be kept at {file}: File exists."


def test_a_wrong_address_or_format_is_wrong_usage() -> None:
    assert [prices(*words).exit_code for words in (("--price-url", "x"), ("--format", "xml"), ("get",))] == [
        2,
        2,
        2,
    ]
