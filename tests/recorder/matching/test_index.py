"""The index as bytes."""

from __future__ import annotations

from tests.recorder.matching.test_player import asking, cassette, given_for, polling

from tokentape.recorder.matching.player import Player
from tokentape.recorder.matching.rules import Rules
from tokentape.recorder.matching.verdict import Verdict


def test_an_index_that_was_kept_gives_the_same() -> None:
    recorded = cassette(asking("Why?", metadata={"user_id": "a"}), polling(), polling())
    kept = Player(recorded).derived
    asked = (polling(), asking("Why?"), asking("How?"), polling())
    again = Player(recorded, derived=kept)
    assert again.derived == kept
    assert given_for(again, *asked) == given_for(Player(recorded), *asked)


def test_an_index_of_other_rules_or_another_length_or_no_index_is_not_taken() -> None:
    recorded = cassette(asking("Why 1?"), polling())
    rules = Rules(patterns=(r"\d",))
    right = Player(recorded, rules).derived
    wrong = (Player(recorded).derived, Player(recorded[:1], rules).derived, b"", b"\xff", right[:-3])
    for derived in wrong:
        player = Player(recorded, rules, derived=derived)
        assert player.derived == right
        assert given_for(player, asking("Why 2?")) == [(Verdict.NORMALISED, 0)]
