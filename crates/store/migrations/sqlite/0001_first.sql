-- Times are microseconds since 1970 (UTC), ids are sixteen bytes, JSON is text, enums are text
-- with a CHECK. Every table has its tenant from the first day.

CREATE TABLE tenant (
    id         BLOB    NOT NULL PRIMARY KEY,
    host       TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    accent     TEXT    NOT NULL,
    help       TEXT    NOT NULL,
    policy     TEXT    NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE directory (
    id            BLOB    NOT NULL PRIMARY KEY,
    tenant        BLOB    NOT NULL REFERENCES tenant (id),
    name          TEXT    NOT NULL,
    kind          TEXT    NOT NULL CHECK (kind IN ('embedded', 'agent')),
    directory_key BLOB,             -- Ed25519, set by the first agent; signs the recipients
    recipients    TEXT,             -- the signed list, as the agent sent it
    write_back    INTEGER NOT NULL DEFAULT 1, -- 0: nothing new is begun
    created_at    INTEGER NOT NULL,
    UNIQUE (tenant, name)
);

CREATE TABLE account (
    id            BLOB    NOT NULL PRIMARY KEY,
    tenant        BLOB    NOT NULL REFERENCES tenant (id),
    directory     BLOB    NOT NULL REFERENCES directory (id),
    external_id   TEXT    NOT NULL,
    display_name  TEXT    NOT NULL,
    email         TEXT,
    email_version INTEGER NOT NULL DEFAULT 1,
    enabled       INTEGER NOT NULL,
    protected     INTEGER NOT NULL,
    run           INTEGER NOT NULL DEFAULT 0,
    UNIQUE (directory, external_id)
);

-- Every name that a person may type, in canonical form. A name of two accounts names nobody.
CREATE TABLE account_name (
    tenant  BLOB NOT NULL,
    name    TEXT NOT NULL,
    account BLOB NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant, name, account)
) WITHOUT ROWID;
CREATE INDEX account_name_account ON account_name (account);

