-- PCs with a key of their own, the tokens they enrol with, and what they get from the service.

CREATE TABLE fleet_token (
    id         BLOB    NOT NULL PRIMARY KEY,
    tenant     BLOB    NOT NULL REFERENCES tenant (id),
    hash       BLOB    NOT NULL,             -- keyed hash of its secret
    note       TEXT    NOT NULL,
    most       INTEGER NOT NULL,             -- so many devices may enrol with it
    used       INTEGER NOT NULL DEFAULT 0,   -- so many did
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
);
CREATE INDEX fleet_token_tenant ON fleet_token (tenant);

CREATE TABLE device (
    id          BLOB    NOT NULL PRIMARY KEY,
    tenant      BLOB    NOT NULL REFERENCES tenant (id),
    public_key  BLOB    NOT NULL,            -- P-256, uncompressed
    kind        TEXT    NOT NULL CHECK (kind IN ('tpm', 'software')),
    name        TEXT    NOT NULL,            -- as it says of itself
    windows     TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    facts       TEXT    NOT NULL,            -- what was found on it, as JSON
    fleet_token BLOB    NOT NULL REFERENCES fleet_token (id),
    enrolled_at INTEGER NOT NULL,
    reported_at INTEGER NOT NULL,
    nonce_at    INTEGER NOT NULL,            -- when the newest nonce that it signed was made
    mark        BLOB    NOT NULL,            -- of the newest report
    mark_before BLOB    NOT NULL,            -- of the one before
    trusted_at  INTEGER,                     -- null: seen
    shared_at   INTEGER,                     -- two PCs have the key: it counts no more
    revoked_at  INTEGER,
    UNIQUE (tenant, public_key)
);
CREATE INDEX device_fleet_token ON device (fleet_token);

ALTER TABLE recovery ADD COLUMN device      BLOB; -- that proved its key
ALTER TABLE recovery ADD COLUMN own_account BLOB; -- that a trusted device names as its own
CREATE INDEX recovery_name_device ON recovery (name_key) WHERE device IS NOT NULL;

-- 1: a trusted device is told the truth about the account of its own person.
ALTER TABLE tenant ADD COLUMN candid       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tenant ADD COLUMN tile_labels  TEXT    NOT NULL DEFAULT '{}'; -- by language, as JSON
ALTER TABLE tenant ADD COLUMN tile_picture BLOB;                          -- PNG, at most 64 KiB
