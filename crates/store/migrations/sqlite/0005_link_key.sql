-- The generations of the service's link key. The first comes from the master key alone, each
-- later one from it and a salt of its own, which is gone as soon as it is retired.

CREATE TABLE link_key (
    generation INTEGER NOT NULL PRIMARY KEY,
    salt       BLOB    NOT NULL,
    made_at    INTEGER NOT NULL,
    retired_at INTEGER                        -- null: agents that know no newer one may come
);
INSERT INTO link_key (generation, salt, made_at) VALUES (1, x'', 0);

-- The newest that an agent is known to accept; and which one an enrolment code names.
ALTER TABLE agent          ADD COLUMN link_generation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE enrolment_code ADD COLUMN link_generation INTEGER NOT NULL DEFAULT 1;
