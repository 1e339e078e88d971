"""The look-ups that are measured are the right ones. How fast they are is nobody's business here."""

from __future__ import annotations

import pytest
from tests.benchmarks.matching import LARGE, SMALL, Line, Tokentape, Vcrpy, bodies, check, ratio, report, run

SIZE = 12


def lines() -> list[Line]:
    asked = bodies(SIZE)
    ours, theirs = Tokentape(asked), Vcrpy(asked)
    return [Line("tokentape", SIZE, 5, ours, asked), Line("vcrpy", SIZE, 2, theirs, asked)]


def test_each_round_measures_everybody() -> None:
    measured = lines()
    run(measured, rounds=2)
    assert [len(line.seconds) for line in measured] == [2, 2]
    assert all(seconds > 0 for line in measured for seconds in line.seconds)


def test_who_gives_the_wrong_reply_is_not_measured() -> None:
    (ours, _), asked = lines(), bodies(SIZE + 1)[1:]
    wrong = Line("tokentape", SIZE, 5, ours.contender, asked)
    with pytest.raises(RuntimeError, match=r"tokentape gave .* for request 0 of 12"):
        check(wrong)


def test_a_ratio_is_the_median_of_the_rounds_and_is_held_to_its_floor() -> None:
    ours = lines()[0]
    small = Line("tokentape", SMALL, 1, ours.contender, [], [1.0, 2.0, 4.0])
    large = Line("tokentape", LARGE, 1, ours.contender, [], [1.0, 3.0, 4.0])
    assert ratio([small, large], ("tokentape", LARGE), ("tokentape", SMALL)) == 1.0
    assert ratio([small], ("vcrpy", 800), ("tokentape", SMALL)) is None
    assert report([small, large])[-1].endswith("1.00 times   at most 1.3: met")
