-- What guards a bucket: its policy as it was put, and its Object Lock as JSON. The lock of an object
-- is in its `meta`.
ALTER TABLE buckets ADD COLUMN policy TEXT;
ALTER TABLE buckets ADD COLUMN lock TEXT;
