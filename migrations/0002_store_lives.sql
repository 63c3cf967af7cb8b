-- The last epoch that a key was made for, in use or not: no epoch is ever taken twice.
ALTER TABLE stores ADD COLUMN last_epoch BIGINT NOT NULL DEFAULT 1;
UPDATE stores SET last_epoch = epoch;

-- A store that was removed stays while the ledger holds invoices of it, so that they can still be read.
ALTER TABLE stores ADD COLUMN removed_at BIGINT;
