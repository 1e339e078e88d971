"""mitmproxy's flow files (`mitmdump -w FILE`), as of its version 7: a tagged netstring a flow.

Keys as in `mitmproxy/http.py` (`Request.get_state` and the like). What is no HTTP flow, and what got no
response, is no exchange.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokentape.recorder.cassette.interaction import Arrival, Ending, Interaction, Request, Response, Timing
from tokentape.recorder.importing.errors import ImportingError
from tokentape.recorder.importing.exchange import decoded, kept_headers
from tokentape.recorder.importing.tnetstring import TnetstringError, values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentape.recorder.cassette.interaction import Headers

_State = dict[str, Any]


def interactions(data: bytes, name: str) -> Iterator[Interaction]:
    """The exchanges of a file; `name` is the file's, for errors.

    Raises:
        ImportingError: it is no flow file, or a flow in it lacks something.
    """
    number = 0
    try:
        for number, flow in enumerate(values(data), 1):
            if isinstance(flow, dict) and flow.get("type", "http") == "http" and flow.get("response"):  # pyright: ignore[reportUnknownMemberType]  # parsed
                yield _interaction(flow, f"{name}: flow {number}")  # pyright: ignore[reportUnknownArgumentType]
    except TnetstringError as error:
        raise ImportingError(
            f"{name} is no whole flow file: {number} flows can be read, then {error}."
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ImportingError(f"{name}: flow {number} cannot be read: {error!r} in it.") from None


def _interaction(flow: _State, where: str) -> Interaction:
    request: _State = flow["request"]
    response: _State = flow["response"]
    asked, answered = _headers(request), _headers(response)
    body = decoded(response["content"] or b"", answered, f"{where}'s response")
    return Interaction(
        request=Request(
            method=_text(request["method"]).upper(),
            uri=_uri(request),
            headers=kept_headers(asked),
            body=decoded(request["content"] or b"", asked, f"{where}'s request"),
        ),
        response=Response(
            status=int(response["status_code"]),
            reason=_text(response["reason"]),
            headers=kept_headers(answered),
            body=body,
            ending=Ending.UPSTREAM_ABORT if flow.get("error") else Ending.COMPLETE,
            timing=_timing(request, response, len(body)),
        ),
        recorded_at=float(request["timestamp_start"]),
    )


def _uri(request: _State) -> str:
    scheme, host, port = _text(request["scheme"]), _text(request["host"]), int(request["port"])
    usual = {"http": 80, "https": 443}.get(scheme) == port
    return f"{scheme}://{host}{'' if usual else f':{port}'}{_text(request['path'])}"


def _timing(request: _State, response: _State, size: int) -> Timing | None:
    """A flow tells when a response began and ended, and not when its pieces came."""
    asked, began, ended = (
        request.get("timestamp_end"),
        response.get("timestamp_start"),
        response.get("timestamp_end"),
    )
    if asked is None or began is None or ended is None:
        return None
    headers, last = max(0.0, float(began - asked)), max(0.0, float(ended - asked))
    return Timing(headers=headers, arrivals=(Arrival(at=last, size=size),) if size else (), ended=last)


def _headers(side: _State) -> Headers:
    return tuple((_text(name), _text(value)) for name, value in side["headers"])


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
