-- Trails and what they were at which position of the log; tags; signing keys.
-- TEXT and BIGINT only, so that the same text runs on SQLite and PostgreSQL.
-- Times are milliseconds since 1970.

-- One row that counts every change of any trail, so that a change made by another process is noticed.
CREATE TABLE trail_changes (
    one BIGINT PRIMARY KEY,
    count BIGINT NOT NULL
);

INSERT INTO trail_changes (one, count) VALUES (1, 0);

CREATE TABLE trails (
    -- The change that created it, so that a trail which is made anew under an old name differs.
    id BIGINT PRIMARY KEY,
    arn TEXT NOT NULL,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    home_region TEXT NOT NULL,
    -- JSON as the API's; NULL when there are none.
    insight_selectors TEXT,
    created BIGINT NOT NULL,
    -- When logging was last started and stopped; NULL before the first time.
    started BIGINT,
    stopped BIGINT,
    -- A deleted trail stays: its old versions judge what was recorded before.
    deleted BIGINT
);

CREATE UNIQUE INDEX trails_live ON trails (arn) WHERE deleted IS NULL;

CREATE INDEX trails_of ON trails (account, name);

CREATE TABLE trail_versions (
    -- The change that made it: unique over all trails, later is greater.
    number BIGINT PRIMARY KEY,
    trail BIGINT NOT NULL REFERENCES trails (id),
    -- The first position of the log that it judges.
    from_position BIGINT NOT NULL,
    -- logging, stopped or deleted.
    stage TEXT NOT NULL,
    -- JSON of TrailSettings.
    settings TEXT NOT NULL,
    -- JSON as the API's; NULL for those that a trail has by default.
    event_selectors TEXT,
    made BIGINT NOT NULL
);

CREATE INDEX trail_versions_of ON trail_versions (trail, from_position);

CREATE TABLE tags (
    -- ARN.
    resource TEXT NOT NULL,
    name TEXT NOT NULL,
    -- NULL when none was given.
    value TEXT,
    PRIMARY KEY (resource, name)
);

CREATE TABLE signing_keys (
    -- As ListPublicKeys shows it.
    fingerprint TEXT PRIMARY KEY,
    region TEXT NOT NULL,
    -- PKCS#8 in base64, sealed under the master key; NULL when a key service holds it.
    private_key TEXT,
    -- DER of PKCS#1 RSAPublicKey, base64.
    public_key TEXT NOT NULL,
    -- The end is excluded.
    valid_from BIGINT NOT NULL,
    valid_until BIGINT NOT NULL
);

CREATE INDEX signing_keys_of ON signing_keys (region, valid_from);
