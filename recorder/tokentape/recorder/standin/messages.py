"""`POST /v1/messages` and `/v1/messages/count_tokens`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tokentape.recorder.faults.replies import call_again
from tokentape.recorder.standin import render
from tokentape.recorder.standin.answer import Answer, counted, faulty, stream_answer, timed
from tokentape.recorder.standin.behaviour import HEADER, Tool
from tokentape.recorder.standin.catalogue import Model, find_model
from tokentape.recorder.standin.heads import EVENTS, response_head
from tokentape.recorder.standin.prompt_cache import InputTokens, prompt_tokens, units
from tokentape.recorder.standin.request import read_message_request, read_prompt
from tokentape.recorder.standin.tokens import is_object
from tokentape.recorder.standin.totals import Tally
from tokentape.recorder.standin.turn import take_turn
from tokentape.recorder.wire.answer import Ending
from tokentape.recorder.wire.body import frame
from tokentape.recorder.wire.coding import choose
from tokentape.recorder.wire.errors import ApiError, invalid
from tokentape.recorder.wire.reply import Reply

if TYPE_CHECKING:
    from tokentape.recorder.faults.attempt import ToolCall
    from tokentape.recorder.faults.fault import Fault
    from tokentape.recorder.standin.behaviour import Behaviour
    from tokentape.recorder.standin.request import MessageRequest
    from tokentape.recorder.standin.state import Call, State
    from tokentape.recorder.standin.turn import Turn

MESSAGES: Final = "/v1/messages"
COUNT_TOKENS: Final = "/v1/messages/count_tokens"


def count_tokens(state: State, call: Call) -> Answer:
    """Count a prompt.

    Raises:
        ApiError: the request is refused.
    """
    prompt = read_prompt(call.body)
    behaviour = state.behaviours.find(prompt.model, call.header(HEADER))
    fault = state.fault(call, behaviour)
    serving_model(prompt.model, behaviour)
    body = msgspec.json.encode({"input_tokens": prompt_tokens(prompt)})
    return state.whole(call, behaviour, Tally(endpoint=COUNT_TOKENS, status=200), body, fault=fault)


def create_message(state: State, call: Call) -> Answer:
    """Answer a request for a message.

    Raises:
        ApiError: the request is refused.
    """
    request = read_message_request(call.body)
    behaviour = state.behaviours.find(request.model, call.header(HEADER))
    call.repeat = behaviour.repeat
    fault = state.fault(call, behaviour)
    if fault and fault.name == "tool_loop":
        behaviour = _looping(behaviour, call_again(fault, call.body))
    turn = answer_turn(state, request, behaviour, call.credential)
    if request.stream:
        return _stream(state, call, turn, behaviour, fault)
    tally = Tally(endpoint=MESSAGES, status=200, model=turn.model, usage=turn.usage)
    rate = behaviour.tokens_per_second
    return state.whole(
        call,
        behaviour,
        tally,
        render.message(turn),
        headers=_rate_limits(state, call, turn, behaviour),
        due=behaviour.ttft + (turn.usage.output_tokens / rate if rate else 0.0),
        fault=fault,
    )


def _looping(behaviour: Behaviour, again: ToolCall) -> Behaviour:
    """The behaviour that calls a tool, whatever was said before."""
    tool = Tool(name=again.name, input=again.input if is_object(again.input) else {})
    return msgspec.structs.replace(behaviour, tool=tool, blocks=("tool_use",))


def answer_turn(state: State, request: MessageRequest, behaviour: Behaviour, credential: bytes) -> Turn:
    """What is said to a request, its prompt cached.

    Raises:
        ApiError: there is no such model, or the request exceeds its limits.
    """
    model = serving_model(request.model, behaviour)
    if request.max_tokens > model.output:
        raise invalid(
            f"max_tokens: {request.max_tokens} > {model.output}, which is the maximum allowed number of "
            f"output tokens for {model.id}"
        )
    prompt = units(request)
    total = sum(unit.tokens for unit in prompt)
    if total > model.context:
        raise invalid(f"prompt is too long: {total} tokens > {model.context} maximum")
    spent = InputTokens(total)
    if behaviour.cache:
        spent = state.cache.use(prompt, credential, model.id, model.cacheable, state.now())
    return take_turn(request, behaviour, model.id, spent, state.ids.next)


def serving_model(name: str, behaviour: Behaviour) -> Model:
    """The model that serves a name.

    Raises:
        ApiError: 404, there is none.
    """
    model = find_model(name)
    if model is None:
        if not behaviour.any_model:
            raise ApiError(404, f"model: {name}")
        model = Model(name)
    return model


def _rate_limits(state: State, call: Call, turn: Turn, behaviour: Behaviour) -> bytes:
    key = call.credential, turn.model
    return state.limiter.headers(
        behaviour.rate_limits, key, turn.usage, state.now(), state.wall().timestamp()
    )


def _stream(state: State, call: Call, turn: Turn, behaviour: Behaviour, fault: Fault | None) -> Answer:
    reply = Reply(
        status=200,
        headers=[("content-type", EVENTS), ("request-id", call.request_id)],
        body=timed(render.stream(turn, behaviour), behaviour),
        streamed=call.modern,
        head_due=behaviour.head_seconds,
        ping_seconds=behaviour.ping_seconds,
    )
    reply = faulty(reply, fault, behaviour)
    coding = choose(behaviour.encoding, call.header(b"accept-encoding"))
    keep_alive = call.keep_alive and reply.streamed
    head = response_head(
        200,
        call.request_id,
        content_type=EVENTS,
        length=_length(reply, coding),
        coding=coding,
        wall=state.wall().timestamp(),
        keep_alive=keep_alive,
        more=state.limited(call, reply) or _rate_limits(state, call, turn, behaviour),
    )
    answer = stream_answer(head, reply, coding, behaviour, _tally(turn, reply, fault))
    if answer.ending == Ending.KEEP and not keep_alive:
        answer.ending = Ending.CLOSE
    return answer


def _length(reply: Reply, coding: str) -> int | None:
    """The content-length of a stream, where a fault says one; see `response_head`."""
    if not reply.length_off:
        return None if reply.streamed else -1
    return max(0, sum(map(len, frame(reply.body, coding, chunked=False))) + reply.length_off)


def _tally(turn: Turn, reply: Reply, fault: Fault | None) -> Tally:
    tally = Tally(
        endpoint=MESSAGES,
        status=200,
        model=turn.model,
        usage=turn.usage,
        stream=True,
        events=len(reply.body.data),
        error=reply.body.error,
    )
    return counted(tally, reply, fault)
