-- Trails, each with every version that it had: a record is judged by the version that held at its
-- position in the log, however late that is.
-- TEXT and BIGINT only, so that the same text runs on SQLite and PostgreSQL.

CREATE TABLE trails (
    -- A trail that is deleted and made again has the same ARN and another id.
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    created BIGINT NOT NULL,
    -- When logging was started and stopped last.
    started BIGINT,
    stopped BIGINT,
    is_deleted BIGINT NOT NULL
);

CREATE UNIQUE INDEX trails_alive ON trails (account, region, name) WHERE is_deleted = 0;

CREATE TABLE trail_versions (
    trail TEXT NOT NULL REFERENCES trails (id),
    version BIGINT NOT NULL,
    -- The first position in the log that this version judges.
    from_position BIGINT NOT NULL,
    -- What CreateTrail, UpdateTrail and the selectors say, as JSON.
    settings TEXT NOT NULL,
    PRIMARY KEY (trail, version)
);

CREATE TABLE tags (
    resource TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT,
    PRIMARY KEY (resource, name)
);
