"""An intercept worker and an observer, each a real process, before an upstream that speaks TLS."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from tests.support.certificates import authority
from tests.support.components import missing
from tests.support.metered import SALT, Metered
from tests.support.proxy import PATIENCE, clean_environment

from tokentape.proxy.intercept.authority import Authority
from tokentape.proxy.intercept.worker import InterceptConfig
from tokentape.proxy.observer.process import ObserverConfig
from tokentape.proxy.supervisor import Lifeline

if TYPE_CHECKING:
    from collections.abc import Generator

_ROOT = Path(__file__).parents[2]
API = "api.anthropic.com"


def require_mitmproxy() -> None:
    """Skip where the extra is not installed: on Python 3.11 it cannot be; elsewhere CI has it."""
    import pytest

    if sys.version_info < (3, 12):
        pytest.skip("the extra `intercept` needs Python 3.12")
    try:
        import mitmproxy  # noqa: F401 # pyright: ignore[reportUnusedImport] - whether it is there
    except ImportError:
        missing("the extra `intercept` is not installed: pip install 'tokentape[intercept]'")


@functools.cache
def upstream_context() -> ssl.SSLContext:
    """A server of the API's name and of the loopback's, which speaks HTTP/1.1 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    authority().issue_cert("127.0.0.1", "localhost", API).configure_cert(context)  # pyright: ignore[reportUnknownMemberType]  # also takes pyOpenSSL's
    return context


class Intercepting(Metered):
    """The port of the intercept, what its clients trust, and what the observer told."""

    certificate: Path

    @property
    def proxy_url(self) -> str:
        """What clients have in HTTPS_PROXY."""
        return f"http://127.0.0.1:{self.port}"

    def trust(self) -> ssl.SSLContext:
        """Of a client that trusts the intercept's authority and nobody else."""
        return ssl.create_default_context(cafile=str(self.certificate))

    async def open(
        self, host: str = API, port: int = 443
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the API, as a client makes it through a proxy."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        await writer.start_tls(self.trust(), server_hostname=host)
        return reader, writer


@contextmanager
def intercepting(
    upstream: str = "", *, hosts: tuple[str, ...] = (API,), idle_seconds: float = 660.0, labels: str = ""
) -> Generator[Intercepting]:
    """Both processes, on a free port; gone at the end. The tests' authority vouches for upstreams."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "salt").write_bytes(SALT)
        trusted = folder / "trusted.pem"
        authority().cert_pem.write_to_path(str(trusted))
        own = _own_authority()
        traffic = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        links = stack.enter_context(socket.socket(socket.AF_UNIX))
        links.bind(str(folder / "observer"))
        links.listen()
        lifeline = stack.enter_context(closing(Lifeline())).read_end
        observer = ObserverConfig(listener=links.fileno(), lifeline=lifeline, salt_file=str(folder / "salt"))
        worker = InterceptConfig(
            listener=traffic.fileno(),
            lifeline=lifeline,
            observer=str(folder / "observer"),
            authority=str(own.folder),
            hosts=hosts,
            upstream=upstream,
            labels=labels,
            drain=1.0,
            idle_seconds=idle_seconds,
        )
        told = stack.enter_context(_process(("tests.support.call_observer",), observer, trusted))
        stack.enter_context(_process(("tokentape.cli.processes", "intercept"), worker, trusted))
        assert told.stdout is not None
        found = Intercepting(traffic.getsockname()[1], told.stdout)
        found.certificate = own.certificate
        yield found


@functools.cache
def _own_authority() -> Authority:
    """One for the whole run: making keys takes time."""
    folder = tempfile.TemporaryDirectory(prefix="tokentape-authority-")
    _kept.enter_context(folder)
    own = Authority(Path(folder.name) / "intercept")
    own.ensure()
    return own


_kept = contextlib.ExitStack()


@contextmanager
def _process(
    module: tuple[str, ...], config: ObserverConfig | InterceptConfig, trusted: Path
) -> Generator[subprocess.Popen[bytes]]:
    """A process that inherits its sockets; at the end it is asked to stop, and must do so."""
    command = [sys.executable, "-m", *module, msgspec.json.encode(config).decode()]
    environment = clean_environment(SSL_CERT_FILE=str(trusted))
    with subprocess.Popen(
        command,
        pass_fds=(config.listener, config.lifeline),
        stdout=subprocess.PIPE,
        cwd=_ROOT,
        env=environment,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
