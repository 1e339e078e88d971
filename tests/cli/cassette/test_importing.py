from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cli.cassette.running import run
from tests.recorder.importing.flows import flow, tnetstring
from tests.recorder.importing.test_har import entry, har
from tests.recorder.importing.test_source import KEY, LAYOUTS

from tokentape.recorder.cassette.store import load

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_source_becomes_a_cassette_that_passes_the_check(layout: str, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "out" / "a.yaml"
    source.write_bytes(LAYOUTS[layout])
    result = run("import", source, target)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{target}: 1 interaction from {source}\n"
    assert KEY.encode() not in target.read_bytes()
    assert run("check", target).exit_code == 0
    assert len(load(target).interactions) == 1


def test_several_sources_become_cassettes_in_a_folder(tmp_path: Path) -> None:
    for name, data in (
        ("one.yaml.gz", LAYOUTS["gzipped"]),
        ("two.har", LAYOUTS["har"]),
        ("three", LAYOUTS["json"]),
    ):
        (tmp_path / name).write_bytes(data)
    target = tmp_path / "out"
    target.mkdir()
    result = run("import", tmp_path / "one.yaml.gz", tmp_path / "two.har", tmp_path / "three", target)
    assert result.exit_code == 0
    assert sorted(path.name for path in target.iterdir() if path.suffix == ".yaml") == [
        "one.yaml",
        "three.yaml",
        "two.yaml",
    ]


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    source = tmp_path / "x.mitm"
    other = {"host": "example.com", "path": b"/a?token=1"}
    source.write_bytes(b"".join(map(tnetstring, [flow(), flow(request=other), flow(request=other)])))
    result = run("import", source, tmp_path / "a.yaml")
    assert result.stderr == (
        f"{tmp_path}/a.yaml: 1 interaction from {source}\n  left out: POST https://example.com/a, 2 times\n"
    )


def test_nothing_is_written_over_unless_asked(tmp_path: Path) -> None:
    source, target = tmp_path / "source.yaml", tmp_path / "a.yaml"
    source.write_bytes(LAYOUTS["yaml"])
    target.write_text("mine", encoding="utf-8")
    result = run("import", source, target)
    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: {target} exists: add --overwrite to replace it, or name another file.\n",
    )
    assert target.read_text(encoding="utf-8") == "mine"
    assert run("import", "--overwrite", source, target).exit_code == 0
    assert len(load(target).interactions) == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "does not exist: check the path."),
        (b"", "is empty: there is nothing to import."),
        (b"\x89PNG\r\n", "is no YAML: "),
        (
            har(entry(response={"status": 0})),
            "holds no call to the API that a cassette keeps, so nothing was written.",
        ),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(data: bytes | None, said: str, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "a.yaml"
    if data is not None:
        source.write_bytes(data)
    result = run("import", source, target)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith(f"Error: {source} {said}")
    assert not target.exists()


def test_several_sources_need_a_folder(tmp_path: Path) -> None:
    result = run("import", "a", "b", tmp_path / "c.yaml")
    said = "is no folder: name one for several sources, or merge their cassettes later."
    assert (result.exit_code, result.stderr) == (2, f"Error: {tmp_path}/c.yaml {said}\n")
