-- A value that only the ledger's own master secret opens: a ledger and a secret that do not belong together are
-- told apart at the start, not at the first order.
CREATE TABLE secret_proof (
    id BIGINT NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL
);
