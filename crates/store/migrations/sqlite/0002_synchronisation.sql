-- Addresses with their versions and ages, the runs of the synchronisation, own mail domains.

CREATE TABLE address (
    account       BLOB    NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    kind          TEXT    NOT NULL CHECK (kind IN ('email', 'mobile', 'office')),
    value         TEXT,                    -- null: there is none any more
    version       INTEGER NOT NULL,
    first_seen_at INTEGER NOT NULL,
    arrival       TEXT    NOT NULL CHECK (arrival IN ('first', 'added', 'changed')),
    self_written  INTEGER NOT NULL,        -- the account may write it itself
    released_at   INTEGER,                 -- by an administrator, before its time
    before_value  TEXT,                    -- the last other one that counted
    PRIMARY KEY (account, kind)
) WITHOUT ROWID;

INSERT INTO address (account, kind, value, version, first_seen_at, arrival, self_written)
    SELECT id, 'email', email, email_version, 0, 'first', 1 FROM account
    WHERE email IS NOT NULL OR email_version > 1;

ALTER TABLE account DROP COLUMN email;
ALTER TABLE account DROP COLUMN email_version;
ALTER TABLE account ADD COLUMN part      TEXT NOT NULL DEFAULT '';   -- of its directory: a domain
ALTER TABLE account ADD COLUMN member_of TEXT NOT NULL DEFAULT '[]'; -- configured groups, as JSON
ALTER TABLE account ADD COLUMN malformed TEXT NOT NULL DEFAULT '[]'; -- values that cannot be used
ALTER TABLE account ADD COLUMN listed    BLOB;    -- hash of what its directory said last
ALTER TABLE account ADD COLUMN gone_at   INTEGER; -- when it left its directory
UPDATE account SET run = 0;
CREATE INDEX account_directory ON account (directory, part);

-- Counts the runs begun of all agents; each account has the count at which it was seen last.
ALTER TABLE directory ADD COLUMN run INTEGER NOT NULL DEFAULT 0;

-- A part of a directory that was read to its end at least once.
CREATE TABLE directory_part (
    directory BLOB    NOT NULL REFERENCES directory (id),
    part      TEXT    NOT NULL,
    first_at  INTEGER NOT NULL,
    PRIMARY KEY (directory, part)
) WITHOUT ROWID;

-- The newest run of each agent.
CREATE TABLE synchronisation (
    agent     BLOB    NOT NULL,
    part      TEXT    NOT NULL,
    directory BLOB    NOT NULL,
    run       INTEGER NOT NULL,            -- the agent's number
    counted   INTEGER NOT NULL,            -- the directory's count when it began
    pages     INTEGER NOT NULL,            -- taken in so far
    complete  INTEGER,                     -- the agent's number of its last complete run
    PRIMARY KEY (agent, part)
) WITHOUT ROWID;

ALTER TABLE tenant ADD COLUMN own_mail        TEXT    NOT NULL DEFAULT '[]'; -- domains, as JSON
ALTER TABLE tenant ADD COLUMN own_mail_counts INTEGER NOT NULL DEFAULT 0;
