"""What the endpoints of one stand-in share, and what one request brings them."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from time import monotonic
from typing import TYPE_CHECKING, Final

from tokentape.recorder.standin.answer import Answer, break_connection
from tokentape.recorder.standin.batches import Batches
from tokentape.recorder.standin.behaviour import Behaviours, Settings
from tokentape.recorder.standin.faults import STATUSES, FaultBook
from tokentape.recorder.standin.heads import JSON, response_head
from tokentape.recorder.standin.ids import Ids
from tokentape.recorder.standin.prompt_cache import PromptCache
from tokentape.recorder.standin.ratelimits import RateLimiter
from tokentape.recorder.standin.totals import Tally, Totals
from tokentape.recorder.wire.answer import GROUP, Ending, cut_at, grouped
from tokentape.recorder.wire.coding import choose, encoded
from tokentape.recorder.wire.errors import ApiError

if TYPE_CHECKING:
    from tokentape.recorder.standin.behaviour import Behaviour
    from tokentape.recorder.standin.faults import Fault

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
    """

    __slots__ = (
        "body",
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
        self.settings = settings or Settings()
        self.behaviours = Behaviours(self.settings)
        self.ids = Ids(self.settings.seed)
        self.cache = PromptCache()
        self.limiter = RateLimiter()
        self.faults = FaultBook()
        self.batches = Batches()
        self.totals = Totals()

    def now(self) -> float:
        """Monotonic seconds."""
        return monotonic()

    def wall(self) -> datetime:
        """The time of day."""
        return datetime.now(UTC)

    def fault(self, call: Call, behaviour: Behaviour) -> Fault | None:
        """What goes wrong with this call.

        Raises:
            ApiError: the fault is an error status.
        """
        if not behaviour.fault:
            return None
        caller = behaviour.id or blake2b(call.body, digest_size=16).hexdigest()
        fault = self.faults.next(behaviour.fault, caller)
        if fault is None:
            return None
        status = fault.number("code", 500) if fault.name == "status" else STATUSES.get(fault.name)
        if status is not None:
            raise ApiError(status, headers=_retry_after(fault))
        return fault

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
        if fault and fault.name == "malformed":
            body = body[: len(body) // 2]
        coding = choose(behaviour.encoding, call.header(b"accept-encoding"))
        body = encoded(body, coding)
        wrong = fault.number("by", 10) if fault and fault.name == "wrong_length" else 0
        head = response_head(
            tally.status,
            call.request_id,
            content_type=content_type,
            length=max(0, len(body) + wrong),
            coding=coding,
            wall=self.wall().timestamp(),
            keep_alive=call.keep_alive and not wrong,
            more=headers,
        )
        ending = Ending.CUT if wrong else Ending.KEEP if call.keep_alive else Ending.CLOSE
        answer = Answer(pieces=[head, body], due=[due, due] if due else [], ending=ending, tally=tally)
        if fault:
            _broken_off(answer, fault)
        elif len(body) > GROUP:
            answer.pieces = [head, *grouped([body])]
            answer.due = [due] * len(answer.pieces) if due else []
        return answer

    def refused(self, call: Call, error: ApiError) -> Answer:
        """The reply to a request that the API refuses."""
        tally = Tally(endpoint=call.endpoint, status=error.status, error=error.type)
        retry = _RETRY if error.status in {429, 500, 504, 529} else _NO_RETRY
        return self.whole(
            call, self.settings, tally, error.body(call.request_id), headers=retry + error.headers
        )


def _retry_after(fault: Fault) -> bytes:
    lines = [
        b"%b: %d\r\n" % (name.replace("_", "-").encode(), fault.numbers[name])
        for name in ("retry_after", "retry_after_ms")
        if name in fault.numbers
    ]
    if not lines and fault.name == "rate_limit":
        lines = [b"retry-after: 1\r\n"]
    return b"".join(lines)


def _broken_off(answer: Answer, fault: Fault) -> None:
    """What a fault of the connection leaves of a reply that is no stream."""
    break_connection(answer, fault)
    if fault.name == "cut" and "byte" not in fault.numbers:
        cut_at(answer, len(answer.pieces[0]) + len(answer.pieces[1]) // 2)
        answer.ending = Ending.RESET if fault.number("reset", 0) else Ending.CUT
    elif fault.name == "stall":
        _stall(answer, fault.numbers.get("seconds"))


def _stall(answer: Answer, seconds: float | None) -> None:
    head, body = answer.pieces
    half = len(body) // 2
    if seconds is None:
        answer.pieces, answer.due, answer.ending = [head, body[:half]], answer.due, Ending.HANG
        return
    due = answer.due[0] if answer.due else 0.0
    answer.pieces = [head, body[:half], body[half:]]
    answer.due = [due, due, due + seconds]
