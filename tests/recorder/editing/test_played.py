from __future__ import annotations

import hashlib

import pytest
from tests.recorder.editing.samples import first_turn, second_turn

from tokentape.recorder.cassette.interaction import Cassette
from tokentape.recorder.editing.errors import EditingError
from tokentape.recorder.editing.played import Played, begun, ended, pruned, read_report

FILE = b"the cassette's file"
WHOLE = Cassette(interactions=(first_turn(), second_turn(), second_turn("Again.")), metadata={"a": "b"})


def report(*played: int, data: bytes = FILE, count: int = 3) -> tuple[str, Played]:
    written = ended(begun("chat.yaml", data, count), played)
    return "x.played.json", read_report(written, "x.played.json")


def test_a_report_is_one_line_of_json() -> None:
    digest = hashlib.sha256(FILE).hexdigest()
    assert ended(begun("chat.yaml", FILE, 3), [2, 0, 2]) == (
        b'{"version":1,"cassette":"chat.yaml","sha256":"%b","interactions":3,"played":[0,2]}\n'
        % digest.encode()
    )


def test_what_any_report_played_is_kept() -> None:
    kept = pruned(WHOLE, FILE, [report(0), report(2, 0)])
    assert kept == Cassette(interactions=(WHOLE.interactions[0], WHOLE.interactions[2]), metadata={"a": "b"})


@pytest.mark.parametrize("wrong", [report(0, data=b"another"), report(0, count=2)])
def test_the_report_of_another_file_is_refused(wrong: tuple[str, Played]) -> None:
    with pytest.raises(EditingError) as caught:
        pruned(WHOLE, FILE, [report(0), wrong])
    assert str(caught.value) == (
        "x.played.json is the report of chat.yaml as it was before, or of another file: "
        "replay again, then prune."
    )


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"version":1}', b"[" * 5000])
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(EditingError, match=r"^x is no play report: .*\.$"):
        read_report(data, "x")


def test_a_later_version_is_refused() -> None:
    data = ended(begun("a", b"", 0), []).replace(b'"version":1', b'"version":2')
    with pytest.raises(EditingError, match=r"^x has the version 2, and only version 1 can be read\.$"):
        read_report(data, "x")
