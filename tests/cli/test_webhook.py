"""Crossed budgets are said and posted, whatever becomes of it."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tokentape.cli.webhook import Announcer, post
from tokentape.proxy.ledger.budgets import Crossing

if TYPE_CHECKING:
    from collections.abc import Generator

CROSSING = Crossing(
    ledger="f00d",
    project="checkout",
    window="day",
    period="2026-11-22",
    level=80,
    spend_usd=Decimal("16.000000000001"),
    budget_usd=Decimal(20),
)


class Hook(http.server.ThreadingHTTPServer):
    """Answers with a status once it may."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.posted: list[tuple[str | None, Any]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/a-secret"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Hook)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.headers["Content-Type"], json.loads(body, parse_float=Decimal)))
        self.server.may_answer.wait()
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Nothing to say."""


@pytest.fixture
def hook() -> Generator[Hook]:
    with Hook() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.may_answer.set()
        server.shutdown()
        thread.join()


def test_a_crossing_is_posted_as_json_with_every_digit(hook: Hook) -> None:
    assert post(hook.url, CROSSING) == ""
    assert hook.posted == [
        (
            "application/json",
            {
                "text": CROSSING.line,
                "ledger": "f00d",
                "project": "checkout",
                "window": "day",
                "period": "2026-11-22",
                "level": 80,
                "spend_usd": Decimal("16.000000000001"),
                "budget_usd": 20,
            },
        )
    ]


def test_what_went_wrong_is_told_without_the_url(hook: Hook) -> None:
    hook.status = 404
    assert post(hook.url, CROSSING) == "it answered 404"
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert post(f"http://127.0.0.1:{port}/a-secret", CROSSING) == "URLError"
    assert post("http://[broken/a-secret", CROSSING) == "ValueError"


def test_a_line_is_said_at_once_and_what_is_being_posted_is_waited_for_at_the_end(
    hook: Hook, capsys: pytest.CaptureFixture[str]
) -> None:
    hook.may_answer.clear()
    hook.status = 500
    announcer = Announcer(hook.url)
    announcer(CROSSING)
    assert capsys.readouterr().err == f"{CROSSING.line}\n"
    threading.Timer(0.01, hook.may_answer.set).start()
    announcer.close(30)
    assert capsys.readouterr().err == "tokentape: the budget webhook did not take it: it answered 500.\n"


def test_a_webhook_that_hangs_is_not_waited_for_beyond_patience(hook: Hook) -> None:
    """Whoever waited for it would wait until the end of the test, which comes after."""
    hook.may_answer.clear()
    announcer = Announcer(hook.url)
    for _ in range(3):
        announcer(CROSSING)
    announcer.close(0.01)
    assert not hook.may_answer.is_set()


def test_without_a_webhook_nothing_is_posted(capsys: pytest.CaptureFixture[str]) -> None:
    announcer = Announcer("")
    announcer(CROSSING)
    announcer.close()
    assert capsys.readouterr().err == f"{CROSSING.line}\n"
