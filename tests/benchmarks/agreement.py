"""Correctness before timing: every contender must give the reply that upstream gives without it."""

from __future__ import annotations

import gzip
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

import msgspec
from tests.benchmarks.children import HOST

if TYPE_CHECKING:
    from tests.benchmarks.load import Running
    from tests.benchmarks.traffic import Traffic


class DisagreementError(Exception):
    """A contender changed the reply, so its speed means nothing."""


class Reply(msgspec.Struct, frozen=True):
    """A reply with ids and padding left out: upstream makes new ones for every caller.

    Content coding is left out, too: LiteLLM compresses what upstream did not.
    """

    status: int
    content_type: str
    events: tuple[Any, ...]
    """The JSON of each event, or of the one body."""


def ask(running: Running, traffic: Traffic) -> Reply:
    """Send the request once.

    Raises:
        DisagreementError: there is no reply, or none that can be compared.
    """
    connection = HTTPConnection(HOST, running.port, timeout=60)
    try:
        connection.request("POST", running.prefix + traffic.path, traffic.body, dict(traffic.headers))
        response = connection.getresponse()
        body, kind = response.read(), response.headers.get_content_type()
        if response.headers["content-encoding"] == "gzip":
            body = gzip.decompress(body)
    except (OSError, HTTPException) as error:
        raise DisagreementError(f"{running.name} did not answer: {error!r}") from error
    finally:
        connection.close()
    try:
        return Reply(response.status, kind, _events(body, kind))
    except msgspec.DecodeError as error:
        found = f"{response.status}, {body[:200]!r}"
        raise DisagreementError(f"{running.name} answered with no JSON: {found}") from error


def _events(body: bytes, kind: str) -> tuple[Any, ...]:
    data = [body]
    if kind == "text/event-stream":
        data = [line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: ")]
    return tuple(_without_ids(msgspec.json.decode(each)) for each in data)


def _without_ids(event: dict[str, Any]) -> dict[str, Any]:
    message = event.get("message")
    plain = {key: value for key, value in event.items() if key != "id"}
    return plain | {"message": _without_ids(message)} if message else plain


def check(direct: Running, contender: Running, traffic: Traffic) -> Reply:
    """Compare a contender's reply with upstream's own.

    Raises:
        DisagreementError: they differ, or upstream does not answer as the row wants.
    """
    wanted, got = ask(direct, traffic), ask(contender, traffic)
    events = traffic.events or 1
    if wanted.status != 200 or len(wanted.events) != events:
        raise DisagreementError(
            f"upstream gave {wanted.status} with {len(wanted.events)} events, not {events}"
        )
    if got != wanted:
        raise DisagreementError(f"{contender.name} did not give upstream's reply: {str(got)[:500]}")
    return got
