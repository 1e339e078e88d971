"""Stock vcrpy and pytest-recording replay our files to the real SDK, and we read what vcrpy records."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anthropic
import pytest
from tests.recorder.cassette.dialogue import ANSWER, WAYS, answer, dialogue, interaction
from tests.recorder.cassette.loop import picture
from tests.recorder.cassette.strategies import events, meaning
from tests.support.upstream import ENDING, OPENING, UNARY, held_upstream

from tokentape.recorder.cassette.interaction import Cassette, Interaction, Response
from tokentape.recorder.cassette.layout import Layout
from tokentape.recorder.cassette.store import Options, load, save

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")


def player(**options: Any) -> Any:
    """A stock player that compares bodies, too, and asks nobody."""
    vcr: Any = importlib.import_module("vcr")
    matched = ["method", "scheme", "host", "port", "path", "query", "body"]
    return vcr.VCR(record_mode="none", match_on=matched, **options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("yaml", Options()),
        ("json", Options()),
        ("yaml", Options(verbatim=True)),
        ("yaml", Options(layout=Layout.SHARED)),
        ("yaml", Options(layout=Layout.COMPACT)),
    ],
    ids=["yaml", "json", "verbatim", "shared", "compact"],
)
def test_vcrpy_replays_our_files(tmp_path: Path, kind: str, options: Options) -> None:
    twice = dialogue().interactions * 2
    save(Cassette(interactions=twice), tmp_path / f"x.{kind}", options=options)
    with player(serializer=kind).use_cassette(str(tmp_path / f"x.{kind}")) as cassette:
        assert [answer(way) for way in WAYS] == [ANSWER] * len(WAYS)
        assert cassette.all_played


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_our_extras_survive_vcrpys_loading_and_saving(tmp_path: Path, kind: str) -> None:
    vcr: Any = importlib.import_module("vcr.serialize")
    serializer: Any = importlib.import_module(f"vcr.serializers.{kind}serializer")
    path = tmp_path / f"x.{kind}"
    save(dialogue(), path)
    ours = load(path)
    requests, responses = vcr.deserialize(path.read_text(), serializer)
    path.write_text(vcr.serialize({"requests": requests, "responses": responses}, serializer))
    theirs = load(path)
    assert theirs.interactions == ours.interactions
    assert ours.interactions[1].response.timing is not None


def test_vcrpy_fails_on_a_reply_with_media_rather_than_serving_a_reference(tmp_path: Path) -> None:
    asked = interaction(stream=False)
    reply = Response(status=200, headers=(("content-type", "image/png"),), body=picture())
    cassette = Cassette(interactions=(Interaction(request=asked.request, response=reply),))
    save(cassette, tmp_path / "x.yaml", options=Options(layout=Layout.COMPACT))
    with (
        player().use_cassette(str(tmp_path / "x.yaml")),
        pytest.raises(anthropic.APIConnectionError) as raised,
    ):
        answer("unary")
    assert repr(raised.value.__cause__) == "KeyError('string')"


RECORDED = """
import anthropic
import pytest
from tests.recorder.cassette.dialogue import ANSWER, WAYS, answer

@pytest.fixture(scope="module")
def vcr_config():
    return {config}

@pytest.mark.vcr
@pytest.mark.block_network
@pytest.mark.default_cassette("dialogue")
@pytest.mark.parametrize("way", WAYS)
def test_replayed(way, vcr):
    assert answer(way) == ANSWER
    assert vcr.play_count == 1
"""


def test_pytest_recording_replays_our_files(tmp_path: Path) -> None:
    files = [("yaml", Layout.READABLE), ("yaml", Layout.SHARED), ("json", Layout.READABLE)]
    for kind, layout in files:
        config = {"serializer": kind, "match_on": ["method", "host", "path", "body"]}
        module = f"test_{kind}_{layout}"
        (tmp_path / f"{module}.py").write_text(RECORDED.replace("{config}", repr(config)))
        place = tmp_path / "cassettes" / module / f"dialogue.{kind}"
        save(dialogue(), place, options=Options(layout=layout))
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path))
    result = subprocess.run(
        [*command, "--record-mode=none", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(WAYS) * len(files)} passed" in result.stdout


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_we_read_what_vcrpy_records(tmp_path: Path, kind: str) -> None:
    vcr: Any = importlib.import_module("vcr")
    path = tmp_path / f"x.{kind}"
    with held_upstream() as upstream:
        upstream.release()
        with vcr.VCR(serializer=kind, record_mode="all").use_cassette(str(path)):
            assert answer("unary", upstream.url) == ANSWER
            assert answer("stream", upstream.url) == ANSWER
    unary, stream = load(path).interactions
    assert (unary.request.method, unary.request.uri) == ("POST", f"{upstream.url}/v1/messages")
    assert meaning(unary.response.body) == meaning(UNARY)
    assert events(stream.response.body) == events(OPENING + ENDING)
    assert stream.response.streamed
    assert stream.response.timing is None
