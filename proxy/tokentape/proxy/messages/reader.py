"""The reader: turns the heads and bytes of one exchange into a `Call`.

Bytes come in decoded, with the worker's times; out comes what the call was. A request is held until
it is complete, a unary reply until the end, and of a stream only counts are held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tokentape.proxy.frames import Ending
from tokentape.proxy.messages import tolerant
from tokentape.proxy.messages.attempts import Attempt, attempt_key
from tokentape.proxy.messages.blocks import TOOL_LOOP
from tokentape.proxy.messages.body import Body
from tokentape.proxy.messages.cache import cache_outcome
from tokentape.proxy.messages.call import CacheWrites, Call, OpenCall, Outcome, RequestFacts, Timings
from tokentape.proxy.messages.errors import read_error, request_id_of, type_of_status
from tokentape.proxy.messages.headers import (
    RequestHead,
    ResponseHead,
    read_request_head,
    read_response_head,
)
from tokentape.proxy.messages.labels import DEFAULT_PROJECT, parse_labels
from tokentape.proxy.messages.models import model_label
from tokentape.proxy.messages.outcome import Evidence, explain, judge
from tokentape.proxy.messages.reply import Reply, read_message_body
from tokentape.proxy.messages.request import PEEK, ReadRequest, peek_request, read_request, skim_request
from tokentape.proxy.messages.routes import find_route
from tokentape.proxy.messages.stream import MessageStream
from tokentape.proxy.messages.usage import cache_writes

if TYPE_CHECKING:
    from tokentape.proxy.frames import Anchor
    from tokentape.proxy.messages.attempts import AttemptTracker, Key
    from tokentape.proxy.messages.call import CallError, Usage
    from tokentape.proxy.messages.headers import Headers

MAX_REQUEST: Final = 16 * 1024 * 1024
"""Decoded bytes of a request, after its long strings were shortened; of a larger one only the start is
looked at. The API itself takes 32 MB."""

ELIDE_FROM: Final = 1024 * 1024
"""Decoded bytes of a request from which on its long strings are shortened: so large it is by its media."""

SKIM: Final = 2 * 1024
"""Bytes at either end of a request that are looked at where there is no time for more."""

MAX_REPLY: Final = 32 * 1024 * 1024
"""Decoded bytes of a unary reply; a larger one is not read."""

MAX_ERROR: Final = 1024 * 1024
"""Decoded bytes of an error body, or of the reply that names a new batch."""

_NO_FACTS: Final = RequestFacts()
_NO_HEAD: Final = ResponseHead()
_FIRST_ATTEMPT: Final = Attempt()

EVENT_STREAM: Final = "text/event-stream"


class CallReader:
    """One exchange, fed in order; decoded bytes and times come from outside.

    Times are the worker's monotonic seconds. Nothing that clients or the API send makes it raise:
    what cannot be read is noted in `Call.parse_errors` and `Call.unknown`.
    """

    __slots__ = (
        "_anchor",
        "_attempt",
        "_attempts",
        "_blind",
        "_body",
        "_engine",
        "_head",
        "_head_at",
        "_hurry",
        "_id",
        "_labels",
        "_method",
        "_notes",
        "_opened",
        "_read_whole",
        "_reply",
        "_request",
        "_response",
        "_resumed",
        "_route",
        "_salt",
        "_skimmed",
        "_started",
        "_status",
        "_stream",
        "_upload",
        "_user",
    )

    def __init__(  # noqa: PLR0913 - an exchange has that many independent facts; all are named
        self,
        *,
        id: str,  # noqa: A002 - the name of the field of `Call` that it becomes
        engine: str,
        salt: bytes,
        method: str,
        target: str,
        headers: Headers | RequestHead,
        labels: str,
        started: float,
        anchor: Anchor,
        resumed: bool = False,
        attempts: AttemptTracker | None = None,
    ) -> None:
        """Begin with a request head.

        Args:
            id: unique, of worker and exchange number.
            engine: `relay` or `intercept`.
            salt: for every hash in the call.
            method: the HTTP method.
            target: the request target, with its query.
            headers: of the request, or what `read_request_head` made of them.
            labels: label text of path segment and header.
            started: when the request head had come in.
            anchor: one instant on both clocks of the worker.
            resumed: parts of the exchange went by unseen.
            attempts: what links attempts of one call, if anything does.
        """
        self._id = id
        self._engine = engine
        self._salt = salt
        self._method = method
        self._started = started
        self._anchor = anchor
        self._resumed = resumed
        self._attempts = attempts
        self._labels = parse_labels(labels)
        self._route = find_route(method, target)
        self._head = headers if isinstance(headers, RequestHead) else read_request_head(headers, salt)
        self._notes = tolerant.Notes()
        self._reply = Reply(self._notes)
        self._blind = resumed
        self._upload = (
            Body(MAX_REQUEST, PEEK, elide_from=ELIDE_FROM) if self._route.messages_request else Body(0)
        )
        self._hurry = False
        self._read_whole = False
        self._skimmed: tuple[int, bytes] | None = None
        self._request = _NO_FACTS
        self._user: str | None = None
        self._opened: OpenCall | None = None
        self._attempt = Attempt(self._head.retry_count) if self._head.retry_count else _FIRST_ATTEMPT
        self._status: int | None = None
        self._response = _NO_HEAD
        self._head_at: float | None = None
        self._stream: MessageStream | None = None
        self._body: Body | None = None

    def request_body(self, data: bytes) -> None:
        """Content-decoded bytes of the request, in order."""
        self._upload.add(data)

    def request_end(self) -> OpenCall:
        """The request is complete: read it, let go of its bytes, and say what is known. Once."""
        if self._opened is None:
            self._opened = self._open(complete=True)
        return self._opened

    def skim(self) -> None:
        """Look at no more of the request than its ends: there is no time, and the cost is in the reply.

        Rate limits wait for a reply with more time, too.
        """
        self._hurry = True

    def request_skimmed(self, size: int, end: bytes) -> OpenCall:
        """Instead of `request_end`: of a body of `size` bytes only the start was fed, and this is its end."""
        if self._opened is None:
            self._skimmed = (size, end)
            self._opened = self._open(complete=False)
        return self._opened

    def response_head(self, status: int, headers: Headers, at: float) -> None:
        """The final response head."""
        self._status = status
        self._head_at = at
        self._response = read_response_head(headers, self._anchor.wall_time(at), limits=not self._hurry)
        if status >= 400 or self._route.creates_batch:
            self._body = Body(MAX_ERROR)
        elif status >= 300:
            return  # a redirect has no message
        elif self._route.message_reply and self._response.content_type == EVENT_STREAM:
            self._stream = MessageStream(self._reply, self._salt, resumed=self._resumed)
        elif self._route.message_reply:
            self._body = Body(MAX_REPLY)

    def response_body(self, data: bytes, at: float) -> None:
        """Content-decoded bytes of the response, in order, and when they came in."""
        if self._stream is not None:
            self._stream.feed(data, at)
        elif self._body is not None:
            self._body.add(data)

    @property
    def fetches_results(self) -> bool:
        """The reply is the results of a batch: many messages in one body, which are read elsewhere."""
        return self._route.fetches_results and self._status == 200

    def note(self, reason: str) -> None:
        """A part of the exchange could not be read; `reason` becomes a parse error."""
        self._notes.error(reason)

    def fail(self, reason: str) -> None:
        """Bytes of this exchange could not be had; `reason` becomes a parse error."""
        self._blind = True
        self._notes.error(reason)

    def close(self, ending: Ending, reason: str, proxy_status: int, at: float) -> Call:
        """The exchange ended: the finished call.

        `proxy_status` is the status of the proxy's own answer, 0 where it gave none; `reason` is
        then its error code.
        """
        if self._opened is None:
            self._opened = self._open(complete=False)
        named = self._read_reply(ending, at)
        if self._went_well(ending, proxy_status, named):
            return self._call(Outcome.OK, None, self._status, at)
        outcome = judge(self._evidence(ending, proxy_status, named))
        error = explain(outcome, named, reason)
        if outcome is not Outcome.OK and self._attempts is not None:
            cause = error.type if error is not None else outcome.value
            self._attempts.failed(self._key(), self._id, self._attempt.number, cause, self._wall(at))
        return self._call(outcome, error, proxy_status or self._status, at)

    def _wall(self, at: float) -> float:
        return self._anchor.wall_time(at)

    def _open(self, *, complete: bool) -> OpenCall:
        if self._route.messages_request:
            self._request, self._user, error = self._read_request(complete=complete)
            self._read_whole = complete and error is None and not self._blind
            if error is not None and not self._blind:
                self._notes.error(error)
        else:
            self._request = RequestFacts(body_bytes=self._upload.size)
        self._link()
        return OpenCall(
            id=self._id,
            endpoint=self._route.endpoint,
            model=model_label(self._request.model),
            project=self._labels.get("project", DEFAULT_PROJECT),
            labels=self._labels,
        )

    def _read_request(self, *, complete: bool) -> ReadRequest:
        size, whole, body = self._upload.size, self._upload.whole, self._upload.take()
        if self._hurry and complete:
            return ReadRequest(skim_request(body[:SKIM], body[-SKIM:], size), error="request_skimmed")
        if self._skimmed is not None:
            size, end = self._skimmed
            return ReadRequest(skim_request(body[:PEEK], end, size), error="request_skimmed")
        if whole and complete:
            return read_request(body, self._salt, size)
        error = None if whole else "request_too_large"
        return ReadRequest(peek_request(body[:PEEK], size), error=error)

    def _link(self) -> None:
        if self._attempts is not None and self._attempts.waiting:
            started = self._wall(self._started)
            self._attempt = self._attempts.opened(self._key(), self._head.retry_count, started)

    def _key(self) -> Key | None:
        head = self._head
        return attempt_key(
            self._route.endpoint, head.trace, head.credential, self._request.body_hash, head.retry_count
        )

    def _read_reply(self, ending: Ending, at: float) -> CallError | None:
        """Read what is left of the reply; the error that it names, if any."""
        if self._stream is not None:
            self._stream.finish(at, complete=ending is Ending.COMPLETE)
            self._blind = self._blind or self._stream.lost
            return self._reply.error
        if self._body is None:
            return None
        whole, body = self._body.whole, self._body.take()
        if self._status is not None and self._status >= 400:
            return self._read_error(body, self._status)
        if self._route.creates_batch:
            self._read_batch(body)
        else:
            self._read_message(body, whole=whole, expected=ending is Ending.COMPLETE and not self._blind)
        return self._reply.error

    def _read_error(self, body: bytes, status: int) -> CallError:
        value = tolerant.parse(body)
        self._reply.request_id = request_id_of(value)
        return read_error(value, type_of_status(status))

    def _read_batch(self, body: bytes) -> None:
        value = tolerant.parse(body)
        if tolerant.is_object(value):
            self._reply.batch_id = tolerant.text(value.get("id"), 128)
            self._reply.batch_size = _batch_size(value.get("request_counts"))

    def _read_message(self, body: bytes, *, whole: bool, expected: bool) -> None:
        if not whole:
            self._notes.error("reply_too_large")
        elif expected or tolerant.parse(body) is not None:
            read_message_body(body, self._reply, self._salt)

    def _went_well(self, ending: Ending, proxy_status: int, named: CallError | None) -> bool:
        """A whole message came, as nearly always: there is nothing to `judge`."""
        return (
            self._reply.complete
            and self._status == 200
            and ending is Ending.COMPLETE
            and named is None
            and not proxy_status
        )

    def _evidence(self, ending: Ending, proxy_status: int, named: CallError | None) -> Evidence:
        return Evidence(
            ending=ending,
            proxy_status=proxy_status,
            status=self._status,
            error=named,
            event_stream=self._response.content_type == EVENT_STREAM,
            message_stream=self._stream is not None,
            cut_off=self._reply.cut_off,
            complete=self._reply.complete,
            blind=self._blind,
        )

    def _call(self, outcome: Outcome, error: CallError | None, status: int | None, at: float) -> Call:
        head, response, reply, request = self._head, self._response, self._reply, self._request
        usage = reply.usage.result()
        return Call(
            id=self._id,
            engine=self._engine,
            method=self._method,
            endpoint=self._route.endpoint,
            started_at=self._wall(self._started),
            ended_at=self._wall(at),
            outcome=outcome,
            status=status,
            error=error,
            model=model_label(reply.model or request.model),
            model_asked=request.model,
            model_served=reply.model,
            stream=response.content_type == EVENT_STREAM,
            request=request,
            usage=usage,
            cache_writes=cache_writes(usage, request.cache_ttls) if usage is not None else CacheWrites(),
            cache_outcome=cache_outcome(usage, request.cache_marks if self._read_whole else None),
            cache_miss_reason=reply.cache_miss_reason,
            message_id=reply.message_id,
            stop_reason=reply.stop_reason,
            blocks=reply.blocks,
            characters=reply.characters,
            tool_calls=tuple(reply.tool_calls),
            tool_loop=request.repeated_tool_calls >= TOOL_LOOP,
            timings=self._timings(usage, at),
            rate_limits=response.rate_limits,
            rate_limit_windows=response.rate_limit_windows,
            subscription=head.oauth or response.unified,
            credential=head.credential,
            organization_id=response.organization_id,
            request_id=response.request_id or reply.request_id,
            labels=self._labels,
            project=self._labels.get("project", DEFAULT_PROJECT),
            session=head.session or self._labels.get("session") or self._user,
            user=self._user,
            client=head.client,
            api_version=head.api_version,
            betas=head.betas,
            trace=head.trace,
            attempt=self._attempt.number,
            attempt_inferred=self._attempt.inferred,
            retry_of=self._attempt.retry_of,
            retry_cause=self._attempt.retry_cause,
            retry_after=response.retry_after if (self._status or 0) >= 400 else None,
            batch_id=self._route.batch_id or reply.batch_id,
            batch_size=reply.batch_size,
            resumed=self._resumed,
            unknown=tuple(self._notes.unknown),
            parse_errors=tuple(self._notes.parse_errors),
        )

    def _timings(self, usage: Usage | None, at: float) -> Timings:
        started, stream = self._started, self._stream
        duration = at - started
        headers = None if self._head_at is None else self._head_at - started
        if stream is None:
            return Timings(duration=duration, headers=headers)
        if stream.partial:
            last, gap = _since(started, stream.last_token), stream.largest_gap
            return Timings(duration=duration, headers=headers, last_token=last, largest_gap=gap)
        return Timings(
            duration=duration,
            headers=headers,
            first_event=_since(started, stream.first_event),
            first_token={kind: moment - started for kind, moment in stream.first_token.items()},
            first_token_any=_since(started, stream.first_token_any),
            last_token=_since(started, stream.last_token),
            largest_gap=stream.largest_gap,
            output_tokens_per_second=_rate(usage, stream),
        )


def _since(started: float, moment: float | None) -> float | None:
    return None if moment is None else moment - started


def _rate(usage: Usage | None, stream: MessageStream) -> float | None:
    first, last = stream.first_token_any, stream.last_token
    if usage is None or usage.output_tokens is None or first is None or last is None or last <= first:
        return None
    return usage.output_tokens / (last - first)


def _batch_size(counts: object) -> int | None:
    """Requests of a batch, whatever has become of them (`MessageBatchRequestCounts` of the SDK)."""
    if not tolerant.is_object(counts):
        return None
    known = [tolerant.count(value) for value in counts.values()]
    return sum(number for number in known if number is not None)
