"""OTLP over HTTP: protobuf in a POST. https://opentelemetry.io/docs/specs/otlp/#otlphttp-request."""

from __future__ import annotations

import gzip
import http.client
import ssl
import urllib.error
import urllib.request
import zlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from tokentape.proxy.telemetry.otel.transport import MAX_ANSWER, Answer, rejected_items

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.proxy.telemetry.otel.config import Destination

_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
"""The specification's four, and two that proxies give for a moment's trouble."""

_COMPRESS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": lambda body: gzip.compress(body, 6, mtime=0),
    "deflate": zlib.compress,
}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET, and headers with credentials would go elsewhere."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


class HttpTransport:
    """One POST a request, through the forward proxy of the environment where there is one."""

    def __init__(self, destination: Destination) -> None:
        """Raises: OSError: a certificate cannot be read."""
        self._destination = destination
        self._compress = _COMPRESS.get(destination.compression, bytes)
        encoding = {"Content-Encoding": destination.compression} if destination.compression else {}
        self._headers = {
            "User-Agent": f"tokentape/{version('tokentape')}",
            **destination.headers,
            "Content-Type": "application/x-protobuf",
            **encoding,
        }
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if destination.endpoint.startswith("https:"):
            handlers.append(urllib.request.HTTPSHandler(context=_tls(destination)))
        self._opener = urllib.request.build_opener(*handlers)

    def send(self, body: bytes) -> Answer:
        """Send an export request and wait for the answer."""
        where = self._destination
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            where.endpoint, self._compress(body), self._headers, method="POST"
        )
        try:
            with self._opener.open(request, timeout=where.timeout) as reply:
                return Answer(rejected=rejected_items(reply.read(MAX_ANSWER)))
        except urllib.error.HTTPError as error:
            with error:
                return _refused(error)
        except TimeoutError:
            return Answer(reason="timeout", detail="it did not answer in time", again=True)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return _unreachable(error)

    def close(self) -> None:
        """There is nothing to let go of."""
        self._opener.close()


def _tls(destination: Destination) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=destination.certificate or None)
    if destination.client_certificate:
        context.load_cert_chain(destination.client_certificate, destination.client_key or None)
    return context


def _refused(error: urllib.error.HTTPError) -> Answer:
    asked = error.headers.get("retry-after", "")
    return Answer(
        reason="too_large" if error.code == 413 else f"status_{error.code}",
        detail=f"it answered {error.code}",
        again=error.code in _AGAIN,
        wait=float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else None,
        too_large=error.code == 413,
    )


def _unreachable(error: Exception) -> Answer:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return Answer(reason="timeout", detail="it could not be reached in time", again=True)
    return Answer(reason="unreachable", detail=f"it cannot be reached ({type(cause).__name__})", again=True)
