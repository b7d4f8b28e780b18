-- Organizations, who is in them, and which services may act in them.
-- TEXT and BIGINT only, so that the same text runs on SQLite and PostgreSQL.
-- Times are milliseconds since 1970.

CREATE TABLE organizations (
    -- o- and ten letters and digits.
    id TEXT PRIMARY KEY,
    -- The id of its root, r- and four.
    root TEXT NOT NULL,
    management TEXT NOT NULL REFERENCES accounts (id),
    -- ALL or CONSOLIDATED_BILLING.
    feature_set TEXT NOT NULL,
    created BIGINT NOT NULL
);

-- The management account is a member too. An account is in one organization at most.
CREATE TABLE organization_members (
    account TEXT PRIMARY KEY REFERENCES accounts (id),
    organization TEXT NOT NULL REFERENCES organizations (id),
    -- NULL for an account that was there before and never had one.
    email TEXT,
    -- Addresses are unique without regard to case.
    folded_email TEXT UNIQUE,
    -- CREATED or INVITED.
    joined_method TEXT NOT NULL,
    joined BIGINT NOT NULL
);

CREATE INDEX organization_members_of ON organization_members (organization, account);

-- Every CreateAccount that was accepted, with what became of it.
CREATE TABLE account_requests (
    -- car- and 32 letters and digits.
    id TEXT PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    -- The new account; NULL when there is none because the address was taken.
    account TEXT,
    requested BIGINT NOT NULL
);

-- Services that may act in the organization, by service principal.
CREATE TABLE organization_services (
    organization TEXT NOT NULL REFERENCES organizations (id),
    service TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    PRIMARY KEY (organization, service)
);

-- Members that may act for the management account in a service.
CREATE TABLE organization_delegates (
    organization TEXT NOT NULL REFERENCES organizations (id),
    service TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES organization_members (account),
    enabled BIGINT NOT NULL,
    PRIMARY KEY (organization, service, account)
);
