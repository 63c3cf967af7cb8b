-- What the shops are told of their invoices, and what was sent to them.

ALTER TABLE stores ADD COLUMN settlement TEXT NOT NULL DEFAULT 'btcpay';
-- Certificates (PEM) to trust instead of the well-known ones when this store's shops are notified.
ALTER TABLE stores ADD COLUMN shop_ca_pem TEXT;

ALTER TABLE invoices ADD COLUMN presented_status TEXT NOT NULL DEFAULT 'new';
ALTER TABLE invoices ADD COLUMN presented_exception TEXT;
ALTER TABLE invoices ADD COLUMN presented_since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE invoices ADD COLUMN unpaid_since BIGINT;
-- Words of the alarms that stand, with a blank between.
ALTER TABLE invoices ADD COLUMN alarms TEXT NOT NULL DEFAULT '';
-- 1: payferry itself notifies the shop. 0: made before that, or with the shop's own address at BTCPay.
ALTER TABLE invoices ADD COLUMN relayed BIGINT NOT NULL DEFAULT 0;
-- In which of BitPay's eras the shop speaks; bodies of notifications are written so.
ALTER TABLE invoices ADD COLUMN era TEXT NOT NULL DEFAULT 'every';
-- When it is to be looked at next; NULL: nothing more will come. Each wake counts, so that none is lost.
ALTER TABLE invoices ADD COLUMN wake_at BIGINT;
ALTER TABLE invoices ADD COLUMN wakes BIGINT NOT NULL DEFAULT 0;
-- 1: the shop or the operator asked to hear the state again.
ALTER TABLE invoices ADD COLUMN resend BIGINT NOT NULL DEFAULT 0;

CREATE INDEX invoices_wake ON invoices (wake_at) WHERE wake_at IS NOT NULL;

-- At most one of an invoice is `waiting`; number is its order inside the invoice.
CREATE TABLE notifications (
    id TEXT NOT NULL PRIMARY KEY,
    row_id TEXT NOT NULL REFERENCES invoices (row_id),
    number BIGINT NOT NULL,
    event BIGINT NOT NULL,
    status TEXT NOT NULL,
    body_sealed BLOB NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT,
    last_result TEXT,
    last_at BIGINT,
    created_at BIGINT NOT NULL,
    UNIQUE (row_id, number)
);

CREATE INDEX notifications_waiting ON notifications (created_at) WHERE state = 'waiting';

CREATE TABLE alarms (
    id TEXT NOT NULL PRIMARY KEY,
    row_id TEXT NOT NULL REFERENCES invoices (row_id),
    alarm TEXT NOT NULL,
    raised_at BIGINT NOT NULL
);

CREATE INDEX alarms_raised ON alarms (raised_at);
