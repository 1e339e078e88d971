"""OpenTelemetry: finished calls as spans and events, the registry's figures as metrics, over OTLP.

The nouns, used in these senses in this package:

**signal**
    `traces`, `metrics` or `logs`: each has its own endpoint, its own queue and its own thread.
**conventions**
    OpenTelemetry's semantic conventions for generative AI, in one of two editions (`conventions`).
    Every attribute's name in each edition stands in one table, and nowhere else.
**event**
    One structured record per call, without content: over OTLP logs, and as the request log.
**content**
    What was asked and answered. It is collected, and leaves, only where that was asked for (`capture`).

Messages are written in protobuf's wire format directly (`wire`): a span of 40 attributes takes the
official classes six times as long, and the observer has traffic to keep up with. Tests read every one
back with the official classes.
"""
