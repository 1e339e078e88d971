"""The checks. None costs money: the calls that are made carry no credential.

With a running proxy one call goes through it. Straight to the upstream goes one where no proxy runs,
where the one through the proxy fails, or where the user names another upstream than the proxy's.
"""

from __future__ import annotations

import json
import platform
import re
import socket
import ssl
import time
import urllib.error
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tokentape.cli.doctor.finding import Finding, Verdict, bad, good, note
from tokentape.cli.fetch import fetch
from tokentape.cli.scrape import scrape

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from tokentape.cli.values import Address

_UPSTREAM_SECONDS: Final = 10.0
_METERED_SECONDS: Final = 3.0
_CALL: Final = "/v1/models"
"""Free, and refused without a key."""
_ERRNO: Final = re.compile(r"\[Errno -?\d+\] ")


def check(
    listen: Address,
    admin: Address,
    upstream: str,
    environment: Mapping[str, str],
    *,
    asked: bool = False,
) -> Iterator[Finding]:
    """All checks, in order; each is made when it is asked for.

    Args:
        listen: where the proxy should answer.
        admin: where its metrics should be.
        upstream: where a proxy that was started here would carry calls.
        environment: where forward proxies are looked for.
        asked: look at that upstream also where the running proxy has another.
    """
    yield versions()
    yield from forward_proxies(environment)
    traffic = traffic_port(listen)
    yield traffic
    metrics = admin_port(admin)
    yield metrics
    if traffic.verdict is not Verdict.GOOD:
        yield upstream_answers(upstream)
        return
    running = upstream_of(listen) or upstream
    passed = yield from carried(listen, admin if metrics.verdict is Verdict.GOOD else None, running)
    if not passed:
        yield upstream_answers(running)
    if asked and upstream.rstrip("/") != running:
        yield upstream_answers(upstream)


def versions() -> Finding:
    """What is installed."""
    sdk = _version("anthropic")
    parts = [
        f"tokentape {_version('tokentape')}",
        f"Python {platform.python_version()} on {platform.system()}",
        f"uvloop {_version('uvloop')}",
        f"httptools {_version('httptools')}",
        f"official SDK {sdk}" if sdk else "no official SDK here (the demo needs it: 'tokentape[demo]')",
    ]
    return good(", ".join(parts))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def forward_proxies(environment: Mapping[str, str]) -> Iterator[Finding]:
    """A forward proxy for plain HTTP would get the calls that are meant for this machine."""
    lowered = {name.lower(): value for name, value in environment.items()}
    named = [name.upper() for name in ("http_proxy", "all_proxy") if lowered.get(name)]
    direct = {name.strip() for name in lowered.get("no_proxy", "").split(",")}
    if named and not direct & {"*", "127.0.0.1"}:
        yield bad(
            f"{named[0]} is set, so clients would send calls for 127.0.0.1 there: "
            "set NO_PROXY=127.0.0.1,localhost for them."
        )


def traffic_port(listen: Address) -> Finding:
    """Whether the proxy answers where clients will look for it; good only if it does."""
    answer = _answer(listen, "/.tokentape/healthz")
    if answer is None and _is_free(listen):
        return note(f"{listen} is free: start the proxy with tokentape up.")
    if not answer or "inflight" not in answer:
        return bad(f"{listen} is taken by something else: stop it, or choose a port (--listen HOST:PORT).")
    return good(f"The proxy answers on http://{listen.reachable} ({answer['inflight']} calls under way).")


def upstream_of(listen: Address) -> str | None:
    """The upstream that the running proxy carries to, if it says so."""
    upstream = (_answer(listen, "/.tokentape/healthz") or {}).get("upstream")
    return upstream if isinstance(upstream, str) else None


def admin_port(admin: Address) -> Finding:
    """Whether metrics are served; good only if they are."""
    answer = _answer(admin, "/healthz")
    if answer is None and _is_free(admin):
        return note(f"{admin} is free for the admin port.")
    if not answer or "workers" not in answer:
        return bad(f"{admin} is taken by something else: stop it, or choose a port (--admin HOST:PORT).")
    return good(f"Metrics are on http://{admin.reachable}/metrics (workers connected: {answer['workers']}).")


def _answer(address: Address, path: str) -> dict[str, Any] | None:
    """What tokentape answers there; `None` where nobody does, empty where somebody else does."""
    try:
        body = fetch(f"http://{address.reachable}{path}").body
    except OSError:
        return None
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def _is_free(address: Address) -> bool:
    try:
        with socket.create_connection((address.reachable.host, address.port), 2.0):
            return False
    except OSError:
        return True


def upstream_answers(url: str) -> Finding:
    """Whether the upstream answers, its certificate trusted, as the relay would reach it."""
    try:
        status = fetch(f"{url}{_CALL}", seconds=_UPSTREAM_SECONDS, through=url.startswith("https:")).status
    except urllib.error.URLError as error:
        return bad(_unreachable(url, error.reason))
    except OSError as error:
        return bad(_unreachable(url, error))
    trusted = ", its certificate is trusted" if url.startswith("https:") else ""
    return good(f"{url} answers{trusted} ({status} without a key).")


def _unreachable(url: str, reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {url} is not trusted ({reason.verify_message}): where a company's proxy "
            "signs it, set SSL_CERT_FILE to a file with its CA."
        )
    return f"{url} cannot be reached ({_words(reason)}): check the network, and HTTPS_PROXY if there is one."


def _words(reason: object) -> str:
    """What went wrong, without the numbers of the operating system."""
    reason = reason.reason if isinstance(reason, urllib.error.URLError) else reason
    text = (reason.strerror if isinstance(reason, OSError) else None) or str(reason)
    return _ERRNO.sub("", text)


def carried(listen: Address, admin: Address | None, upstream: str) -> Generator[Finding, None, bool]:
    """One labelled call without a key through the running proxy, and whether /metrics counts it.

    Args:
        listen: the proxy.
        admin: its metrics; `None` where there are none to look at.
        upstream: what it carries to, for the sentence.

    Returns:
        Whether the call came back from the upstream.
    """
    counter = Counter(admin) if admin else None
    try:
        reply = fetch(f"http://{listen.reachable}/@project=doctor{_CALL}", seconds=_UPSTREAM_SECONDS)
    except OSError as error:
        yield bad(f"A call through the proxy gets no answer ({_words(error)}).")
        return False
    code = reply.headers.get("x-tokentape-error")
    if code:
        message = _ERRNO.sub("", json.loads(reply.body)["error"]["message"])
        yield bad(f"A call through the proxy to {upstream} fails with {code}: {message}")
    else:
        yield good(
            f"A call passes through the proxy to {upstream} and back: GET {_CALL} without a key, "
            f"answered {reply.status}."
        )
    if counter:
        yield counter.counted_more()
    return not code


class Counter:
    """What /metrics counts of the doctor's calls, from now on."""

    def __init__(self, admin: Address) -> None:
        self._url = f"http://{admin.reachable}/metrics"
        self._before = self._count()

    def counted_more(self) -> Finding:
        """Whether one more is counted, soon."""
        deadline = time.monotonic() + _METERED_SECONDS
        while (count := self._count()) is not None and self._before is not None:
            if count > self._before:
                return good(f"The call is counted on {self._url}.")
            if time.monotonic() > deadline:
                return bad(
                    f"The call is not counted on {self._url}: is that the admin port of the same proxy?"
                )
            time.sleep(0.05)
        return bad(f"{self._url} cannot be read.")

    def _count(self) -> float | None:
        try:
            return scrape(self._url).value("tokentape_requests_total", endpoint=_CALL)
        except OSError:
            return None
