-- A number that rises with every change of what the directory keeps in memory, whoever writes it: one cheap
-- read tells payferry whether another process has changed something. Other commits, as those of the journal,
-- do not raise it. Who makes one of these tables anew must make its triggers anew.
CREATE TABLE directory_version (version BIGINT NOT NULL);
INSERT INTO directory_version (version) VALUES (1);

CREATE TRIGGER stores_inserted AFTER INSERT ON stores BEGIN
    UPDATE directory_version SET version = version + 1;
END;

CREATE TRIGGER stores_updated AFTER UPDATE ON stores BEGIN
    UPDATE directory_version SET version = version + 1;
END;

CREATE TRIGGER stores_deleted AFTER DELETE ON stores BEGIN
    UPDATE directory_version SET version = version + 1;
END;

CREATE TRIGGER credentials_inserted AFTER INSERT ON credentials BEGIN
    UPDATE directory_version SET version = version + 1;
END;

CREATE TRIGGER credentials_updated AFTER UPDATE ON credentials BEGIN
    UPDATE directory_version SET version = version + 1;
END;

CREATE TRIGGER credentials_deleted AFTER DELETE ON credentials BEGIN
    UPDATE directory_version SET version = version + 1;
END;

CREATE TRIGGER identities_inserted AFTER INSERT ON identities BEGIN
    UPDATE directory_version SET version = version + 1;
END;

CREATE TRIGGER identities_updated AFTER UPDATE ON identities BEGIN
    UPDATE directory_version SET version = version + 1;
END;

CREATE TRIGGER identities_deleted AFTER DELETE ON identities BEGIN
    UPDATE directory_version SET version = version + 1;
END;
