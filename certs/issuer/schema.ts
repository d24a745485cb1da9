// The tables of the issuer's state. A migration is never changed once released: a new one is added.

/** SQL that takes a database from version i to i + 1; version 0 is an empty file. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE issuer (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    trust_domain TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    kdf_salt BLOB NOT NULL, kdf_n INTEGER NOT NULL, kdf_r INTEGER NOT NULL, kdf_p INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE ca (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('prepared', 'active', 'retiring', 'retired')),
    certificate BLOB NOT NULL,
    sealed_key BLOB CHECK ((sealed_key IS NULL) = (state = 'retired')),
    published_at_ms INTEGER NOT NULL,
    activated_at_ms INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX ca_prepared ON ca (state) WHERE state = 'prepared';
  CREATE UNIQUE INDEX ca_active ON ca (state) WHERE state = 'active';

  CREATE TABLE crl (
    ca_id TEXT PRIMARY KEY REFERENCES ca (id),
    number INTEGER NOT NULL,
    this_update_ms INTEGER NOT NULL, next_update_ms INTEGER NOT NULL,
    der BLOB NOT NULL
  ) STRICT;

  CREATE TABLE svid (
    serial TEXT PRIMARY KEY,
    spiffe_id TEXT NOT NULL,
    ca_id TEXT NOT NULL REFERENCES ca (id),
    attestation TEXT NOT NULL,
    dns_names TEXT NOT NULL,
    from_address TEXT NOT NULL,
    issued_at_ms INTEGER NOT NULL,
    not_after_ms INTEGER NOT NULL,
    renew_asked_at_ms INTEGER,
    ends_when_renewed INTEGER NOT NULL DEFAULT 0 CHECK (ends_when_renewed IN (0, 1)),
    ends_at_ms INTEGER,
    revoked_at_ms INTEGER, revoked_cause TEXT, revoked_reason TEXT,
    CHECK ((revoked_at_ms IS NULL) = (revoked_cause IS NULL)),
    CHECK ((revoked_at_ms IS NULL) = (revoked_reason IS NULL))
  ) STRICT;
  CREATE INDEX svid_by_id ON svid (spiffe_id, not_after_ms);
  CREATE INDEX svid_by_end ON svid (not_after_ms);
  CREATE INDEX svid_by_ca ON svid (ca_id, not_after_ms);
  CREATE INDEX svid_revoked ON svid (ca_id, not_after_ms) WHERE revoked_at_ms IS NOT NULL;
  CREATE INDEX svid_ends ON svid (ends_at_ms) WHERE ends_at_ms IS NOT NULL;
  CREATE INDEX svid_renew_asked ON svid (serial) WHERE renew_asked_at_ms IS NOT NULL;

  CREATE TABLE join_token (
    hash BLOB PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('open', 'used', 'expired', 'cancelled')),
    spiffe_id TEXT NOT NULL,
    dns_names TEXT,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    used_for TEXT REFERENCES svid (serial) ON DELETE SET NULL
  ) STRICT;
  CREATE INDEX join_token_by_id ON join_token (spiffe_id) WHERE state = 'open';
  CREATE INDEX join_token_due ON join_token (expires_at_ms) WHERE state = 'open';
  CREATE INDEX join_token_used_for ON join_token (used_for);

  CREATE TABLE blocked_id (
    spiffe_id TEXT PRIMARY KEY, since_ms INTEGER NOT NULL, reason TEXT NOT NULL
  ) STRICT;

  CREATE TABLE federated (
    trust_domain TEXT NOT NULL, position INTEGER NOT NULL, certificate BLOB NOT NULL,
    PRIMARY KEY (trust_domain, position)
  ) STRICT;

  CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY, entry TEXT NOT NULL, hash BLOB NOT NULL
  ) STRICT;
  CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
  CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
  `,
];
