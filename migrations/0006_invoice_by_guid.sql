-- GET /invoices/guid/GUID by a merchant token: any credential of the store.
CREATE INDEX invoices_store_guid ON invoices (store_id, guid) WHERE guid IS NOT NULL;
