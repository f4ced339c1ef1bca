-- A password can also be changed with the present one. (A CHECK is changed by a new table only.)
CREATE TABLE operation_of_three (
    id              BLOB    NOT NULL PRIMARY KEY,
    tenant          BLOB    NOT NULL,
    recovery        BLOB    NOT NULL REFERENCES recovery (id),
    directory       BLOB    NOT NULL,
    account         BLOB    NOT NULL,
    external_id     TEXT    NOT NULL,
    act             TEXT    NOT NULL CHECK (act IN ('unlock', 'reset', 'change')),
    state           TEXT    NOT NULL
                    CHECK (state IN ('typing', 'waiting', 'sent', 'done', 'not-done', 'not-known')),
    seal_expires_at INTEGER,
    sealed          TEXT,
    fence           TEXT,
    reason          TEXT,
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    finished_at     INTEGER
);
INSERT INTO operation_of_three
    SELECT id, tenant, recovery, directory, account, external_id, act, state, seal_expires_at,
        sealed, fence, reason, created_at, expires_at, finished_at
    FROM operation;
DROP TABLE operation;
ALTER TABLE operation_of_three RENAME TO operation;
CREATE INDEX operation_recovery ON operation (recovery);
CREATE INDEX operation_open ON operation (directory)
    WHERE state IN ('waiting', 'sent', 'not-known');
