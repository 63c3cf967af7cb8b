-- What the store's settlement was when the invoice was made: BTCPay waits for the blocks that were asked for then.
-- NULL: made before this column, the store's present settlement counts.
ALTER TABLE invoices ADD COLUMN settlement TEXT;

CREATE INDEX notifications_parked ON notifications (last_at) WHERE state = 'parked';
