CREATE TABLE calls (
    id BIGSERIAL NOT NULL,
    call_id TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    day TEXT NOT NULL,
    engine TEXT NOT NULL,
    method TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    outcome TEXT NOT NULL,
    status BIGINT,
    error_type TEXT,
    error_code TEXT,
    model TEXT NOT NULL,
    model_asked TEXT,
    model_served TEXT,
    stream BIGINT NOT NULL,
    stop_reason TEXT,
    message_id TEXT,
    input_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_5m_tokens BIGINT NOT NULL,
    cache_write_1h_tokens BIGINT NOT NULL,
    output_tokens BIGINT,
    thinking_tokens BIGINT,
    web_searches BIGINT,
    web_fetches BIGINT,
    service_tier TEXT,
    speed TEXT,
    inference_geo TEXT,
    cache_outcome TEXT,
    cache_miss_reason TEXT,
    bill_status TEXT,
    usd BIGINT,
    savings_usd BIGINT,
    batch_savings_usd BIGINT,
    wasted_usd BIGINT,
    waste_cause TEXT,
    subscription BIGINT NOT NULL,
    price_table TEXT,
    price_date TEXT,
    ttft FLOAT,
    headers FLOAT,
    duration FLOAT,
    project TEXT NOT NULL,
    session TEXT,
    user_hash TEXT,
    client TEXT,
    credential TEXT,
    organization_id TEXT,
    request_id TEXT,
    trace_id TEXT,
    span_id TEXT,
    attempt BIGINT NOT NULL,
    retry_of TEXT,
    retry_cause TEXT,
    batch_id TEXT,
    custom_id TEXT,
    resumed BIGINT NOT NULL,
    labels TEXT,
    bill TEXT,
    detail TEXT,
    PRIMARY KEY (id)
);

CREATE INDEX calls_batch ON calls (batch_id) WHERE batch_id IS NOT NULL;

CREATE INDEX calls_session ON calls (session, started_at) WHERE session IS NOT NULL;

CREATE INDEX calls_started ON calls (started_at);

CREATE TABLE rollups (
    wide BIGINT NOT NULL,
    grain BIGINT NOT NULL,
    starts BIGINT NOT NULL,
    model TEXT NOT NULL,
    project TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    status BIGINT NOT NULL,
    stop_reason TEXT NOT NULL,
    client TEXT NOT NULL,
    credential TEXT NOT NULL,
    calls BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    paid BIGINT NOT NULL,
    estimated BIGINT NOT NULL,
    unpriced BIGINT NOT NULL,
    subscription BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    cache_write_5m_tokens BIGINT NOT NULL,
    cache_write_1h_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    thinking_tokens BIGINT NOT NULL,
    web_searches BIGINT NOT NULL,
    usd BIGINT NOT NULL,
    subscription_usd BIGINT NOT NULL,
    savings_usd BIGINT NOT NULL,
    batch_savings_usd BIGINT NOT NULL,
    wasted_usd BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (wide, grain, starts, model, project, endpoint, status, stop_reason, client, credential)
);

CREATE TABLE batch_results (
    batch_id TEXT NOT NULL,
    custom_id TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (batch_id, custom_id)
);

CREATE TABLE marks (
    name TEXT NOT NULL,
    settled BIGINT NOT NULL,
    marked_at BIGINT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE losses (
    writer TEXT NOT NULL,
    reason TEXT NOT NULL,
    rows BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (writer, reason)
);

CREATE TABLE meta (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name)
);
