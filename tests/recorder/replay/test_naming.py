"""Names of cassettes: from files, folders and `NAME=PATH`, never two alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tokentape.recorder.replay.naming import NamingError, named_paths

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/one.yaml", "a/two.json", "b/one.yml", "notes.txt", "odd=name.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def test_a_file_is_called_by_its_stem_or_as_the_user_says(folder: Path) -> None:
    arguments = [f"{folder}/a/one.yaml", f"two={folder}/b/one.yml", f"{folder}/odd=name.yaml"]

    assert named_paths(arguments) == {
        "one": folder / "a/one.yaml",
        "two": folder / "b/one.yml",
        "odd=name": folder / "odd=name.yaml",
    }


def test_a_folder_stands_for_all_below_it(folder: Path) -> None:
    assert named_paths([str(folder)]) == {
        "a/one": folder / "a/one.yaml",
        "a/two": folder / "a/two.json",
        "b/one": folder / "b/one.yml",
        "odd=name": folder / "odd=name.yaml",
    }


def test_one_that_is_named_twice_is_served_once(folder: Path) -> None:
    path = folder / "a/one.yaml"

    assert named_paths([str(path), f"one={folder}/b/../a/one.yaml"]).keys() == {"one"}


@pytest.mark.parametrize(
    "name", ["a/one.played.json", ".hidden.yaml", ".git/x.json", "a/one.yaml.media/x.json"]
)
def test_what_lies_beside_cassettes_is_none(folder: Path, name: str) -> None:
    before = named_paths([str(folder)])
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).touch()

    assert named_paths([str(folder)]) == before


def test_a_compressed_cassette_loses_both_suffixes(tmp_path: Path) -> None:
    path = tmp_path / "v1.2.yaml.gz"
    path.touch()

    assert named_paths([str(path)]) == named_paths([str(tmp_path)]) == {"v1.2": path}


def test_two_of_one_name_are_refused_with_what_to_do(folder: Path) -> None:
    first, second = f"{folder}/a/one.yaml", f"{folder}/b/one.yml"

    with pytest.raises(NamingError) as caught:
        named_paths([first, second])

    assert (
        str(caught.value)
        == f"Two cassettes are called one: {first} and {second}: call one otherwise, as NAME=PATH."
    )


@pytest.mark.parametrize("argument", ["gone.yaml", "name=gone.yaml"])
def test_what_is_missing_can_be_recorded(argument: str) -> None:
    with pytest.raises(NamingError) as caught:
        named_paths([argument])

    assert (
        str(caught.value)
        == "There is no cassette gone.yaml: record it with `tokentape record gone.yaml -- COMMAND`."
    )


def test_a_folder_without_cassettes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NamingError, match="holds no cassette"):
        named_paths([str(tmp_path)])
