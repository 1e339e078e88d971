"""The proxy: carries bytes between a client and the Messages API, and understands what passed.

The nouns, used in these senses everywhere:

**Exchange**
    One HTTP request and its response as it happened on the wire: heads, body bytes with their
    arrival times, and how it ended. An exchange knows nothing of Anthropic.
**Call**
    An exchange understood as an API call: endpoint, models asked and served, usage, stop reason,
    timings, error. Pure data (`tokentape.proxy.messages.call`).
**Bill**
    The priced call: line items in USD, with a status `exact`, `estimated` or `unpriced`.
**Cassette**, **interaction**
    vcrpy's words, for vcrpy's file format.
**data plane**
    What carries bytes between client and upstream: the *relay* for clients with a base_url, and
    the *intercept* for the others. A data plane understands nothing, and waits for nothing but
    its two sockets.
**frame**
    What a data plane tells the observer about one exchange: opened, request body, response head,
    response body, closed; and once a second, the worker's own state.
**observer**
    The process that understands: it turns exchanges into calls and hands them to the sinks. A
    crash, a slow disk or a scrape there never delays a byte.
**CallSink**
    A consumer of finished calls with their bills: Prometheus, spans, ledger, console.
**ExchangeSink**
    A consumer of an exchange's frames in order, with bytes and times: the cassette recorder.
**supervisor**, **worker**
    The supervisor only starts and restarts processes; a worker is one process of a data plane.

Data flows one way: client, data plane, frames, observer, sinks. Nothing flows back.
"""
