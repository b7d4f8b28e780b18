-- Who was in an organization when, since when trails are validated, and how deliveries of each region go.
-- TEXT and BIGINT only, so that the same text runs on SQLite and PostgreSQL.

-- Each version of an organization's trail is of those who were in it at the change that made the
-- version.
CREATE TABLE organization_memberships (
    organization TEXT NOT NULL,
    account TEXT NOT NULL,
    -- Counted as in trail_changes; 0 for whoever was there from the beginning.
    joined_change BIGINT NOT NULL,
    -- The first change at which it is no member any more; NULL while it is one.
    left_change BIGINT,
    PRIMARY KEY (organization, account, joined_change)
);

INSERT INTO organization_memberships (organization, account, joined_change)
    SELECT organization, account, 0 FROM organization_members;

-- Since when the trail has been logging and validating without a break; NULL when this version does
-- not. A chain of digests goes on as long as this stays the same.
ALTER TABLE trail_versions ADD COLUMN validated_since BIGINT;

UPDATE trail_versions SET validated_since = (
    SELECT min(w.made) FROM trail_versions w
    WHERE w.trail = trail_versions.trail AND w.number <= trail_versions.number
        AND w.number > coalesce((
            SELECT max(x.number) FROM trail_versions x
            WHERE x.trail = trail_versions.trail AND x.number < trail_versions.number
                AND (x.stage <> 'logging'
                    OR x.settings NOT LIKE '%"log_file_validation_enabled":true%')), 0))
WHERE stage = 'logging' AND settings LIKE '%"log_file_validation_enabled":true%';

-- As delivery_status, of one account and region of a trail each.
CREATE TABLE delivery_region_status (
    trail TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (trail, account, region)
);

-- What was known of all regions together stands for the home region until it is known better.
INSERT INTO delivery_region_status (trail, account, region, status)
    SELECT s.trail, t.account, t.home_region, s.status FROM delivery_status s
    JOIN trails t ON t.arn = s.trail AND t.deleted IS NULL;
