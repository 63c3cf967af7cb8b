-- The journal: where BTCPay was not BitPay, one row for each difference, call, store and agent.
-- identity is the id in the catalogue, or kind and pointer where there is none. No value of a shop or
-- buyer is in here: sample is a type and a length.
CREATE TABLE divergences (
    identity TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    store TEXT NOT NULL,
    agent TEXT NOT NULL,
    catalogue_id TEXT,
    kind TEXT NOT NULL,
    pointer TEXT NOT NULL,
    sample TEXT NOT NULL,
    repaired TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    count BIGINT NOT NULL,
    acknowledged_at BIGINT,
    PRIMARY KEY (identity, endpoint, store, agent)
);
