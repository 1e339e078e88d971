"""The catalogue: what is declared exists, and can be asked for in every form."""

from __future__ import annotations

import inspect
import typing

import pytest
from tests.recorder.faults.recorded import attempt

from tokentape.recorder import faults
from tokentape.recorder.faults import api
from tokentape.recorder.faults.apply import _STRIKES
from tokentape.recorder.faults.attempt import ToolCall, last_tool_call
from tokentape.recorder.faults.catalogue import DECLARATIONS, DECLARED, SCOPE, Declaration, Strikes
from tokentape.recorder.faults.fault import Fault, Scope, Where, Whose
from tokentape.recorder.faults.replies import error_of
from tokentape.recorder.faults.spec import read_fault, scope_of

names = pytest.mark.parametrize("declared", DECLARATIONS, ids=lambda declared: declared.name)


@names
def test_an_example_is_a_spec_of_its_fault(declared: Declaration) -> None:
    assert read_fault(declared.example).name == declared.name


@names
def test_the_constructor_of_a_fault_has_its_keys(declared: Declaration) -> None:
    constructor = getattr(api, declared.name)
    parameters = dict(inspect.signature(constructor).parameters)
    rest = [name for name in ("where", "whose") if parameters.pop(name, None)]
    common = {key.name for key in scope_of(declared)}
    own = {key.name for key in declared.keys}

    if rest:
        assert set(parameters) == own
        assert common == set((Scope if rest == ["where"] else Whose).__annotations__)
    else:
        assert set(parameters) == own | common
    assert all(parameter.default is None for parameter in parameters.values())


@names
def test_every_fault_can_be_imported_from_the_package(declared: Declaration) -> None:
    assert getattr(faults, declared.name) is getattr(api, declared.name)
    assert declared.name in faults.__all__


def test_nothing_else_is_public() -> None:
    assert set(faults.__all__) == {*DECLARED, "Fault", "FaultError"}


def test_common_keys_are_the_fields_of_where() -> None:
    fields = tuple(key.name for key in SCOPE)

    assert fields == Where.__struct_fields__
    assert set(fields) == set(typing.get_type_hints(Scope))


@names
def test_every_fault_does_something(declared: Declaration) -> None:
    fault = read_fault(declared.example)
    does = (
        fault.name in _STRIKES,
        error_of(fault, attempt()) is not None,
        fault.name in {"tool_loop", "limits"},
    )

    assert any(does)


@names
def test_what_is_declared_of_its_keys_is_whole(declared: Declaration) -> None:
    assert declared.help.endswith(".")
    for key in declared.keys:
        assert key.help.endswith(".")
        assert bool(key.choices) == (key.kind == "choice")


def test_only_what_never_happens_in_a_reply_spoils_nothing() -> None:
    """Errors need no recording; the others that leave no whole reply say so."""
    whole = {"slow_headers", "slow_first_event", "truncated", "context_window_exceeded", "refusal"}
    struck = {each.name for each in DECLARATIONS if each.strikes in {Strikes.REPLY, Strikes.STREAM}}

    assert {name for name in struck if not DECLARED[name].spoils} == whole


def test_the_last_call_of_a_tool_is_found_behind_what_is_none() -> None:
    calls = [{"type": "tool_use", "id": "1", "name": name, "input": {"n": 1}} for name in ("a", "b")]
    messages = [
        {"role": "assistant", "content": [{"type": "text", "text": "Hm."}, *calls]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]},
        {"role": "assistant", "content": "Well."},
    ]

    assert last_tool_call(attempt(messages=messages).body) == ToolCall("b", {"n": 1})
    assert last_tool_call(attempt().body) is None
    assert last_tool_call(b"no json") is None


def test_a_fault_is_a_value() -> None:
    fault = faults.overloaded(times=2, retry_after_ms=1)

    assert fault == Fault("overloaded", (("retry_after_ms", 1),), Where(times=2))
    assert {fault: 1}[faults.overloaded(retry_after_ms=1, times=2)] == 1
    assert fault.spec == "overloaded:retry_after_ms=1,times=2"
