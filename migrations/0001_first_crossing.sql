-- Times are milliseconds since 1970. Types are those that SQLite and PostgreSQL share.

CREATE TABLE stores (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    server TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    api_key_sealed BLOB,
    paired_at BIGINT,
    created_at BIGINT NOT NULL
);

-- One SIN belongs to one store, for good.
CREATE TABLE identities (
    sin TEXT NOT NULL PRIMARY KEY,
    store_id TEXT NOT NULL REFERENCES stores (id)
);

CREATE TABLE credentials (
    id TEXT NOT NULL PRIMARY KEY,
    store_id TEXT NOT NULL REFERENCES stores (id),
    sin TEXT NOT NULL REFERENCES identities (sin),
    facade TEXT NOT NULL,
    -- What the token was derived from beside SIN, facade and epoch: the store's id, or the code's hash
    -- where the token was announced before anybody chose a store.
    scope TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    label TEXT,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    UNIQUE (scope, sin, facade, epoch)
);

CREATE INDEX credentials_sin ON credentials (sin);

-- A code that the operator made (store known, SIN not yet) or that a shop asked for (SIN known, store not yet).
CREATE TABLE pairings (
    code_hash TEXT NOT NULL PRIMARY KEY,
    code TEXT,
    store_id TEXT REFERENCES stores (id),
    sin TEXT,
    facade TEXT NOT NULL,
    label TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    done_at BIGINT
);

CREATE INDEX pairings_open ON pairings (expires_at) WHERE done_at IS NULL;

-- The row is written before BTCPay hears of the invoice; row_id is the mark that BTCPay keeps.
CREATE TABLE invoices (
    row_id TEXT NOT NULL PRIMARY KEY,
    store_id TEXT NOT NULL REFERENCES stores (id),
    credential_id TEXT,
    guid TEXT,
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL,
    invoice_id TEXT UNIQUE,
    words_sealed BLOB NOT NULL,
    answer_sealed BLOB,
    dialect TEXT NOT NULL,
    host TEXT NOT NULL,
    agent TEXT NOT NULL,
    notification_id TEXT NOT NULL UNIQUE,
    sent_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (store_id, credential_id, guid, fingerprint)
);

CREATE INDEX invoices_guid ON invoices (store_id, credential_id, guid) WHERE guid IS NOT NULL;
