"""Traffic that costs something, and questions to the ledger that it went to.

The upstream is `billed_upstream`: the first message of a request is the usage of its reply.
"""

from __future__ import annotations

import json
import sqlite3
import urllib.request
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner
from tests.support.proxy import PATIENCE

from tokentape.cli.main import main

if TYPE_CHECKING:
    from tests.support.proxy import RunningProxy

KEY = "sk-ant-api03-PLANTEDKEY0123456789"
SONNET = "claude-sonnet-4-20250514"
"""3 and 15 USD a million."""
MILLICENTS = {"input_tokens": 1_000, "output_tokens": 0}
"""0.003 USD on Sonnet 4."""


def send(
    proxy: RunningProxy, path: str, body: object = None, headers: dict[str, str] | None = None, **labels: str
) -> bytes:
    """POST a body, or GET; the reply's body."""
    sent = {
        "Content-Type": "application/json",
        "x-api-key": KEY,
        "anthropic-version": "2023-06-01",
        **(headers or {}),
    }
    if labels:
        sent["x-tokentape-labels"] = ",".join(f"{key}={value}" for key, value in labels.items())
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{proxy.base_url}{path}", data, sent)
    with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
        read: bytes = reply.read()
    return read


def ask(
    proxy: RunningProxy,
    model: str,
    usage: dict[str, Any],
    *,
    headers: dict[str, str] | None = None,
    **labels: str,
) -> None:
    """One call whose reply has this usage."""
    content = json.dumps(usage)
    body = {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": content}]}
    send(proxy, "/v1/messages", body, headers, **labels)


def tokentape(*arguments: str) -> str:
    """What a command that only asks prints; it must succeed."""
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def report(ledger: str, *arguments: str) -> dict[str, Any]:
    """`tokentape report`, read."""
    text = tokentape("report", "--ledger", ledger, "--format", "json", *arguments)
    read: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return read


def calls(ledger: str, *arguments: str) -> list[dict[str, Any]]:
    """`tokentape calls`, read."""
    text = tokentape("calls", "--ledger", ledger, "--format", "json", "--limit", "1000", *arguments)
    return [json.loads(line, parse_float=Decimal) for line in text.splitlines()]


def kept(ledger: str) -> int:
    """Calls in a ledger, by its report; 0 while there is none."""
    done = CliRunner().invoke(main, ["report", "--ledger", ledger, "--format", "json"])
    return int(json.loads(done.stdout)["total"]["calls"]) if done.exit_code == 0 else 0


def whole(ledger: str) -> bool:
    """SQLite finds nothing wrong with the file."""
    with sqlite3.connect(ledger) as connection:
        answer: tuple[str] = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return answer == ("ok",)
