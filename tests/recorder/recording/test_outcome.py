"""What became of a recording, over dead observers and recorders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentape.recorder.recording.handover import Batch
from tokentape.recorder.recording.outcome import NAMED, Outcome, read_outcome, write_outcome
from tokentape.recorder.recording.takes import Loss

if TYPE_CHECKING:
    from pathlib import Path

LOSS = Loss(reason="skimmed", endpoint="POST /v1/messages", at=1.0)


def batch(number: int, **seen: int) -> Batch:
    return Batch(number=number, seen=seen, carried=dict.fromkeys(seen, 10))


def test_what_was_carried_and_no_observer_saw_is_missing() -> None:
    outcome = Outcome()
    outcome.heard("first", batch(1, w0=3, w1=10))
    outcome.heard("first", batch(2, w0=4))
    outcome.heard("second", batch(1, w0=5))
    assert (outcome.unseen, outcome.lost) == (1, 1)
    assert outcome.observers["first"].batch == 2


def test_losses_are_named_up_to_a_bound_and_counted_beyond() -> None:
    outcome = Outcome()
    outcome.heard("o", Batch(number=1, losses=(LOSS,) * (NAMED + 3), more_losses=4))
    assert (len(outcome.losses), outcome.more_losses, outcome.lost) == (NAMED, 7, NAMED + 7)


def test_it_is_kept_in_a_file(tmp_path: Path) -> None:
    outcome = Outcome(recorded=3, losses=[LOSS], carried={"w": 1})
    write_outcome(tmp_path / "o.json", outcome)
    assert read_outcome(tmp_path / "o.json") == outcome
    assert read_outcome(tmp_path / "none.json") == Outcome()
    write_outcome(tmp_path / "gone" / "o.json", outcome)
