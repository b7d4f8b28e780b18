-- Event data stores and what they were at which position of the log; channels, resource policies,
-- imports and queries. TEXT and BIGINT only, so that the same text runs on SQLite and PostgreSQL.
-- Times are milliseconds since 1970.

-- One row that counts every change of any store or channel, so that a change made by another process
-- is noticed.
CREATE TABLE store_changes (
    one BIGINT PRIMARY KEY,
    count BIGINT NOT NULL
);

INSERT INTO store_changes (one, count) VALUES (1, 0);

CREATE TABLE stores (
    -- UUID.
    id TEXT PRIMARY KEY,
    arn TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    -- When a store that was deleted is gone for good; NULL for any other.
    purge_after BIGINT,
    -- A store that is gone stays: its old versions judge what was recorded before.
    gone BIGINT
);

CREATE INDEX stores_of ON stores (account, region, name);

CREATE TABLE store_versions (
    -- The change that made it: unique over all stores and channels, later is greater.
    number BIGINT PRIMARY KEY,
    store TEXT NOT NULL REFERENCES stores (id),
    -- The first position of the log that it judges.
    from_position BIGINT NOT NULL,
    -- CREATED, ENABLED, ... as the API's, or GONE.
    status TEXT NOT NULL,
    -- JSON of StoreSettings.
    settings TEXT NOT NULL,
    made BIGINT NOT NULL
);

CREATE INDEX store_versions_of ON store_versions (store, from_position);

CREATE TABLE channels (
    -- UUID.
    id TEXT PRIMARY KEY,
    arn TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    created BIGINT NOT NULL,
    -- JSON of IngestionStatus; NULL before the first event.
    ingestion TEXT,
    -- A channel that is gone stays: its old versions judge what was recorded before.
    gone BIGINT
);

CREATE INDEX channels_of ON channels (account, region, name);

CREATE TABLE channel_versions (
    -- The change that made it, counted with those of stores.
    number BIGINT PRIMARY KEY,
    channel TEXT NOT NULL REFERENCES channels (id),
    -- The first position of the log that it judges.
    from_position BIGINT NOT NULL,
    -- ARNs of stores as a JSON list; empty once the channel is gone.
    destinations TEXT NOT NULL
);

CREATE INDEX channel_versions_of ON channel_versions (channel, from_position);

CREATE TABLE resource_policies (
    -- ARN.
    resource TEXT PRIMARY KEY,
    policy TEXT NOT NULL
);

CREATE TABLE imports (
    -- UUID.
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    -- ARN of the store.
    store TEXT NOT NULL,
    -- JSON of ImportSource.
    source TEXT NOT NULL,
    start_event BIGINT,
    end_event BIGINT,
    status TEXT NOT NULL,
    -- JSON of ImportStatistics.
    statistics TEXT NOT NULL,
    -- Where to go on, in the words of whoever imports.
    place TEXT,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);

CREATE INDEX imports_of ON imports (account, region);

CREATE TABLE import_failures (
    import TEXT NOT NULL REFERENCES imports (id),
    -- Counts up for each import.
    sequence BIGINT NOT NULL,
    -- The object, as s3://bucket/key.
    location TEXT NOT NULL,
    status TEXT NOT NULL,
    error_type TEXT NOT NULL,
    error_message TEXT NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (import, sequence)
);

CREATE UNIQUE INDEX import_failures_at ON import_failures (import, location);

CREATE TABLE queries (
    -- UUID.
    id TEXT PRIMARY KEY,
    -- Who started it, and where.
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    -- Whose stores it reads.
    owner TEXT NOT NULL,
    statement TEXT NOT NULL,
    -- UUIDs of the stores that it reads, with commas between them.
    stores TEXT NOT NULL,
    alias TEXT,
    refresh TEXT,
    prompt TEXT,
    -- s3://bucket[/prefix]; NULL when the result is not delivered.
    delivery_uri TEXT,
    delivery_status TEXT,
    status TEXT NOT NULL,
    -- JSON of QueryStatistics.
    statistics TEXT NOT NULL,
    error TEXT,
    created BIGINT NOT NULL
);

CREATE INDEX queries_of ON queries (account, region, created);

CREATE INDEX queries_by_alias ON queries (alias, created);

CREATE TABLE query_stores (
    query TEXT NOT NULL REFERENCES queries (id),
    -- UUID.
    store TEXT NOT NULL,
    PRIMARY KEY (query, store)
);

CREATE INDEX query_stores_of ON query_stores (store);

CREATE TABLE query_aliases (
    account TEXT NOT NULL,
    alias TEXT NOT NULL,
    statement TEXT NOT NULL,
    prompt TEXT,
    created BIGINT NOT NULL,
    PRIMARY KEY (account, alias)
);
