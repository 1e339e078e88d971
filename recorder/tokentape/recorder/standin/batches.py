"""Message batches: created, looked at until they end, their results fetched (`anthropic.types.messages`)."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tokentape.recorder.wire.errors import ApiError

if TYPE_CHECKING:
    from tokentape.recorder.standin.turn import Usage

_KEPT: Final = 1_000
_LIFE: Final = timedelta(hours=24)


class Batch:
    """One batch. Its results are worked out when it is created, and shown when it has ended."""

    __slots__ = ("_fetched", "_polls", "_usages", "canceled", "created", "ended", "id", "results")

    def __init__(self, batch_id: str, created: datetime, polls: int) -> None:
        self.id = batch_id
        self.created = created
        self.ended: datetime | None = None
        self.canceled: datetime | None = None
        self.results: list[dict[str, Any]] = []
        self._usages: list[Usage] = []
        self._polls = polls
        self._fetched = False

    def add(self, custom_id: str, result: dict[str, Any], usage: Usage | None) -> None:
        """Add the result of one request."""
        self.results.append({"custom_id": custom_id, "result": result})
        if usage is not None:
            self._usages.append(usage)

    def look(self, now: datetime) -> None:
        """Somebody asks how it stands; when it has been asked often enough it ends."""
        self._polls -= 1
        if self.ended is None and (self._polls <= 0 or self.canceled):
            self.ended = now

    def cancel(self, now: datetime) -> None:
        """Cancel what has not ended."""
        if self.ended is None and self.canceled is None:
            self.canceled = now
            self.results = [{**result, "result": {"type": "canceled"}} for result in self.results]
            self._usages = []

    def fetch(self) -> list[Usage]:
        """The tokens that the results tell of; nothing the second time."""
        usages = [] if self._fetched else self._usages
        self._fetched = True
        return usages

    def as_json(self, base_url: str) -> dict[str, Any]:
        """The batch as the API tells it."""
        kinds = [result["result"]["type"] for result in self.results]
        ended = self.ended is not None
        counts = {
            kind: kinds.count(kind) if ended else 0
            for kind in ("succeeded", "errored", "canceled", "expired")
        }
        running = "canceling" if self.canceled else "in_progress"
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": "ended" if ended else running,
            "request_counts": {"processing": 0 if ended else len(kinds)} | counts,
            "ended_at": self.ended,
            "created_at": self.created,
            "expires_at": self.created + _LIFE,
            "archived_at": None,
            "cancel_initiated_at": self.canceled,
            "results_url": f"{base_url}/v1/messages/batches/{self.id}/results" if ended else None,
        }


class Batches:
    """The batches of a process, the newest thousand."""

    def __init__(self) -> None:
        self._batches: OrderedDict[str, Batch] = OrderedDict()

    def add(self, batch: Batch) -> None:
        """Keep a new batch."""
        self._batches[batch.id] = batch
        if len(self._batches) > _KEPT:
            self._batches.popitem(last=False)

    def get(self, batch_id: str) -> Batch:
        """A batch by its id.

        Raises:
            ApiError: 404.
        """
        batch = self._batches.get(batch_id)
        if batch is None:
            raise ApiError(404, f"Message Batch {batch_id} not found.")
        return batch

    def remove(self, batch_id: str) -> None:
        """Delete a batch.

        Raises:
            ApiError: 404.
        """
        self.get(batch_id)
        del self._batches[batch_id]

    def newest(self) -> list[Batch]:
        """All, the newest first."""
        return list(reversed(self._batches.values()))
