from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from tests.support.calls import make_call, make_open_call
from tests.support.prometheus import until

from tokentape.proxy.telemetry.admin import MAX_CONNECTIONS, PATHS, AdminPortError, AdminServer
from tokentape.proxy.telemetry.exposition import OPENMETRICS, PLAIN
from tokentape.proxy.telemetry.prometheus import PrometheusSink

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

OUTPUT = 'tokentape_tokens_total{model="claude-sonnet-4-5",project="default",kind="output"} '


class Admin:
    """An admin server in front of a sink, and clients of it."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.sink = PrometheusSink(registry)
        self.workers = 0
        self.server = AdminServer(
            registry, port=0, ready=lambda: self.workers > 0, health=lambda: {"workers": self.workers}
        )
        self.server.start()

    @contextlib.contextmanager
    def client(self, agent: str = "test") -> Generator[Client]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        with contextlib.closing(connection):
            yield Client(connection, agent)

    def get(self, target: str, agent: str = "test") -> tuple[int, str]:
        """Status and text of one GET on a connection of its own."""
        with self.client(agent) as client:
            return client.get(target)


class Client:
    """One connection."""

    def __init__(self, connection: http.client.HTTPConnection, agent: str) -> None:
        self.connection = connection
        self.agent = agent

    def ask(self, method: str, target: str, **headers: str) -> tuple[http.client.HTTPResponse, str]:
        self.connection.request(method, target, headers={"user-agent": self.agent} | headers)
        response = self.connection.getresponse()
        return response, response.read().decode()

    def get(self, target: str) -> tuple[int, str]:
        response, text = self.ask("GET", target)
        return response.status, text

    def output(self) -> str:
        """The output tokens that a scrape shows on this connection."""
        _, text = self.get("/metrics")
        return next((line[len(OUTPUT) :] for line in text.splitlines() if line.startswith(OUTPUT)), "absent")


@pytest.fixture
def admin() -> Iterator[Admin]:
    admin = Admin()
    yield admin
    admin.server.stop()


@pytest.mark.parametrize(
    ("accept", "content_type", "end"),
    [
        ("application/openmetrics-text;version=1.0.0", OPENMETRICS, "# EOF\n"),
        ("text/plain", PLAIN, "} 0\n"),
    ],
)
def test_the_format_is_negotiated(admin: Admin, accept: str, content_type: str, end: str) -> None:
    with admin.client() as client:
        response, text = client.ask("GET", "/metrics", accept=accept)
    assert (response.status, response.headers["content-type"]) == (200, content_type)
    assert end in text


def test_head_answers_as_get_without_a_body(admin: Admin) -> None:
    with admin.client() as client:
        head, nothing = client.ask("HEAD", "/healthz")
        get, text = client.ask("GET", "/healthz")
    assert nothing == ""
    assert (head.status, head.headers["content-length"]) == (get.status, str(len(text)))


def test_health_is_json_about_the_observer(admin: Admin) -> None:
    status, text = admin.get("/healthz")
    assert (status, json.loads(text)) == (200, {"status": "ok", "workers": 0})


def test_it_is_ready_once_a_worker_is_connected(admin: Admin) -> None:
    assert admin.get("/readyz") == (503, '{"status": "no worker is connected"}\n')
    admin.workers = 1
    assert admin.get("/readyz") == (200, '{"status": "ready"}\n')


@pytest.mark.parametrize("target", ["/", "/metric", "/metrics/", "*", "/healthz/x?y"])
def test_any_other_path_names_the_ones_there_are(admin: Admin, target: str) -> None:
    assert admin.get(target) == (404, PATHS)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_other_methods_are_refused_in_a_sentence(admin: Admin, method: str) -> None:
    with admin.client() as client:
        response, text = client.ask(method, "/metrics")
    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")
    assert text == f"The admin server answers GET and HEAD only. {PATHS}"


def test_a_body_ends_the_connection_and_harms_nothing(admin: Admin) -> None:
    with socket.create_connection(("127.0.0.1", admin.server.port), timeout=30) as client:
        client.sendall(
            b"GET /readyz HTTP/1.1\r\nhost: x\r\ncontent-length: 30\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n"
        )
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.endswith(b'{"status": "no worker is connected"}\n')


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"a%d: b\r\n" % n for n in range(200)) + b"\r\n", b"431"),
    ],
)
def test_bad_heads_are_answered_and_the_server_lives_on(admin: Admin, sent: bytes, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", admin.server.port), timeout=30) as client:
        client.sendall(sent)
        with contextlib.suppress(ConnectionResetError):
            assert status in client.recv(65536).split(b"\r\n")[0]
    assert admin.get("/healthz")[0] == 200


def test_a_set_that_is_new_to_a_scraper_is_at_zero_once(admin: Admin) -> None:
    with admin.client() as scraper:
        assert scraper.output() == "absent"
        admin.sink.closed(make_call())
        assert [scraper.output(), scraper.output()] == ["0", "20"]
        admin.sink.closed(make_call())
        assert scraper.output() == "40"


def test_a_set_that_nobody_saw_is_at_zero_for_a_new_scraper_too(admin: Admin) -> None:
    admin.sink.closed(make_call())
    with admin.client() as scraper:
        assert [scraper.output(), scraper.output()] == ["0", "20"]


def test_a_set_that_others_saw_has_its_value_for_a_new_scraper(admin: Admin) -> None:
    admin.sink.closed(make_call())
    with admin.client() as first, admin.client("other") as second:
        assert [first.output(), first.output()] == ["0", "20"]
        assert second.output() == "20"


def test_a_set_that_was_opened_in_time_is_never_held_at_zero(admin: Admin) -> None:
    call = make_call()
    with admin.client() as scraper:
        admin.sink.opened(make_open_call(call))
        assert scraper.output() == "0"
        admin.sink.closed(call)
        assert scraper.output() == "20"


def test_two_scrapers_from_one_address_each_get_their_zero(admin: Admin) -> None:
    with admin.client() as first, admin.client() as second:
        assert [first.output(), second.output()] == ["absent", "absent"]
        admin.sink.closed(make_call())
        assert [first.output(), first.output()] == ["0", "20"]
        assert [second.output(), second.output()] == ["0", "20"]


def test_a_scraper_without_a_lasting_connection_is_known_by_address_and_agent(admin: Admin) -> None:
    def scrape() -> str:
        with admin.client("curl/8") as client:
            return client.output()

    assert scrape() == "absent"
    admin.sink.closed(make_call())
    assert [scrape(), scrape()] == ["0", "20"]


def test_settled_shows_the_truth_and_is_no_scrape(admin: Admin) -> None:
    admin.sink.closed(make_call())
    for _ in range(2):
        assert f"{OUTPUT}20\n" in admin.get("/metrics?settled=1")[1]
    with admin.client() as scraper:
        assert [scraper.output(), scraper.output()] == ["0", "20"]


def test_head_of_metrics_is_no_scrape(admin: Admin) -> None:
    admin.sink.closed(make_call())
    with admin.client() as scraper:
        scraper.ask("HEAD", "/metrics")
        scraper.get("/healthz")
        assert [scraper.output(), scraper.output()] == ["0", "20"]


def test_a_taken_port_is_explained() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AdminPortError) as caught:
            AdminServer(CollectorRegistry(), port=port).start()
    assert caught.value.strerror == (
        f"Port {port} on 127.0.0.1 is taken: stop what listens there, or choose another with --admin."
    )


def test_an_address_that_is_not_here_is_explained() -> None:
    with pytest.raises(AdminPortError, match=r"cannot listen on 192\.0\.2\.1:0"):
        AdminServer(CollectorRegistry(), host="192.0.2.1", port=0).start()


def test_it_listens_on_loopback_and_says_where(admin: Admin) -> None:
    assert AdminServer(CollectorRegistry()).port == 9464
    assert admin.server.port not in {0, 9464}


def test_after_stop_the_port_is_free_and_connections_are_closed() -> None:
    admin = Admin()
    port = admin.server.port
    with admin.client() as client:
        client.get("/healthz")
        admin.server.stop()
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            client.get("/healthz")
    again = AdminServer(CollectorRegistry(), port=port)
    again.start()
    again.stop()
    again.stop()


def test_a_listener_that_was_handed_over_outlives_the_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(2):
            server = AdminServer(CollectorRegistry(), listener=listener.dup())
            server.start()
            assert server.port == listener.getsockname()[1]
            with contextlib.closing(
                http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            ) as client:
                client.request("GET", "/healthz")
                assert client.getresponse().read() == b'{"status": "ok"}\n'
            server.stop()


def test_connections_beyond_the_bound_are_closed_and_room_is_found_again(admin: Admin) -> None:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(admin.client()) for _ in range(MAX_CONNECTIONS)]
        for client in held:
            assert client.get("/healthz")[0] == 200
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            admin.get("/healthz")

    def answered() -> bool:
        try:
            return admin.get("/healthz")[0] == 200
        except (http.client.HTTPException, ConnectionError):
            return False

    until("a held connection is given up", answered)


def test_scrapes_at_the_same_time_as_calls_are_each_whole(admin: Admin) -> None:
    stop = threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            admin.sink.closed(make_call(project=f"project-{number % 15}", stop_reason=f"reason-{number % 9}"))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        with admin.client() as scraper:
            last = 0
            for _ in range(20):
                _, text = scraper.get("/metrics")
                counted = [line for line in text.splitlines() if line.startswith("tokentape_requests_total{")]
                total = sum(int(line.rpartition(" ")[2]) for line in counted)
                assert total >= last
                last = total
    finally:
        stop.set()
        worker.join()
    assert last > 0
