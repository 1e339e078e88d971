"""Says that a budget was crossed: a line on stderr, and JSON to a webhook, once."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final

import click
import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.proxy.ledger.budgets import Crossing

_SECONDS: Final = 10.0

_encode = msgspec.json.Encoder(decimal_format="number").encode


def announcer(webhook: str) -> Callable[[Crossing], None]:
    """What prints a crossing and, with a webhook, posts it."""

    def announce(crossing: Crossing) -> None:
        click.echo(crossing.line, err=True)
        if webhook and (problem := post(webhook, crossing)):
            click.echo(f"tokentape: the budget webhook did not take it: {problem}.", err=True)

    return announce


def post(webhook: str, crossing: Crossing) -> str:
    """Post a crossing; what went wrong, or nothing. The URL may be a secret and is not in it."""
    headers = {"Content-Type": "application/json"}
    body = _encode({"text": crossing.line, **msgspec.structs.asdict(crossing)})
    request = urllib.request.Request(webhook, body, headers, method="POST")  # noqa: S310 - the user's own URL
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310 - same
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code}"
    except (OSError, ValueError) as error:
        return type(error).__name__
