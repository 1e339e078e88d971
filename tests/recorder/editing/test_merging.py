from __future__ import annotations

import msgspec
from tests.recorder.editing.samples import first_turn, second_turn

from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.editing.merging import merged


def test_interactions_follow_each_other_as_the_cassettes_do() -> None:
    one = Cassette(interactions=(second_turn(),), metadata={"recorder": "a", "x": "1"})
    other = Cassette(interactions=(first_turn(),), metadata={"recorder": "b", "y": "2"})
    assert merged([one, other]) == Cassette(
        interactions=(second_turn(), first_turn()), metadata={"recorder": "a", "x": "1", "y": "2"}
    )


def test_the_same_recording_is_kept_once() -> None:
    one = Cassette(interactions=(first_turn(), second_turn()))
    assert merged([one, one]) == one


def test_equal_replies_of_two_times_are_two() -> None:
    """A poll that is answered alike twice is asked twice, too; and a time that is unknown is no proof."""
    later = msgspec.structs.replace(first_turn(), recorded_at=1.0)
    unknown = msgspec.structs.replace(first_turn(), recorded_at=None)
    whole = Cassette(interactions=(first_turn(), later, unknown, unknown))
    assert merged([whole]) == whole
