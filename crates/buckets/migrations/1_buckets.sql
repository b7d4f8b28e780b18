-- What is in the buckets. Times are milliseconds since 1970; `meta` and `tags` are JSON.

CREATE TABLE buckets (
    name TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    created INTEGER NOT NULL,
    tags TEXT
) WITHOUT ROWID;

-- Keys are UTF-8 kept as bytes, so that they sort as S3 sorts them. What lists need comes before
-- the long `meta`.
CREATE TABLE objects (
    bucket TEXT NOT NULL REFERENCES buckets (name),
    key BLOB NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified INTEGER NOT NULL,
    algorithm TEXT NOT NULL,
    meta TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;

CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL REFERENCES buckets (name),
    key BLOB NOT NULL,
    initiated INTEGER NOT NULL,
    meta TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX uploads_of ON uploads (bucket, key, id);

CREATE TABLE parts (
    upload TEXT NOT NULL REFERENCES uploads (id),
    number INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    meta TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;

-- Every file that an object or a part needs. A file that is not here is an orphan.
CREATE TABLE blobs (id TEXT PRIMARY KEY) WITHOUT ROWID;
