"""Sockets that outlive processes."""

from __future__ import annotations

import socket
import stat
import tempfile
from pathlib import Path

import pytest

from tokentape.cli.errors import FailedError
from tokentape.cli.listeners import PrivateFolder, listen_privately, open_port
from tokentape.cli.values import Address

FREE = Address("127.0.0.1", 0)


def test_a_port_listens_before_anybody_accepts() -> None:
    with (
        open_port(FREE, "--listen") as listener,
        socket.create_connection(listener.getsockname(), 5) as client,
    ):
        assert client.getpeername() == listener.getsockname()
        assert (listener.getblocking(), listener.get_inheritable()) == (False, False)


def test_ipv6_and_names_work_too() -> None:
    for address in (Address("::1", 0), Address("localhost", 0)):
        with open_port(address, "--listen") as listener:
            assert listener.getsockname()[1] > 0


def test_a_port_that_is_taken_is_named() -> None:
    with open_port(FREE, "--listen") as listener:
        taken = Address("127.0.0.1", listener.getsockname()[1])
        with pytest.raises(FailedError) as caught:
            open_port(taken, "--admin")
    assert caught.value.message == (
        f"{taken} is taken: stop what listens there, or choose another port with --admin HOST:PORT."
    )


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(FailedError) as caught:
        open_port(Address("192.0.2.1", 0), "--listen")
    assert caught.value.message == (
        "192.0.2.1:0 cannot be opened (Cannot assign requested address): "
        "choose another with --listen HOST:PORT."
    )


def test_a_name_that_is_none_is_named() -> None:
    with pytest.raises(FailedError, match=r"^--listen no\.such\.host\.invalid:1 cannot be opened: .*\.$"):
        open_port(Address("no.such.host.invalid", 1), "--listen")


def test_a_private_folder_is_private_and_goes_with_all_in_it() -> None:
    folder = PrivateFolder()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    with listen_privately(folder.path / "observer.sock"):
        assert [path.name for path in folder.path.iterdir()] == ["observer.sock"]
    folder.remove()
    assert not folder.path.exists()
    folder.remove()


def test_a_temporary_folder_with_a_long_name_leaves_room_for_the_sockets_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    folder = PrivateFolder()
    with listen_privately(folder.path / "observer.sock") as listener:
        assert Path(listener.getsockname()).parent == folder.path
    folder.remove()
    assert list(long.iterdir()) == []
