"""What a user installs."""

from __future__ import annotations

import email
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from email.message import Message

ROOT = Path(__file__).parents[2]
ROOTS = ("proxy", "recorder", "dashboards")
PACKAGES = {"cli", "proxy", "recorder", "dashboards"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Generator[zipfile.ZipFile]:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.iterdir()
    with zipfile.ZipFile(path) as opened:
        yield opened


def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_it_holds_one_namespace_and_its_metadata(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top.partition("-")[0] for top in tops} == {"tokentape"}
    assert len(tops) == 2


def test_the_namespace_holds_the_four_packages_and_no_module_of_its_own(wheel: zipfile.ZipFile) -> None:
    second = {name.split("/")[1] for name in wheel.namelist() if name.startswith("tokentape/")}
    assert second == PACKAGES


def test_every_package_is_typed(wheel: zipfile.ZipFile) -> None:
    assert {f"tokentape/{package}/py.typed" for package in PACKAGES} <= set(wheel.namelist())


def test_every_module_of_the_checkout_is_in_it_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    packed = {name for name in wheel.namelist() if name.startswith("tokentape/")}
    source = {
        str(path.relative_to(ROOT / root))
        for root in ROOTS
        for path in (ROOT / root / "tokentape").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == source


def test_the_licence_is_in_it(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/licenses/LICENSE"))
    assert wheel.read(name) == (ROOT / "LICENSE").read_bytes()
    assert metadata(wheel)["License-Expression"] == "Apache-2.0"


def test_the_command_and_the_extras_are_declared(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    assert "tokentape = tokentape.cli.main:main" in wheel.read(name).decode()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(metadata(wheel).get_all("Provides-Extra", [])) == set(project["optional-dependencies"])


@pytest.mark.parametrize("root", ROOTS)
def test_no_root_claims_the_namespace_for_itself(root: str) -> None:
    """An `__init__.py` there would hide the packages of the other roots."""
    assert [path.name for path in (ROOT / root / "tokentape").glob("*.py")] == []


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {
        path.parent
        for root in ROOTS
        for path in (ROOT / root / "tokentape").rglob("*.py")
        if path.parent.name != "tokentape"
    }
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []
