-- Accounts, their users and their keys; who owns what; where consumers stand.
-- TEXT and BIGINT only, so that the same text runs on SQLite and PostgreSQL.
-- Times are milliseconds since 1970; flags are 0 or 1.

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    is_own BIGINT NOT NULL,
    created BIGINT NOT NULL
);

-- At most one account is the deployment's own.
CREATE UNIQUE INDEX accounts_own ON accounts (is_own) WHERE is_own = 1;

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    -- Names are unique without regard to case.
    folded TEXT NOT NULL,
    path TEXT NOT NULL,
    -- none, read-only, full, or a policy document.
    policy TEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (account, folded)
);

CREATE TABLE access_keys (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    -- NULL for a key of the account's root user.
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    -- Sealed under the master key, base64.
    secret TEXT NOT NULL,
    status TEXT NOT NULL,
    created BIGINT NOT NULL
);

CREATE INDEX access_keys_of ON access_keys (account, user_id);

CREATE TABLE sessions (
    access_key_id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    -- userIdentity as JSON; never a secret or a token.
    identity TEXT NOT NULL,
    expires BIGINT NOT NULL
);

CREATE INDEX sessions_expire ON sessions (expires);

CREATE TABLE owners (
    resource TEXT PRIMARY KEY,
    account TEXT NOT NULL
);

CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    position BIGINT NOT NULL
);

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
