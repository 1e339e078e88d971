"""Attempts of one call."""

from __future__ import annotations

from tokentape.proxy.messages.attempts import (
    MAX_KEYS,
    MAX_WAITING,
    RETRY_WINDOW,
    Attempt,
    AttemptTracker,
    Key,
    attempt_key,
)
from tokentape.proxy.messages.call import Trace

TRACE = Trace(trace_id="4bf92f3577b34da6a3ce929d0e0e4736", span_id="00f067aa0ba902b7", sampled=True)
BODY = attempt_key("/v1/messages", None, "credential", "body", 0)
TRACED = attempt_key("/v1/messages", TRACE, "credential", "body", 0)


def test_a_trace_beside_a_count_is_a_key_of_the_clients_own() -> None:
    assert TRACED is not None
    assert TRACED.traced
    assert attempt_key("/v1/messages", TRACE, "credential", "changed body", 1) == TRACED


def test_without_a_trace_credential_and_body_are_the_key() -> None:
    assert BODY is not None
    assert not BODY.traced
    assert attempt_key("/v1/messages", None, "other", "body", 0) != BODY
    assert attempt_key("/v1/messages", None, "credential", "other", 0) != BODY
    assert attempt_key("/v1/messages", TRACE, "credential", "body", None) == BODY
    assert attempt_key("/v1/messages", None, None, "body", None) is not None
    assert attempt_key("/v1/files", None, "credential", None, 1) is None


def test_a_rising_count_is_linked_to_the_attempt_before() -> None:
    tracker = AttemptTracker()
    assert tracker.opened(BODY, 0, 1.0) == Attempt()
    tracker.failed(BODY, "call-1", 0, "overloaded_error", 2.0)
    assert tracker.opened(BODY, 1, 3.0) == Attempt(1, True, "call-1", "overloaded_error")
    tracker.failed(BODY, "call-2", 1, "rate_limit_error", 4.0)
    assert tracker.opened(BODY, 2, 5.0) == Attempt(2, True, "call-2", "rate_limit_error")
    assert not tracker.waiting


def test_a_trace_makes_the_link_certain() -> None:
    tracker = AttemptTracker()
    tracker.failed(TRACED, "call-1", 0, "timeout", 2.0)
    assert tracker.opened(TRACED, 1, 3.0) == Attempt(1, False, "call-1", "timeout")


def test_a_first_attempt_is_never_linked() -> None:
    tracker = AttemptTracker()
    tracker.failed(BODY, "call-1", 0, "overloaded_error", 1.0)
    assert tracker.opened(BODY, 0, 2.0) == Attempt()
    assert tracker.waiting


def test_a_count_that_does_not_rise_is_not_linked() -> None:
    tracker = AttemptTracker()
    tracker.failed(BODY, "call-1", 2, "overloaded_error", 1.0)
    assert tracker.opened(BODY, 2, 2.0) == Attempt(number=2)
    assert tracker.opened(BODY, 1, 2.0) == Attempt(number=1)


def test_a_retry_whose_first_attempt_was_not_seen_keeps_its_count() -> None:
    assert AttemptTracker().opened(BODY, 2, 1.0) == Attempt(number=2)
    assert AttemptTracker().opened(None, 2, 1.0) == Attempt(number=2)


def test_equal_calls_at_the_same_time_are_linked_one_to_one() -> None:
    tracker = AttemptTracker()
    tracker.failed(BODY, "a", 0, "overloaded_error", 1.0)
    tracker.failed(BODY, "b", 0, "overloaded_error", 1.1)
    found = {tracker.opened(BODY, 1, 2.0).retry_of for _ in range(3)}
    assert found == {"a", "b", None}


def test_a_client_without_a_count_is_trying_again_if_it_is_soon() -> None:
    tracker = AttemptTracker()
    tracker.failed(BODY, "call-1", 0, "api_error", 10.0)
    assert tracker.opened(BODY, None, 10.0 + RETRY_WINDOW + 1) == Attempt()
    assert tracker.opened(BODY, None, 11.0) == Attempt(1, True, "call-1", "api_error")
    assert tracker.opened(BODY, None, 12.0) == Attempt()


def test_failures_without_a_key_are_forgotten() -> None:
    tracker = AttemptTracker()
    tracker.failed(None, "call-1", 0, "api_error", 1.0)
    assert not tracker.waiting


def test_memory_is_bounded_and_the_oldest_go_first() -> None:
    tracker = AttemptTracker()
    for n in range(MAX_WAITING + 5):
        tracker.failed(BODY, f"same-{n}", 0, "api_error", float(n))
    keys = [Key(("/v1/messages", "credential", str(n)), traced=False) for n in range(MAX_KEYS)]
    for key in keys:
        tracker.failed(key, "other", 0, "api_error", 100.0)
    assert tracker.opened(BODY, 1, 101.0) == Attempt(number=1)
    assert tracker.opened(keys[0], 1, 101.0).retry_of == "other"

    tracker = AttemptTracker()
    for n in range(MAX_WAITING + 5):
        tracker.failed(BODY, f"same-{n}", 0, "api_error", float(n))
    linked = [tracker.opened(BODY, 1, 50.0).retry_of for _ in range(MAX_WAITING + 5)]
    assert len([each for each in linked if each]) == MAX_WAITING
