"""The authority is made once, whoever asks, and is its owner's alone."""

from __future__ import annotations

import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.support.intercept import require_mitmproxy

from tokentape.proxy.intercept.authority import Authority, trusted_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    require_mitmproxy()
    made = Authority(tmp_path_factory.mktemp("data") / "deeper" / "intercept")
    with ThreadPoolExecutor() as threads:
        for each in [threads.submit(made.ensure) for _ in range(3)]:
            each.result()
    return made


def test_of_several_that_make_it_at_once_one_wins_and_nothing_else_is_left(own: Authority) -> None:
    before = own.certificate.read_bytes()
    own.ensure()
    assert (own.exists, own.certificate.read_bytes()) == (True, before)
    assert [each.name for each in own.folder.parent.iterdir()] == ["intercept"]


def test_every_file_of_it_is_its_owners_alone(own: Authority) -> None:
    assert stat.S_IMODE(own.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in own.folder.iterdir()} == {0o600}


def test_its_fingerprint_is_openssls(own: Authority) -> None:
    command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", str(own.certificate)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.strip().partition("=")[2] == own.fingerprint


def test_a_bundle_holds_the_others_first(own: Authority, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text("other\n\n", "ascii")
    text = own.bundle([other]).read_text("ascii")
    assert text == f"other\n{own.certificate.read_text('ascii').strip()}\n"


def test_a_named_file_is_what_is_trusted(tmp_path: Path) -> None:
    named = tmp_path / "named.pem"
    named.write_text("", "ascii")
    assert trusted_file({"SSL_CERT_FILE": str(named)}) == named


def test_removing_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "intercept"
    folder.mkdir()
    (folder / "key").write_text("", "ascii")
    assert (Authority(folder).remove(), folder.exists(), Authority(folder).remove()) == (True, False, False)
