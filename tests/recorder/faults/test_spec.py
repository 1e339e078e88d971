"""Specs: faults as text, and the sentences for what is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentape.recorder.faults.catalogue import DECLARATIONS, Declaration, Key
from tokentape.recorder.faults.fault import Fault, FaultError, Where
from tokentape.recorder.faults.spec import make_fault, read_fault, read_faults, scope_of


def test_a_spec_names_faults_in_order() -> None:
    assert read_faults("overloaded:times=2; cut:inside=true,after=3;error_event:type=api_error,after=4;") == (
        Fault("overloaded", (), Where(times=2)),
        Fault("cut", (("after", 3), ("inside", 1))),
        Fault("error_event", (("after", 4), ("type", "api_error"))),
    )


def test_several_specs_are_joined() -> None:
    assert read_faults(["overloaded", "cut; stall:seconds=0.5", ""]) == (
        Fault("overloaded"),
        Fault("cut"),
        Fault("stall", (("seconds", 0.5),)),
    )


def test_keys_say_whom_a_fault_strikes() -> None:
    spec = "cut:model=claude-opus-*,endpoint=messages,session=a,nth=2,times=3,each=request"

    assert read_fault(spec).where == Where(
        model="claude-opus-*", endpoint="messages", session="a", nth=2, times=3, each="request"
    )


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("overlaoded", "There is no fault `overlaoded`: did you mean `overloaded`?"),
        ("", "There is no fault ``: use one of api_error, "),
        ("cut:place=3", "The fault `cut` has no key `place`: use one of after, byte, each, endpoint, "),
        ("cut:aftre=3", "The fault `cut` has no key `aftre`: did you mean `after`?"),
        ("overloaded:after=3", "The fault `overloaded` has no key `after`: did you mean `retry_after`?"),
        ("overloaded:times", "`times` of the fault `overloaded` needs a value: write key=value."),
        ("overloaded:times=1,times=2", "`times` of the fault `overloaded` is given twice."),
        ("overloaded:times=1.5", "`times` of the fault `overloaded` must be a whole number."),
        ("overloaded:times=-1", "`times` of the fault `overloaded` must be a whole number from 0 to 1"),
        ("stall:seconds=long", "`seconds` of the fault `stall` must be a number."),
        ("stall:seconds=nan", "`seconds` of the fault `stall` must be a number."),
        ("stall:seconds=inf", "`seconds` of the fault `stall` must be a number from 0 to "),
        ("status:code=200", "`code` of the fault `status` must be a whole number from 400 to 599."),
        ("cut:inside=maybe", "`inside` of the fault `cut` must be 0 or 1."),
        (
            "error_event:type=overload",
            "`type` of the fault `error_event` cannot be `overload`: did you mean ",
        ),
        ("overloaded:endpoint=mesages", "`endpoint` of the fault `overloaded` cannot be `mesages`: did you "),
        ("overloaded:model=", "`model` of the fault `overloaded` must be a text without commas and "),
        ("limits", "The fault `limits` needs a limit, such as `limits:rpm=60`."),
        ("limits:rpm=60,times=2", "The fault `limits` has no key `times`: use one of endpoint, "),
        ("refused:model=x", "The fault `refused` has no key `model`: use one of nth, times."),
    ],
)
def test_what_cannot_be_understood_is_named_with_what_is_near(spec: str, sentence: str) -> None:
    with pytest.raises(FaultError) as raised:
        read_fault(spec)

    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)


@given(st.text(alphabet="overloadedcut:=;,123. times-%e", max_size=40))
def test_any_text_is_faults_or_a_refusal(spec: str) -> None:
    try:
        faults = read_faults(spec)
    except FaultError:
        return
    assert len(faults) == len([part for part in spec.split(";") if part.strip()])


def values(key: Key) -> st.SearchStrategy[Any]:
    """What fits a key."""
    if key.name == "endpoint":
        return st.sampled_from(["messages", "batches", "/v1/files/*"])
    if key.kind == "choice":
        return st.sampled_from(key.choices)
    if key.kind == "flag":
        return st.booleans()
    if key.kind == "text":
        return st.from_regex(r"[a-z0-9*?-]+(=[a-z]+)?", fullmatch=True)
    if key.kind == "seconds":
        return st.floats(key.least, min(key.most, 1e6)).map(lambda number: round(number, 3))
    return st.integers(int(key.least), int(key.most))


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    """Any fault of the catalogue, with any of its keys."""
    declared: Declaration = draw(st.sampled_from(DECLARATIONS))
    keys = [*declared.keys, *scope_of(declared)]
    chosen = draw(st.lists(st.sampled_from(keys), unique_by=lambda key: key.name, max_size=len(keys)))
    given_values = {key.name: draw(values(key)) for key in chosen}
    if declared.name == "limits":
        given_values["rpm"] = draw(st.integers(1, 99))
    return make_fault(declared.name, given_values)


@given(faults())
def test_every_fault_is_read_from_its_own_spec(fault: Fault) -> None:
    assert read_fault(fault.spec) == fault


@given(st.lists(faults(), max_size=4))
def test_specs_of_several_faults_can_be_joined(several: list[Fault]) -> None:
    assert read_faults("; ".join(fault.spec for fault in several)) == tuple(several)
