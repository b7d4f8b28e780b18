-- What trails have to deliver: files decided on and not yet settled, and how far each stream of one
-- trail, account, region and family has come. The cursor of the whole is `delivery` in `cursors`.
-- Times are milliseconds since 1970; flags are 0 or 1.

CREATE TABLE delivery_files (
    -- In the order of decision, never given twice.
    sequence BIGINT PRIMARY KEY,
    trail TEXT NOT NULL,
    version BIGINT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    -- The folder of the account that it lies in, such as CloudTrail.
    family TEXT NOT NULL,
    -- log, digest or backfill.
    kind TEXT NOT NULL,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    kms_key TEXT,
    -- User metadata as JSON.
    metadata TEXT NOT NULL,
    -- Positions of the log, begin included, end excluded; equal for a digest.
    from_position BIGINT NOT NULL,
    to_position BIGINT NOT NULL,
    records BIGINT NOT NULL,
    -- SHA-256 of the inflated bytes, as hex.
    sha256 TEXT NOT NULL,
    -- Bytes of the object.
    bytes BIGINT NOT NULL,
    oldest_event BIGINT,
    newest_event BIGINT,
    planned BIGINT NOT NULL,
    -- Whether a digest has to name it.
    validated BIGINT NOT NULL,
    -- NULL until the bucket has acknowledged it.
    delivered BIGINT
);

CREATE TABLE delivery_streams (
    trail TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    family TEXT NOT NULL,
    -- Records before this position are in files that were decided on.
    until BIGINT NOT NULL,
    -- The chain of digests as JSON; NULL when there is none.
    chain TEXT,
    PRIMARY KEY (trail, account, region, family)
);

CREATE TABLE delivery_status (
    trail TEXT PRIMARY KEY,
    -- Times and error codes of GetTrailStatus, as JSON.
    status TEXT NOT NULL
);
