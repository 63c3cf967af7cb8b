-- When the shop's words, BTCPay's answer and the bodies of its notifications were erased; NULL: they are kept.
ALTER TABLE invoices ADD COLUMN erased_at BIGINT;

CREATE INDEX invoices_kept ON invoices (presented_since) WHERE erased_at IS NULL AND wake_at IS NULL;
