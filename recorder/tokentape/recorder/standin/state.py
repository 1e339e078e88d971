"""What the endpoints of one stand-in share, and what one request brings them."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Final

from tokentape.recorder.faults.attempt import read_attempt
from tokentape.recorder.faults.replies import error_of, is_retried
from tokentape.recorder.standin.answer import Answer, coded, counted, faulty, whole_answer
from tokentape.recorder.standin.batches import Batches
from tokentape.recorder.standin.behaviour import Behaviours, Settings
from tokentape.recorder.standin.books import Books
from tokentape.recorder.standin.heads import JSON, response_head
from tokentape.recorder.standin.ids import Ids
from tokentape.recorder.standin.prompt_cache import PromptCache
from tokentape.recorder.standin.ratelimits import RateLimiter
from tokentape.recorder.standin.totals import Tally, Totals
from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.body import Body
from tokentape.recorder.wire.coding import choose
from tokentape.recorder.wire.reply import Reply

if TYPE_CHECKING:
    from tokentape.recorder.faults.attempt import Attempt
    from tokentape.recorder.faults.book import Book
    from tokentape.recorder.faults.fault import Fault
    from tokentape.recorder.standin.behaviour import Behaviour
    from tokentape.recorder.wire.errors import ApiError

_NO_RETRY: Final = b"x-should-retry: false\r\n"
_RETRY: Final = b"x-should-retry: true\r\n"


class Call:
    """One request, read to its end.

    Attributes:
        method, target: as sent; `path` is the target without prefix and query.
        headers: by name in lower case.
        credential: what the client identified itself with; empty if it did not.
        modern: HTTP/1.1, so that the reply may be chunked.
        keep_alive: the connection may carry another request.
        endpoint: its name for the totals, where the path has one.
        repeat: its behaviour allows to give the reply again.
        book, attempt: what may go wrong with it, and what it is to that; `None` where nothing may.
    """

    __slots__ = (
        "attempt",
        "body",
        "book",
        "credential",
        "endpoint",
        "headers",
        "keep_alive",
        "method",
        "modern",
        "path",
        "repeat",
        "request_id",
        "target",
    )

    def __init__(  # noqa: PLR0913 - a request has these parts
        self,
        method: bytes,
        target: bytes,
        headers: dict[bytes, bytes],
        body: bytes,
        *,
        request_id: str = "req_01",
        modern: bool = True,
        keep_alive: bool = True,
    ) -> None:
        self.method = b"GET" if method == b"HEAD" else method
        self.target = target
        self.path = _path(target)
        self.headers = headers
        self.body = body
        self.request_id = request_id
        self.modern = modern
        self.keep_alive = keep_alive
        self.credential = _credential(headers)
        self.endpoint = "other"
        self.repeat = False
        self.book: Book | None = None
        self.attempt: Attempt | None = None

    def header(self, name: bytes) -> bytes:
        """A header's value, or nothing."""
        return self.headers.get(name, b"")


def _path(target: bytes) -> str:
    path = target.partition(b"?")[0].decode("latin-1")
    start = path.find("/v1/")
    return path[start:] if start > 0 else path


def _credential(headers: dict[bytes, bytes]) -> bytes:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and token:
        return token.strip()
    return headers.get(b"x-api-key", b"") or headers.get(b"api-key", b"")


class State:
    """Everything that lives longer than a request."""

    def __init__(self, settings: Settings | None = None) -> None:
        """A fault of the settings that cannot be understood is a `BehaviourError`."""
        self.settings = settings or Settings()
        self.behaviours = Behaviours(self.settings)
        self.ids = Ids(self.settings.seed)
        self.cache = PromptCache()
        self.limiter = RateLimiter()
        self.books = Books()
        self.batches = Batches()
        self.totals = Totals()
        self.books.find(self.settings)

    def now(self) -> float:
        """Monotonic seconds."""
        return monotonic()

    def wall(self) -> datetime:
        """The time of day."""
        return datetime.now(UTC)

    # Faults.

    def fault(self, call: Call, behaviour: Behaviour) -> Fault | None:
        """What goes wrong with this call.

        Raises:
            ApiError: the fault is an error status.
            BehaviourError: it cannot be understood.
        """
        book = self.books.find(behaviour)
        if not book:
            return None
        attempt = call.attempt = read_attempt(
            call.method.decode("latin-1"),
            call.target.decode("latin-1"),
            call.body,
            session=behaviour.id,
            request_id=call.request_id,
            wall=self.wall().timestamp(),
        )
        call.book = book
        fault = book.strike(attempt)
        error = error_of(fault, attempt) if fault else None
        if error:
            raise error
        return fault

    def limited(self, call: Call, reply: Reply) -> bytes:
        """Header lines of the limits that are enforced on a call; none where there are none."""
        if call.book is None or call.attempt is None or reply.status != 200:
            return b""
        lines = call.book.limits(call.attempt, reply)
        return "".join(f"{name}: {value}\r\n" for name, value in lines).encode()

    def refuses(self) -> bool:
        """A connection that has just been made is to be reset."""
        return bool(self.settings.fault) and self.books.find(self.settings).refuses()

    # Replies.

    def whole(  # noqa: PLR0913 - the parts of a reply
        self,
        call: Call,
        behaviour: Behaviour,
        tally: Tally,
        body: bytes,
        *,
        content_type: str = JSON,
        headers: bytes = b"",
        due: float = 0.0,
        fault: Fault | None = None,
    ) -> Answer:
        """A reply that is no stream."""
        plain = Reply(
            status=tally.status,
            headers=[("content-type", content_type)],
            body=Body(data=[body], due=[due] if due else []),
            head_due=due,
        )
        coding = choose(behaviour.encoding, call.header(b"accept-encoding"))
        reply = coded(plain, fault, coding, behaviour)
        head = response_head(
            tally.status,
            call.request_id,
            content_type=content_type,
            length=max(0, sum(map(len, reply.body.data)) + reply.length_off),
            coding=coding,
            wall=self.wall().timestamp(),
            keep_alive=call.keep_alive and not reply.length_off,
            more=self.limited(call, plain) or headers,
        )
        answer = whole_answer(head, reply, counted(tally, faulty(plain, fault, behaviour), fault))
        if answer.ending == Ending.KEEP and not call.keep_alive:
            answer.ending = Ending.CLOSE
        return answer

    def refused(self, call: Call, error: ApiError) -> Answer:
        """The reply to a request that the API refuses."""
        tally = Tally(endpoint=call.endpoint, status=error.status, error=error.type)
        retry = _RETRY if is_retried(error.status) else _NO_RETRY
        return self.whole(
            call, self.settings, tally, error.body(call.request_id), headers=retry + error.headers
        )
