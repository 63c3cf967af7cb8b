-- What came of looking at an invoice at BTCPay.

-- When a look at it ended last, milliseconds since 1970; 0: never.
ALTER TABLE invoices ADD COLUMN looked_at BIGINT NOT NULL DEFAULT 0;
-- Looks in a row that did not show it, and when the first of them was. Not counted while the whole server is down.
ALTER TABLE invoices ADD COLUMN blind_looks BIGINT NOT NULL DEFAULT 0;
ALTER TABLE invoices ADD COLUMN blind_since BIGINT;
-- 1: BTCPay notified of it, and it has not been seen since. It is looked at before those that are only polled.
ALTER TABLE invoices ADD COLUMN urgent BIGINT NOT NULL DEFAULT 0;

-- Until now that was a time before all others.
UPDATE invoices SET urgent = 1 WHERE wake_at = 0;

CREATE INDEX invoices_urgent ON invoices (wake_at) WHERE urgent = 1 AND wake_at IS NOT NULL;
CREATE INDEX invoices_blind ON invoices (store_id) WHERE blind_looks > 0;
