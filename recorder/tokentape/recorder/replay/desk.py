"""Which answer a request gets: a recording, a refusal that says what is missing, or a report.

Every refusal is Anthropic-shaped and carries `x-should-retry: false`, which the official SDKs obey: the
application sees it at once, with the whole text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.faults.attempt import read_attempt
from tokentape.recorder.faults.book import Book
from tokentape.recorder.matching.miss import answer_for
from tokentape.recorder.replay.answers import reply_for
from tokentape.recorder.replay.links import relinked
from tokentape.recorder.replay.report import OTHER, named, report_of
from tokentape.recorder.replay.sessions import AddressError, Note
from tokentape.recorder.scrubbing.allowed import recordable
from tokentape.recorder.scrubbing.policy import DEFAULT
from tokentape.recorder.wire.body import Body
from tokentape.recorder.wire.errors import ApiError
from tokentape.recorder.wire.reply import Reply, to_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokentape.recorder.cassette.interaction import Request
    from tokentape.recorder.replay.asking import Asked
    from tokentape.recorder.replay.sessions import Session, Shelf
    from tokentape.recorder.scrubbing.policy import Policy
    from tokentape.recorder.wire.answer import Answer

OWN: Final = b"/.tokentape/"
"""Below it is the server's own API."""
HEALTH: Final = b"/.tokentape/healthz"
REPORT: Final = b"/.tokentape/replay"
RESET: Final = b"/.tokentape/replay/reset"


class Desk:
    """Answers requests. Nothing that it does waits for anything."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        speed: float = 0.0,
        policy: Policy = DEFAULT,
        book: Book | None = None,
        log: Callable[[str], object] = lambda _: None,
    ) -> None:
        """What answers from a shelf.

        Args:
            shelf: the cassettes; their requests are scrubbed by the same policy.
            speed: as in `reply_for`.
            policy: what is redacted before a request is looked up.
            book: who gets which fault.
            log: is given one line for each request that drifted or was missed.
        """
        self.shelf = shelf
        self._speed = speed
        self._policy = policy
        self._book = book or Book()
        self._log = log

    def refuses(self) -> bool:
        """A connection that has just been made is to be reset."""
        return bool(self._book) and self._book.refuses()

    def answer(self, asked: Asked) -> Answer:
        """The answer to a request; every refusal is one, too."""
        own = asked.address.target.startswith(OWN)
        try:
            reply = self._own(asked) if own else self._reply(asked)
        except AddressError as error:
            reply = self._astray(404, "no_session", str(error), own=own)
        except ApiError as error:
            reply = self._astray(error.status, "request", error.message, own=own)
        return to_answer(reply, asked.client)

    def _astray(self, status: int, code: str, text: str, *, own: bool) -> Reply:
        """No session can look this up. As with a miss, the application may swallow that."""
        if not own:
            self.shelf.totals.astray += 1
            self._log(text)
        return refusal(status, code, text)

    def _reply(self, asked: Asked) -> Reply:
        session = self.shelf.session(asked.address.cassette, asked.address.session)
        request = asked.request(self._policy)
        if not self._book:
            return self._played(session, request, asked.base)
        attempt = read_attempt(request.method, request.uri, request.body, session=_counted_as(session))
        return self._book.answer(attempt, lambda: self._played(session, request, asked.base))

    def _played(self, session: Session, request: Request, base: bytes) -> Reply:
        """What the tape has; `base` as in `relinked`."""
        played = session.play(request)
        interaction = played.interaction
        if interaction is not None:
            session.count(played.verdict.value)
            if played.drift:
                found = "; ".join(map(str, played.drift))
                self._tell(session, request, played.verdict.value, f"{named(request)}: {found}")
            return reply_for(relinked(request, interaction.response, base), speed=self._speed)
        if not recordable(request.method, request.uri):
            return self._elsewhere(session, request)
        assert played.miss is not None
        session.count(played.verdict.value)
        self._tell(session, request, played.verdict.value, str(played.miss))
        return reply_for(answer_for(played.miss))

    def _elsewhere(self, session: Session, request: Request) -> Reply:
        """A request to what no cassette holds: recording again would not help, so it is no miss."""
        session.count(OTHER)
        self._log(f"{OTHER}: {named(request)}: no cassette holds this endpoint")
        return refusal(404, OTHER, f"{named(request)} cannot be replayed: no cassette holds this endpoint.")

    def _tell(self, session: Session, request: Request, verdict: str, text: str) -> None:
        session.note(Note(verdict=verdict, request=named(request), text=text))
        first, _, _ = text.partition("\n")
        self._log(f"{verdict}{f' in session {session.name}' if session.name else ''}: {first}")

    # The server's own API.

    def _own(self, asked: Asked) -> Reply:
        target, _, _ = asked.address.target.partition(b"?")
        method = b"GET" if asked.method == b"HEAD" else asked.method
        if (method, target) == (b"GET", HEALTH):
            return said({"status": "ok"})
        chosen = self.shelf.chosen(asked.address.cassette, asked.address.session)
        reports = [report_of(session) for session in chosen]
        if (method, target) == (b"POST", RESET):
            for session in chosen:
                session.reset()
                self._book.forget(_counted_as(session))
        elif (method, target) == (b"DELETE", REPORT):
            for session in chosen:
                self.shelf.end(session)
                self._book.forget(_counted_as(session))
        elif (method, target) != (b"GET", REPORT):
            raise ApiError(
                404,
                "Use GET /.tokentape/replay, POST /.tokentape/replay/reset, DELETE /.tokentape/replay or "
                "GET /.tokentape/healthz; put /@cassette=NAME,session=ID before it to choose sessions.",
            )
        return said({"cassettes": self.shelf.names, "sessions": reports})


def _counted_as(session: Session) -> str:
    """What faults count a session as."""
    return session.name or session.cassette


def said(value: object) -> Reply:
    """A reply of the server's own."""
    return Reply(
        status=200,
        headers=[("content-type", "application/json")],
        body=Body(data=[msgspec.json.encode(value)], due=[]),
    )


def refusal(status: int, code: str, message: str) -> Reply:
    """A refusal that no client tries again; `code` is the value of `x-tokentape-error`."""
    error = ApiError(status, message)
    body = msgspec.json.encode({"type": "error", "error": {"type": error.type, "message": message}})
    headers = [
        ("content-type", "application/json"),
        ("x-should-retry", "false"),
        ("x-tokentape-error", code),
    ]
    return Reply(status=status, headers=headers, body=Body(data=[body], due=[]))
