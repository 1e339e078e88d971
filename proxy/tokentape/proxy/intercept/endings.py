"""How an intercepted exchange failed, from what mitmproxy says of it. Pure.

mitmproxy tells an addon no more than a sentence. What is known one level deeper, which side it was and
the kind of error, decides here; sentences are asked only where nothing else tells two cases apart.
"""

from __future__ import annotations

from typing import Final

import msgspec

from tokentape.proxy.frames import Ending

UNMET: Final = "CONNECT_FAILED"
"""mitmproxy's name for a connection that could not be had."""
_TOLD: Final = frozenset({UNMET, "GENERIC_SERVER_ERROR", "RESPONSE_VALIDATION_FAILED", "CANCEL"})


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended, and what the client is told."""

    ending: Ending
    status: int = 0
    """Of the proxy's own answer; 0 where there is none."""
    code: str = ""
    """As in `x-tokentape-error`; where there is no answer, the reason."""
    message: str = ""


def client_failure(message: str, *, silent: bool) -> Failure:
    """The client's side ended it.

    Args:
        message: mitmproxy's.
        silent: there was no byte from either side for as long as the proxy waits.
    """
    if silent:
        return Failure(ending=Ending.TIMEOUT, code="upstream_timeout")
    if "protocol error" in message:
        return Failure(ending=Ending.PROXY_ERROR, status=400, code="malformed", message=_sentence(message))
    return Failure(ending=Ending.CLIENT_ABORT)


def server_failure(kind: str, message: str, host: str, *, begun: bool) -> Failure:
    """The upstream's side ended it.

    Args:
        kind: name of mitmproxy's error code.
        message: mitmproxy's.
        host: the upstream, as the client is told.
        begun: the head of its reply has been passed on, so nothing else can be said to the client.
    """
    if kind == UNMET:
        return _unmet(message, host)
    if begun or kind not in _TOLD:
        return Failure(
            ending=Ending.UPSTREAM_ABORT, code="the upstream closed the connection inside its reply"
        )
    if "closed" in message or "reset" in message:
        return Failure(
            ending=Ending.UPSTREAM_ABORT,
            status=502,
            code="upstream_closed",
            message=f"{host} closed the connection before it replied: send the request again.",
        )
    return Failure(
        ending=Ending.UPSTREAM_ABORT,
        status=502,
        code="upstream_protocol",
        message=f"The reply of {host} is not HTTP: {_sentence(message)}",
    )


def _unmet(message: str, host: str) -> Failure:
    lowered = message.lower()
    if "certificate" in lowered:
        return Failure(
            ending=Ending.PROXY_ERROR,
            status=502,
            code="upstream_certificate",
            message=f"The certificate of {host} could not be verified ({message.rstrip('.')}): "
            "set SSL_CERT_FILE to a bundle that contains its issuer.",
        )
    if "timed out" in lowered or "timeout" in lowered:
        return Failure(
            ending=Ending.TIMEOUT,
            status=504,
            code="connect_timeout",
            message=f"{host} did not accept a connection in time: check the network.",
        )
    return Failure(
        ending=Ending.PROXY_ERROR,
        status=502,
        code="upstream_unreachable",
        message=f"{host} cannot be reached ({message.rstrip('.')}): check the network and --upstream.",
    )


def _sentence(text: str) -> str:
    return f"{text.rstrip('.')}."
