"""Where the upstream is, and whether a corporate proxy stands before it."""

from __future__ import annotations

import pytest

from tokentape.proxy.relay.upstream_url import Upstream, Via, parse_upstream


@pytest.mark.parametrize(
    ("url", "tls", "host", "port", "prefix", "header"),
    [
        ("https://api.anthropic.com", True, "api.anthropic.com", 443, "", "api.anthropic.com"),
        ("https://api.anthropic.com/", True, "api.anthropic.com", 443, "", "api.anthropic.com"),
        ("http://127.0.0.1:8080/base/v2/", False, "127.0.0.1", 8080, "/base/v2", "127.0.0.1:8080"),
        ("http://EXAMPLE.test:80", False, "example.test", 80, "", "example.test"),
        ("https://example.test:80", True, "example.test", 80, "", "example.test:80"),
        ("https://[::1]:8443/x", True, "::1", 8443, "/x", "[::1]:8443"),
        ("http://[::1]", False, "::1", 80, "", "[::1]"),
    ],
)
def test_an_address_is_read(url: str, tls: bool, host: str, port: int, prefix: str, header: str) -> None:  # noqa: FBT001
    upstream = parse_upstream(url)
    assert upstream == Upstream(url=url.rstrip("/"), tls=tls, host=host, port=port, prefix=prefix, via=None)
    assert upstream.host_header == header
    assert parse_upstream(upstream.origin).origin == upstream.origin


def test_the_origin_that_is_told_is_no_more_than_where_it_is() -> None:
    assert parse_upstream("https://example.test:8443/secret/").origin == "https://example.test:8443"


@pytest.mark.parametrize("url", ["https://:sekret@x", "https://user:sekret@x/v1", "htps://user:sekret@x"])
def test_a_password_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="no user name or password") as refused:
        parse_upstream(url)
    assert "sekret" not in str(refused.value)


def test_a_label_segment_may_stand_in_the_path() -> None:
    assert parse_upstream("http://127.0.0.1:9/@cassette=a/").prefix == "/@cassette=a"


@pytest.mark.parametrize(
    "url",
    [
        "api.anthropic.com",
        "ftp://example.test",
        "https://",
        "https:///v1",
        "https://example.test:notaport",
        "https://example.test:99999",
        "https://example.test?beta=true",
        "https://example.test/#x",
        "https://user@example.test",
        "https://example.test/a b",
        "https://exa mple.test",
        "https://example.test/\r\nX: y",
        "https://b\xfccher.test",
        "http://[::1",
    ],
)
def test_what_is_no_upstream_is_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+\.$"):
        parse_upstream(url)


@pytest.mark.parametrize(
    ("environment", "via"),
    [
        ({}, None),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTPS_PROXY": "http://proxy.test:3128"}, Via(host="proxy.test", port=3128)),
        ({"https_proxy": "proxy.test:3128"}, Via(host="proxy.test", port=3128)),
        ({"ALL_PROXY": "http://proxy.test/"}, Via(host="proxy.test", port=80)),
        (
            {"HTTPS_PROXY": "http://us%40er:p%3Ass@proxy.test:1"},
            Via(host="proxy.test", port=1, authorization="Basic dXNAZXI6cDpzcw=="),
        ),
        ({"HTTP_PROXY": "http://proxy.test:3128"}, None),
        ({"HTTPS_PROXY": "http://proxy.test:1", "NO_PROXY": "api.example.test"}, None),
        ({"HTTPS_PROXY": "http://proxy.test:1", "NO_PROXY": "other.test, .Example.test"}, None),
        ({"HTTPS_PROXY": "http://proxy.test:1", "no_proxy": "example.test"}, None),
        ({"HTTPS_PROXY": "http://proxy.test:1", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://proxy.test:1", "NO_PROXY": "ample.test"}, Via(host="proxy.test", port=1)),
    ],
)
def test_the_environment_decides_about_a_tunnel(environment: dict[str, str], via: Via | None) -> None:
    assert parse_upstream("https://api.example.test", environment).via == via


def test_a_plain_upstream_needs_no_tunnel() -> None:
    assert parse_upstream("http://api.example.test", {"HTTPS_PROXY": "http://proxy.test:1"}).via is None


@pytest.mark.parametrize(
    "address", ["https://proxy.test", "socks5://proxy.test:1080", "http://", "http://p:x"]
)
def test_a_tunnel_that_cannot_be_is_refused_by_name(address: str) -> None:
    with pytest.raises(ValueError, match=r"HTTPS_PROXY.*\.$"):
        parse_upstream("https://api.example.test", {"HTTPS_PROXY": address})


def test_a_refusal_does_not_repeat_a_password() -> None:
    with pytest.raises(ValueError, match="HTTPS_PROXY") as caught:
        parse_upstream("https://api.example.test", {"HTTPS_PROXY": "https://me:secret@proxy.test"})
    assert "secret" not in str(caught.value)
