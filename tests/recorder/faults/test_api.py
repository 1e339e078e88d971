"""Constructors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tokentape.recorder import faults
from tokentape.recorder.faults.api import retrying_after
from tokentape.recorder.faults.fault import FaultError
from tokentape.recorder.faults.spec import read_fault

if TYPE_CHECKING:
    from tokentape.recorder.faults.fault import Fault


@pytest.mark.parametrize(
    ("fault", "spec"),
    [
        (faults.overloaded(), "overloaded"),
        (faults.rate_limited(retry_after=3, kind="tokens"), "rate_limited:retry_after=3,kind=tokens"),
        (faults.status(403, model="claude-*"), "status:code=403,model=claude-*"),
        (faults.slow_headers(0.5), "slow_headers:seconds=0.5"),
        (faults.cut(after=3, inside=True, nth=2), "cut:after=3,inside=1,nth=2"),
        (faults.refused(times=1), "refused:times=1"),
        (faults.limits(rpm=60, tpm=60_000, session="a"), "limits:rpm=60,tpm=60000,session=a"),
        (faults.tool_loop(tool="search", each="request"), "tool_loop:tool=search,each=request"),
    ],
)
def test_a_constructor_makes_what_its_spec_says(fault: Fault, spec: str) -> None:
    assert fault == read_fault(spec)
    assert fault.spec == spec


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("overloaded", {"times": -1}),
        ("status", {"code": 200}),
        ("limits", {}),
        ("overloaded", {"sometimes": 1}),
        ("slow_headers", {"seconds": "soon"}),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, values: dict[str, Any]) -> None:
    with pytest.raises(FaultError):
        getattr(faults, name)(**values)


@pytest.mark.parametrize(
    ("spec", "hurried"),
    [
        ("overloaded:times=2", "overloaded:retry_after_ms=1,times=2"),
        ("rate_limited:kind=tokens", "rate_limited:retry_after_ms=1,kind=tokens"),
        ("rate_limited:retry_after=3", "rate_limited:retry_after=3"),
        ("api_error:retry_after_ms=20", "api_error:retry_after_ms=20"),
        ("too_large", "too_large"),
        ("cut:after=3", "cut:after=3"),
    ],
)
def test_a_wait_is_put_where_none_was_asked_for(spec: str, hurried: str) -> None:
    assert retrying_after(read_fault(spec), 1).spec == hurried
