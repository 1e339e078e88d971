"""Says that a budget was crossed: a line on stderr, and JSON to a webhook, once."""

from __future__ import annotations

import contextlib
import http.client
import threading
import urllib.error
import urllib.request
from time import monotonic
from typing import TYPE_CHECKING, Final

import click
import msgspec

if TYPE_CHECKING:
    from tokentape.proxy.ledger.budgets import Crossing

_SECONDS: Final = 10.0

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Announcer:
    """Prints crossings and, with a webhook, posts them, each in a thread of its own: a webhook may hang."""

    def __init__(self, webhook: str) -> None:
        self._webhook = webhook
        self._posting: list[threading.Thread] = []

    def __call__(self, crossing: Crossing) -> None:
        """Say it; never raises, never waits."""
        _say(crossing.line)
        if self._webhook:
            thread = threading.Thread(target=self._post, args=(crossing,), daemon=True)
            self._posting = [other for other in self._posting if other.is_alive()] + [thread]
            thread.start()

    def close(self, patience: float = 2.0) -> None:
        """Wait for what is being posted, all in all so many seconds."""
        until = monotonic() + patience
        for thread in self._posting:
            thread.join(max(0.0, until - monotonic()))

    def _post(self, crossing: Crossing) -> None:
        if problem := post(self._webhook, crossing):
            _say(f"tokentape: the budget webhook did not take it: {problem}.")


def _say(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # Nobody may read stderr any more.
        click.echo(line, err=True)


def post(webhook: str, crossing: Crossing) -> str:
    """Post a crossing; what went wrong, or nothing. The URL may be a secret and is not in it."""
    headers = {"Content-Type": "application/json"}
    body = _encode({"text": crossing.line, **msgspec.structs.asdict(crossing)})
    try:
        request = urllib.request.Request(webhook, body, headers, method="POST")  # noqa: S310 - the user's own URL
        with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310 - same
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return type(error).__name__
