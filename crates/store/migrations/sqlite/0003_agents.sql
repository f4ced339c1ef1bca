-- Agents that wait for approval and say how they are, and whom administrators hear of it.

ALTER TABLE tenant ADD COLUMN alert_to       TEXT NOT NULL DEFAULT '[]'; -- addresses, as JSON
ALTER TABLE tenant ADD COLUMN alert_language TEXT NOT NULL DEFAULT 'en';

-- What it brought; counts once it is approved.
ALTER TABLE agent ADD COLUMN directory_key BLOB NOT NULL DEFAULT x'';
ALTER TABLE agent ADD COLUMN approved_at   INTEGER; -- null: it may do nothing yet
ALTER TABLE agent ADD COLUMN heard_at      INTEGER; -- the last heartbeat; stays when it is cut off
ALTER TABLE agent ADD COLUMN software      TEXT;    -- what it said of itself last
ALTER TABLE agent ADD COLUMN clock_skew_ms INTEGER; -- its clock beside ours; positive: ahead
ALTER TABLE agent ADD COLUMN waiting       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agent ADD COLUMN stopped       TEXT;    -- why it begins nothing new, by its code
ALTER TABLE agent ADD COLUMN too_old_at    INTEGER; -- when it was turned away for its protocol

-- Whoever was let in before there were approvals was let in with the directory's key.
UPDATE agent SET
    approved_at   = enrolled_at,
    heard_at      = seen_at,
    directory_key = coalesce(
        (SELECT directory.directory_key FROM directory WHERE directory.id = agent.directory), x'');

-- 1: who enrols with it waits for an administrator.
ALTER TABLE enrolment_code ADD COLUMN approval INTEGER NOT NULL DEFAULT 1;

-- What administrators are told of: one row an episode, gone when it is over.
CREATE TABLE alert (
    tenant    BLOB    NOT NULL,
    directory BLOB    NOT NULL REFERENCES directory (id),
    subject   BLOB    NOT NULL,               -- the agent, or the directory itself
    kind      TEXT    NOT NULL,
    since     INTEGER NOT NULL,
    told_at   INTEGER,
    PRIMARY KEY (subject, kind)
) WITHOUT ROWID;

-- When a service last said that it runs, for commands that run beside it.
CREATE TABLE alive (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
);
