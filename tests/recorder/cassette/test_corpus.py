"""Every recorded file, as our cassette, in every layout."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.recorder.cassette.strategies import plain
from tests.support import recordings
from tests.support.cassettes import to_cassettes

from tokentape.recorder.cassette import fast
from tokentape.recorder.cassette.layout import Layout
from tokentape.recorder.cassette.parsing import parse
from tokentape.recorder.cassette.store import Options, load, written

if TYPE_CHECKING:
    from tokentape.recorder.cassette.interaction import Cassette

ROOT = recordings.folder()
REASON = f"{recordings.VARIABLE} names no folder of recordings"
pytestmark = pytest.mark.skipif(ROOT is None and os.environ.get("TOKENTAPE_CI_STRICT") != "1", reason=REASON)


@pytest.fixture(scope="module")
def cassettes() -> dict[str, Cassette]:
    if ROOT is None:
        pytest.fail(REASON)
    return to_cassettes(recordings.load(ROOT))


@pytest.mark.parametrize("layout", Layout)
def test_it_is_read_as_it_was_and_written_as_it_was_read(
    cassettes: dict[str, Cassette], layout: Layout
) -> None:
    for name, cassette in cassettes.items():
        text, files = written(cassette, options=Options(layout=layout))
        read = parse(text.encode("ascii"), name, files.__getitem__)
        assert plain(read) == plain(cassette), name
        assert written(read, options=Options(layout=layout)) == (text, files), name


def test_the_fast_reader_reads_it_as_the_full_reader_does(cassettes: dict[str, Cassette]) -> None:
    for name, cassette in cassettes.items():
        data = written(cassette)[0].encode()
        assert fast.read(data) == parse(b"# read in full\n" + data, name), name


def test_other_recorders_files_of_vcrpys_shape_are_loaded(cassettes: dict[str, Cassette]) -> None:
    """The same requests and replies as the tests' own reader finds in them."""
    assert ROOT is not None
    read = 0
    for name, cassette in cassettes.items():
        if name.startswith(("posit-dev", "traceloop", "open-telemetry", "langchain-ai")):
            ours = [
                each for each in load(ROOT / name).interactions if "api.anthropic.com" in each.request.uri
            ]
            assert [(each.request.body, each.response.status, each.response.body) for each in ours] == [
                (each.request.body, each.response.status, each.response.body)
                for each in cassette.interactions
            ], name
            read += 1
    assert read > 150