-- What only the embedded directory knows of its accounts.
CREATE TABLE embedded_account (
    account         BLOB    NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    password_hash   TEXT    NOT NULL,
    wrong           INTEGER NOT NULL DEFAULT 0,
    locked_at       INTEGER,
    must_change     INTEGER NOT NULL,
    signed_in_at    INTEGER,
    password_set_at INTEGER NOT NULL,
    key_version     INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE recovery (
    id           BLOB    NOT NULL PRIMARY KEY,
    tenant       BLOB    NOT NULL REFERENCES tenant (id),
    case_code    TEXT    NOT NULL,
    begin_key    BLOB    NOT NULL UNIQUE,  -- keyed hash of the idempotency key it was begun with
    name_key     BLOB    NOT NULL,         -- keyed hash of the canonical name typed
    user_id      TEXT    NOT NULL,         -- as typed
    account      BLOB,                     -- null: nobody, and nobody is told
    lane         TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    language     TEXT    NOT NULL,
    step         INTEGER NOT NULL,         -- the running number of the token
    revision     INTEGER NOT NULL,
    stage        TEXT    NOT NULL,         -- the name alone, for look-ups
    state        TEXT    NOT NULL,         -- recovery::Session as JSON
    status       TEXT,                     -- what the directory told after the last gate
    reason_not   TEXT,                     -- why the last operation was not done
    code         BLOB,                     -- the code in force
    operation    BLOB,                     -- the last operation
    last_key     TEXT,                     -- idempotency key of the last changing call
    last_body    BLOB,                     -- keyed hash of what it asked
    last_refusal TEXT,                     -- the code it was refused with, if it was
    created_at   INTEGER NOT NULL,
    ended_at     INTEGER
);
CREATE INDEX recovery_account ON recovery (account) WHERE ended_at IS NULL;
CREATE INDEX recovery_case ON recovery (tenant, case_code);
CREATE INDEX recovery_created ON recovery (created_at);

CREATE TABLE code (
    id              BLOB    NOT NULL PRIMARY KEY,
    tenant          BLOB    NOT NULL,
    recovery        BLOB    NOT NULL REFERENCES recovery (id),
    name_key        BLOB    NOT NULL,
    method          TEXT    NOT NULL,
    address_version INTEGER NOT NULL,
    hash            BLOB    NOT NULL,      -- keyed hash over this row's id and the digits
    expires_at      INTEGER NOT NULL,
    consumed_at     INTEGER
);

CREATE INDEX code_recovery ON code (recovery);

CREATE TABLE operation (
    id              BLOB    NOT NULL PRIMARY KEY,
    tenant          BLOB    NOT NULL,
    recovery        BLOB    NOT NULL REFERENCES recovery (id),
    directory       BLOB    NOT NULL,
    account         BLOB    NOT NULL,
    external_id     TEXT    NOT NULL,
    act             TEXT    NOT NULL CHECK (act IN ('unlock', 'reset')),
    state           TEXT    NOT NULL
                    CHECK (state IN ('typing', 'waiting', 'sent', 'done', 'not-done', 'not-known')),
    seal_expires_at INTEGER,               -- Unix seconds that the seal is bound to
    sealed          TEXT,                  -- wiped with the outcome
    fence           TEXT,                  -- the values read before, stored before the write
    reason          TEXT,                  -- why not, as JSON
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    finished_at     INTEGER
);
CREATE INDEX operation_recovery ON operation (recovery);
CREATE INDEX operation_open ON operation (directory)
    WHERE state IN ('waiting', 'sent', 'not-known');

CREATE TABLE limit_count (
    key        BLOB    NOT NULL PRIMARY KEY,
    count      INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,
    shut_until INTEGER NOT NULL
) WITHOUT ROWID;

-- One-time claims: a solved bot check is used once.
CREATE TABLE claim (
    key        BLOB    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant       BLOB    NOT NULL,
    recovery     BLOB,
    kind         TEXT    NOT NULL,
    payload      BLOB,                     -- sealed under a key outside the database; wiped when sent
    due_at       INTEGER NOT NULL,
    leased_until INTEGER NOT NULL DEFAULT 0,
    lease        INTEGER NOT NULL DEFAULT 0,
    tries        INTEGER NOT NULL DEFAULT 0,
    give_up_at   INTEGER NOT NULL,
    state        TEXT    NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'sent', 'dead'))
);
CREATE INDEX outbox_due ON outbox (due_at) WHERE state = 'due';

CREATE TABLE audit (
    sequence  INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant    BLOB    NOT NULL,
    at        INTEGER NOT NULL,
    event     TEXT    NOT NULL,
    case_code TEXT,
    account   BLOB,
    detail    TEXT    NOT NULL,
    chain     BLOB,                        -- SHA-256 over the chain so far and this row
    signature BLOB                         -- over the chain, on the last row of each sealing
);

CREATE INDEX audit_unsealed ON audit (sequence) WHERE chain IS NULL;
CREATE INDEX audit_case ON audit (tenant, case_code);

CREATE TABLE agent (
    id                  BLOB    NOT NULL PRIMARY KEY,
    tenant              BLOB    NOT NULL,
    directory           BLOB    NOT NULL REFERENCES directory (id),
    name                TEXT    NOT NULL,
    identity_key        BLOB    NOT NULL,
    recipient           TEXT    NOT NULL,
    enrolled_at         INTEGER NOT NULL,
    seen_at             INTEGER,
    directory_reachable INTEGER NOT NULL DEFAULT 0,
    revoked_at          INTEGER
);

CREATE TABLE enrolment_code (
    id         BLOB    NOT NULL PRIMARY KEY,  -- no secret: that is derived from it, never stored
    tenant     BLOB    NOT NULL,
    directory  BLOB    NOT NULL REFERENCES directory (id),
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
);
