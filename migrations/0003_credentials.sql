-- A credential is whatever names a shop: a token of its key, a POS token without a key, a v1 API key.
-- Own tokens are derived (scope, epoch), those of BitPay are sealed, API keys are kept as a hash alone.
-- A key (SIN) with tokens of BitPay may open several stores, one by each token; a key that payferry paired
-- itself has one store, which `identities` keeps.
CREATE TABLE credentials_of_all_kinds (
    id TEXT NOT NULL PRIMARY KEY,
    store_id TEXT NOT NULL REFERENCES stores (id),
    kind TEXT NOT NULL,
    facade TEXT NOT NULL,
    sin TEXT,
    scope TEXT,
    epoch BIGINT,
    token_sealed BLOB,
    token_hash TEXT NOT NULL,
    era TEXT,
    notification_form TEXT,
    label TEXT,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

INSERT INTO credentials_of_all_kinds
    (id, store_id, kind, facade, sin, scope, epoch, token_hash, label, created_at, revoked_at)
    SELECT id, store_id, 'token', facade, sin, scope, epoch, token_hash, label, created_at, revoked_at
    FROM credentials;

DROP TABLE credentials;
ALTER TABLE credentials_of_all_kinds RENAME TO credentials;

CREATE INDEX credentials_sin ON credentials (sin);
CREATE INDEX credentials_hash ON credentials (token_hash);
CREATE UNIQUE INDEX credentials_derived ON credentials (scope, sin, facade, epoch);
CREATE UNIQUE INDEX credentials_token ON credentials (token_hash) WHERE revoked_at IS NULL AND kind <> 'v1_key';
CREATE UNIQUE INDEX credentials_v1_key ON credentials (token_hash) WHERE revoked_at IS NULL AND kind = 'v1_key';

-- Credentials that proved something but that no store knows; kept for a day after their last use.
CREATE TABLE pending_adoptions (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    sin TEXT,
    token_hash TEXT,
    token_sealed BLOB,
    agent TEXT NOT NULL,
    address TEXT NOT NULL,
    host TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    count BIGINT NOT NULL
);

CREATE INDEX pending_adoptions_last_seen ON pending_adoptions (last_seen);
