"""Long base64 and binary bodies as files beside a cassette."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.recorder.cassette.loop import loop, picture

from tokentape.recorder.cassette.errors import CassetteError
from tokentape.recorder.cassette.interaction import Cassette, Interaction, Response
from tokentape.recorder.cassette.layout import Layout
from tokentape.recorder.cassette.media import LEAST, added, put_back, taken_out
from tokentape.recorder.cassette.store import Options, load, save

if TYPE_CHECKING:
    from pathlib import Path

    from tokentape.recorder.cassette.media import Files

PICTURE = picture()
NAME = f"{hashlib.sha256(PICTURE).hexdigest()}.png"
LONG = base64.b64encode(PICTURE).decode()
COMPACT = Options(layout=Layout.COMPACT)


def test_a_long_base64_string_becomes_a_reference() -> None:
    files: Files = {}
    assert taken_out(f'{{"data": "{LONG}"}}', files) == f'{{"data": "tokentape-media:{NAME}"}}'
    assert files == {NAME: PICTURE}


@pytest.mark.parametrize(
    "text",
    [
        f'"{LONG[: LEAST - 4]}"',
        f'"{LONG[:-1]}"',
        f'" {LONG}"',
        f'"tokentape-media:{NAME}", "{LONG}"',
        '"' + "A" * LEAST + 'B=="',
    ],
    ids=["short", "no base64", "white space", "a reference already", "another spelling of the same bytes"],
)
def test_what_would_not_come_back_to_the_byte_stays_in_place(text: str) -> None:
    files: Files = {}
    assert taken_out(text, files) == text
    assert files == {}


TEXTS = st.lists(
    st.sampled_from(
        ['"', "\\", LONG, "A" * LEAST, "x", "tokentape-media:", f'"tokentape-media:{NAME}"', "=", " "]
    ),
    max_size=8,
).map("".join)


@given(text=TEXTS)
def test_what_is_taken_out_is_put_back_to_the_byte(text: str) -> None:
    files: Files = {}
    short = taken_out(text, files)
    if short != text:
        assert put_back(short, files.__getitem__) == text


@pytest.mark.parametrize(
    ("magic", "kind"),
    [(b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpg"), (b"%PDF-1.7", "pdf"), (b"GIF89a", "gif"), (b"", "bin")],
)
def test_a_file_has_the_extension_of_what_it_holds(magic: bytes, kind: str) -> None:
    assert added(magic, {}).endswith(f".{kind}")


def test_an_image_of_a_loop_is_one_file_beside_the_cassette(tmp_path: Path) -> None:
    cassette = loop(5, image=PICTURE)
    path = tmp_path / "x.yaml"
    save(cassette, path, options=Options(layout=Layout.READABLE))
    readable, whole = load(path), path.stat().st_size
    save(cassette, path, options=COMPACT)
    assert {file.name: file.read_bytes() for file in (tmp_path / "x.yaml.media").iterdir()} == {NAME: PICTURE}
    assert path.stat().st_size < whole / 5
    assert load(path) == readable
    asked = json.loads(readable.interactions[0].request.body)
    assert asked["messages"][0]["content"][1]["source"]["data"] == LONG


def reply(body: bytes, kind: str) -> Cassette:
    (interaction,) = loop(1).interactions
    response = Response(status=200, headers=(("content-type", kind),), body=body)
    return Cassette(interactions=(msgspec.structs.replace(interaction, response=response),))


@pytest.mark.parametrize("name", ["x.yaml", "x.json"])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (PICTURE, "image/png"),
        (json.dumps({"data": LONG}).encode(), "application/json"),
        (f'data: {{"data":"{LONG}"}}\n\n'.encode(), "text/event-stream"),
    ],
)
def test_media_of_a_reply_are_never_served_as_references_by_stock_players(
    tmp_path: Path, name: str, body: bytes, kind: str
) -> None:
    path = tmp_path / name
    save(reply(body, kind), path)
    whole = load(path)
    save(reply(body, kind), path, options=COMPACT)
    (entry,) = yaml.safe_load(path.read_text())["interactions"]
    assert set(entry["response"]["body"]) < {"media", "media_string"}
    assert load(path) == whole


def test_media_that_are_no_longer_referred_to_are_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    save(loop(1, image=picture(5000)), path, options=COMPACT)
    (old,) = (tmp_path / "x.yaml.media").iterdir()
    (tmp_path / "x.yaml.media" / "README").write_text("not ours")
    save(loop(1, image=PICTURE), path, options=COMPACT)
    assert sorted(file.name for file in (tmp_path / "x.yaml.media").iterdir()) == sorted([NAME, "README"])
    assert old.name != NAME
    (tmp_path / "x.yaml.media" / "README").unlink()
    save(loop(1, image=PICTURE), path)
    assert [file.name for file in tmp_path.iterdir()] == ["x.yaml"]


def test_media_lie_beside_the_file_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "x.yaml"
    link.symlink_to(tmp_path / "real" / "y.yaml")
    save(loop(1, image=PICTURE), link, options=COMPACT)
    assert (tmp_path / "real" / "y.yaml.media" / NAME).is_file()
    assert load(link) == load(tmp_path / "real" / "y.yaml")


def test_a_damaged_file_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    save(loop(1, image=PICTURE), path, options=COMPACT)
    (tmp_path / "x.yaml.media" / NAME).write_bytes(b"?" * len(PICTURE))
    with pytest.raises(CassetteError) as raised:
        load(path)
    assert str(raised.value).endswith(f"{NAME} does not hold what its name says: restore it.")
    save(loop(1, image=PICTURE), path, options=COMPACT)
    load(path)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    save(loop(1, image=PICTURE), path, options=COMPACT)
    (tmp_path / "x.yaml.media" / NAME).unlink()
    with pytest.raises(CassetteError) as raised:
        load(path)
    file = tmp_path / "x.yaml.media" / NAME
    assert str(raised.value) == f"{path} refers to {file}, which cannot be read: restore it."


def test_a_reference_that_was_asked_about_stays_what_it_was(tmp_path: Path) -> None:
    """A conversation may be about a cassette file."""
    path = tmp_path / "x.yaml"
    (interaction,) = loop(1).interactions
    body = json.dumps([f"tokentape-media:{NAME}", LONG]).encode()
    request = msgspec.structs.replace(interaction.request, body=body)
    asked = Interaction(request=request, response=interaction.response)
    save(Cassette(interactions=(asked,)), path, options=COMPACT)
    assert json.loads(load(path).interactions[0].request.body) == [f"tokentape-media:{NAME}", LONG]
