"""What the doctor finds."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trustme
from tests.support.proxy import RunningProxy, running_proxy
from tests.support.upstream import HeldUpstream, held_upstream

from tokentape.cli.doctor import checks
from tokentape.cli.doctor.finding import Finding, bad, good, note
from tokentape.cli.values import Address, address

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@pytest.fixture
def upstream() -> Generator[HeldUpstream]:
    with held_upstream() as server:
        yield server


@pytest.fixture
def proxy(upstream: HeldUpstream) -> Generator[RunningProxy]:
    with running_proxy(upstream.url) as running:
        yield running


@pytest.fixture
def free() -> Address:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return Address("127.0.0.1", server.getsockname()[1])


def ports(proxy: RunningProxy) -> tuple[Address, Address]:
    return address(proxy.base_url.removeprefix("http://")), address(proxy.admin_url.removeprefix("http://"))


def passing(url: str) -> str:
    return f"A call passes through the proxy to {url} and back: GET /v1/models without a key, answered 200."


def test_a_running_proxy_passes_every_check(proxy: RunningProxy, upstream: HeldUpstream) -> None:
    listen, admin = ports(proxy)
    assert list(checks.check(listen, admin, upstream.url, {}))[1:] == [
        good(f"The proxy answers on {proxy.base_url} (0 calls under way)."),
        good(f"Metrics are on {proxy.metrics_url} (workers connected: 1)."),
        good(passing(upstream.url)),
        good(f"The call is counted on {proxy.metrics_url}."),
    ]


def test_one_call_is_sent_and_it_carries_no_credential(proxy: RunningProxy, upstream: HeldUpstream) -> None:
    list(checks.check(*ports(proxy), upstream.url, {}, asked=True))
    assert [path for path, _ in upstream.requests] == ["/v1/models"]
    assert [
        name for _, headers in upstream.requests for name in headers if "key" in name or "auth" in name
    ] == []


def test_the_upstream_that_is_checked_is_the_running_proxys(
    proxy: RunningProxy, upstream: HeldUpstream
) -> None:
    found = list(checks.check(*ports(proxy), "http://127.0.0.1:1", {}))
    assert [finding for finding in found if finding.verdict is bad("").verdict] == []
    assert good(passing(upstream.url)) in found


def test_another_upstream_is_checked_as_well_if_it_was_asked_for(proxy: RunningProxy) -> None:
    with held_upstream() as other:
        found = list(checks.check(*ports(proxy), other.url, {}, asked=True))
        assert [path for path, _ in other.requests] == ["/v1/models"]
    assert found[-1] == good(f"{other.url} answers (200 without a key).")


def test_without_a_proxy_the_ports_are_free_and_nothing_is_wrong(
    free: Address, upstream: HeldUpstream
) -> None:
    found = list(checks.check(free, Address("127.0.0.1", 1), upstream.url, {}))
    assert found[1:] == [
        note(f"{free} is free: start the proxy with tokentape up."),
        note("127.0.0.1:1 is free for the admin port."),
        good(f"{upstream.url} answers (200 without a key)."),
    ]


def test_ports_that_something_else_has_are_named(upstream: HeldUpstream) -> None:
    taken = address(upstream.url.removeprefix("http://"))
    assert checks.traffic_port(taken) == bad(
        f"{taken} is taken by something else: stop it, or choose a port (--listen HOST:PORT)."
    )
    assert checks.admin_port(taken) == bad(
        f"{taken} is taken by something else: stop it, or choose a port (--admin HOST:PORT)."
    )


def test_an_upstream_that_cannot_be_reached_is_bad(free: Address) -> None:
    assert checks.upstream_answers(f"http://{free}") == bad(
        f"http://{free} cannot be reached (Connection refused): "
        "check the network, and HTTPS_PROXY if there is one."
    )


def test_a_call_that_fails_behind_the_proxy_is_told_with_the_proxys_own_words(free: Address) -> None:
    with running_proxy(f"http://{free}") as proxy:
        listen, admin = ports(proxy)
        *_, through, counted, straight = checks.check(listen, admin, "http://127.0.0.1:1", {})
    assert through.verdict is bad("").verdict
    assert through.text.startswith(f"A call through the proxy to http://{free} fails with upstream_")
    assert "Errno" not in through.text
    assert counted == good(f"The call is counted on {proxy.metrics_url}.")
    assert straight == checks.upstream_answers(f"http://{free}")


def test_metrics_of_another_proxy_are_noticed(
    proxy: RunningProxy, upstream: HeldUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_METERED_SECONDS", 0.2)
    with running_proxy(upstream.url) as other:
        *_, found = checks.carried(ports(proxy)[0], ports(other)[1], upstream.url)
    assert found == bad(
        f"The call is not counted on {other.metrics_url}: is that the admin port of the same proxy?"
    )


def test_a_host_that_does_not_exist_is_told_without_numbers() -> None:
    found = checks.upstream_answers("http://no-such-host.invalid")
    assert found.verdict is bad("").verdict
    assert "Errno" not in found.text


def test_metrics_that_cannot_be_read_are_named(
    proxy: RunningProxy, free: Address, upstream: HeldUpstream
) -> None:
    *_, found = checks.carried(ports(proxy)[0], free, upstream.url)
    assert found == bad(f"http://{free}/metrics cannot be read.")


def test_a_proxy_that_gives_no_answer_is_told(free: Address) -> None:
    assert list(checks.carried(free, None, "http://u")) == [
        bad("A call through the proxy gets no answer (Connection refused).")
    ]


def forward(**environment: str) -> list[Finding]:
    return list(checks.forward_proxies(environment))


def test_a_forward_proxy_that_would_get_the_calls_is_bad() -> None:
    sentence = (
        "HTTP_PROXY is set, so clients would send calls for 127.0.0.1 there: "
        "set NO_PROXY=127.0.0.1,localhost for them."
    )
    assert (
        forward(http_proxy="http://p") == forward(HTTP_PROXY="http://p", NO_PROXY="corp") == [bad(sentence)]
    )


def test_a_forward_proxy_that_leaves_loopback_alone_is_fine() -> None:
    assert forward(HTTP_PROXY="http://p", no_proxy="corp, 127.0.0.1") == []
    assert forward(HTTP_PROXY="http://p", no_proxy="*") == []
    assert forward(HTTPS_PROXY="http://p") == []


@contextmanager
def tls_upstream(authority: trustme.CA) -> Generator[str]:
    """Answers one HTTPS request with 401."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = authority.issue_cert("localhost")
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - also takes pyOpenSSL

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(4096)
                    secured.sendall(
                        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    )
            except ssl.SSLError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://localhost:{listener.getsockname()[1]}"
        thread.join()


def test_a_trusted_certificate_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with tls_upstream(authority) as url:
        assert checks.upstream_answers(url) == good(
            f"{url} answers, its certificate is trusted (401 without a key)."
        )


def test_an_untrusted_certificate_is_named_with_the_way_out() -> None:
    with tls_upstream(trustme.CA()) as url:
        found = checks.upstream_answers(url)
    assert found.verdict is bad("").verdict
    assert found.text.startswith(f"The certificate of {url} is not trusted (")
    assert found.text.endswith("signs it, set SSL_CERT_FILE to a file with its CA.")


def test_versions_are_those_installed() -> None:
    found = checks.versions()
    assert found.verdict is good("").verdict
    for part in ("tokentape ", "Python 3.", "uvloop ", "httptools ", "official SDK 2."):
        assert part in found.text
