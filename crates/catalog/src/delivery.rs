//! What trails have to deliver, as it is kept: files decided on, how far each stream has come, what
//! the buckets said.
//!
//! Lives here: rows, and one transaction that changes them together with the consumer's cursor.
//! Lives elsewhere: every decision, and the bytes of the files (`delivery`).
//!
//! Start at [`Catalog::delivery_state`], then [`Catalog::commit_delivery`].

use sqlx::{Any, Row as _, Transaction, any::AnyRow};

use crate::{
    Catalog, DELIVERY_CURSOR, DeliveryStatus, Error,
    trail::{keep_status, keep_status_in},
};

/// What a file is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum FileKind {
    /// A backfill digest file: it names log files that came after the digest of their hour.
    Backfill,
    /// A digest file.
    Digest,
    /// A log file.
    Log,
}

impl FileKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Backfill => "backfill",
            Self::Digest => "digest",
            Self::Log => "log",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Backfill, Self::Digest, Self::Log].into_iter().find(|it| it.as_str() == word)
    }
}

/// A file that was decided on: where it goes, what it holds, how far it has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeliveryFile {
    /// In the order of decision, never given twice.
    pub sequence: u64,
    /// ARN of the trail.
    pub trail: String,
    /// The trail's version that chose its records.
    pub version: u64,
    /// Whose activity it holds.
    pub account: String,
    /// Where that was recorded.
    pub region: String,
    /// The folder of the account that it lies in, such as `CloudTrail`.
    pub family: String,
    /// What it is.
    pub kind: FileKind,
    /// The bucket it goes to.
    pub bucket: String,
    /// Its key there.
    pub key: String,
    /// The key it is to be encrypted by, if any.
    pub kms_key: Option<String>,
    /// User metadata, as a JSON object of texts.
    pub metadata: String,
    /// The first position of the log that it covers.
    pub from: u64,
    /// The position behind the last that it covers.
    pub to: u64,
    /// How many records it holds.
    pub records: u64,
    /// SHA-256 of the inflated bytes, as lowercase hex.
    pub sha256: String,
    /// Bytes of the object.
    pub bytes: u64,
    /// Time of its oldest event, in milliseconds since 1970.
    pub oldest_event_ms: Option<i64>,
    /// Time of its newest event, in milliseconds since 1970.
    pub newest_event_ms: Option<i64>,
    /// When it was decided on, in milliseconds since 1970.
    pub planned_ms: i64,
    /// Whether a digest has to name it.
    pub validated: bool,
    /// When the bucket acknowledged it, in milliseconds since 1970.
    pub delivered_ms: Option<i64>,
}

/// What of a file must be known as long as it is not settled; the rest is read when it is needed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeliveryMark {
    /// As of [`DeliveryFile`], like every member.
    pub sequence: u64,
    /// ARN of the trail.
    pub trail: String,
    /// The trail's version that chose its records.
    pub version: u64,
    /// Whose activity it holds.
    pub account: String,
    /// Where that was recorded.
    pub region: String,
    /// What it is.
    pub kind: FileKind,
    /// The bucket it goes to.
    pub bucket: String,
    /// Bytes of the object.
    pub bytes: u64,
    /// When it was decided on, in milliseconds since 1970.
    pub planned_ms: i64,
    /// Whether a digest has to name it.
    pub validated: bool,
    /// When the bucket acknowledged it, in milliseconds since 1970.
    pub delivered_ms: Option<i64>,
}

impl DeliveryFile {
    /// What must be known of it.
    #[must_use]
    pub fn mark(&self) -> DeliveryMark {
        DeliveryMark {
            sequence: self.sequence,
            trail: self.trail.clone(),
            version: self.version,
            account: self.account.clone(),
            region: self.region.clone(),
            kind: self.kind,
            bucket: self.bucket.clone(),
            bytes: self.bytes,
            planned_ms: self.planned_ms,
            validated: self.validated,
            delivered_ms: self.delivered_ms,
        }
    }
}

/// How far the files of one trail, account, region and family have come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeliveryStream {
    /// ARN of the trail.
    pub trail: String,
    /// Whose activity it is.
    pub account: String,
    /// Where that was recorded.
    pub region: String,
    /// The folder of the account that it lies in, such as `CloudTrail`.
    pub family: String,
    /// Records before this position are in files that were decided on.
    pub until: u64,
    /// The chain of digests, as JSON; none when there is none.
    pub chain: Option<String>,
}

/// Everything that is kept of deliveries.
#[derive(Clone, Debug, Default)]
pub struct DeliveryState {
    /// Where the consumer goes on reading; none before its first commit.
    pub cursor: Option<u64>,
    /// Streams, in the order of trail, account and region.
    pub streams: Vec<DeliveryStream>,
    /// Status by the trail's ARN, of all together.
    pub statuses: Vec<(String, DeliveryStatus)>,
    /// Status by trail, account and region.
    pub region_statuses: Vec<((String, String, String), DeliveryStatus)>,
}

/// Changes that become durable together.
#[derive(Clone, Debug, Default)]
pub struct DeliveryCommit {
    /// Where the consumer goes on reading, when that has changed.
    pub cursor: Option<u64>,
    /// The newest version of any trail that decisions are founded on.
    pub judged_by: u64,
    /// Files that were decided on.
    pub planned: Vec<DeliveryFile>,
    /// Streams that have come further, or are new.
    pub streams: Vec<DeliveryStream>,
    /// Files that a bucket has acknowledged, each with the time in milliseconds since 1970.
    pub delivered: Vec<(u64, i64)>,
    /// Files that are settled: nobody asks for them any more.
    pub settled: Vec<u64>,
    /// Status by the trail's ARN, of all together.
    pub statuses: Vec<(String, DeliveryStatus)>,
    /// Status by trail, account and region.
    pub region_statuses: Vec<((String, String, String), DeliveryStatus)>,
}

impl Catalog {
    /// Reads everything that is kept of deliveries, apart from files.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn delivery_state(&self) -> Result<DeliveryState, Error> {
        let cursor = self.cursor(DELIVERY_CURSOR).await?;
        let rows =
            sqlx::query("SELECT * FROM delivery_streams ORDER BY trail, account, region, family")
                .fetch_all(&self.pool)
                .await?;
        let streams = rows.iter().map(stream).collect::<Result<_, _>>()?;
        let rows = sqlx::query("SELECT trail, status FROM delivery_status ORDER BY trail")
            .fetch_all(&self.pool)
            .await?;
        let statuses = rows.iter().map(status).collect::<Result<_, _>>()?;
        let rows = sqlx::query(
            "SELECT trail, account, region, status FROM delivery_region_status \
             ORDER BY trail, account, region",
        )
        .fetch_all(&self.pool)
        .await?;
        let region_statuses = rows.iter().map(region_status).collect::<Result<_, _>>()?;
        Ok(DeliveryState { cursor, streams, statuses, region_statuses })
    }

    /// Some of the files that are not settled: those behind `after`, or the first ones, in the order
    /// of decision. Empty when there are no more.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn delivery_marks(&self, after: Option<u64>) -> Result<Vec<DeliveryMark>, Error> {
        let after = after.map_or(Ok(-1), number)?;
        sqlx::query(
            "SELECT sequence, trail, version, account, region, kind, bucket, key, bytes, planned, \
             validated, delivered FROM delivery_files WHERE sequence > $1 \
             ORDER BY sequence LIMIT $2",
        )
        .bind(after)
        .bind(MARKS)
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(mark)
        .collect()
    }

    /// A file that is not settled, with all that is known of it.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Database`].
    pub async fn delivery_file(&self, sequence: u64) -> Result<Option<DeliveryFile>, Error> {
        let row = sqlx::query("SELECT * FROM delivery_files WHERE sequence = $1")
            .bind(number(sequence)?)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(file).transpose()
    }

    /// Keeps changes, all or none. Durable when this returns.
    ///
    /// INVARIANT: nothing is decided by a version of a trail that is not valid any more. A change that is
    /// kept before begins behind what was decided on; a decision that does not know of it is refused.
    ///
    /// # Errors
    /// [`Error::DecidedTooEarly`] when there are newer versions of trails than `judged_by`, and the
    /// cursor or files depend on it; [`Error::Damaged`] for a number beyond 2⁶³ − 1, [`Error::Database`].
    pub async fn commit_delivery(&self, commit: &DeliveryCommit) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        if let Some(cursor) = commit.cursor {
            sqlx::query(
                "INSERT INTO cursors (name, position) VALUES ($1, $2) \
                 ON CONFLICT (name) DO UPDATE SET position = excluded.position",
            )
            .bind(DELIVERY_CURSOR)
            .bind(number(cursor)?)
            .execute(&mut *tx)
            .await?;
        }
        for file in &commit.planned {
            plan(&mut tx, file).await?;
        }
        if commit.cursor.is_some() || !commit.planned.is_empty() {
            // After the writes, which take the lock: what is read stays true until the end.
            check_newest(&mut tx, commit.judged_by).await?;
        }
        for stream in &commit.streams {
            keep(&mut tx, stream).await?;
        }
        for (sequence, at) in &commit.delivered {
            sqlx::query("UPDATE delivery_files SET delivered = $1 WHERE sequence = $2")
                .bind(at)
                .bind(number(*sequence)?)
                .execute(&mut *tx)
                .await?;
        }
        for sequence in &commit.settled {
            sqlx::query("DELETE FROM delivery_files WHERE sequence = $1")
                .bind(number(*sequence)?)
                .execute(&mut *tx)
                .await?;
        }
        for (trail, status) in &commit.statuses {
            keep_status(&mut tx, trail, status).await?;
        }
        for (place, status) in &commit.region_statuses {
            keep_status_in(&mut tx, place, status).await?;
        }
        Ok(tx.commit().await?)
    }
}

async fn check_newest(tx: &mut Transaction<'_, Any>, judged_by: u64) -> Result<(), Error> {
    let row = sqlx::query("SELECT coalesce(max(number), 0) AS newest FROM trail_versions")
        .fetch_one(&mut **tx)
        .await?;
    if unsigned(&row, "newest")? > judged_by { Err(Error::DecidedTooEarly) } else { Ok(()) }
}

async fn plan(tx: &mut Transaction<'_, Any>, file: &DeliveryFile) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO delivery_files (sequence, trail, version, account, region, family, kind, bucket, key, \
         kms_key, metadata, from_position, to_position, records, sha256, bytes, oldest_event, \
         newest_event, planned, validated, delivered) VALUES \
         ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
    )
    .bind(number(file.sequence)?)
    .bind(&file.trail)
    .bind(number(file.version)?)
    .bind(&file.account)
    .bind(&file.region)
    .bind(&file.family)
    .bind(file.kind.as_str())
    .bind(&file.bucket)
    .bind(&file.key)
    .bind(&file.kms_key)
    .bind(&file.metadata)
    .bind(number(file.from)?)
    .bind(number(file.to)?)
    .bind(number(file.records)?)
    .bind(&file.sha256)
    .bind(number(file.bytes)?)
    .bind(file.oldest_event_ms)
    .bind(file.newest_event_ms)
    .bind(file.planned_ms)
    .bind(i64::from(file.validated))
    .bind(file.delivered_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn keep(tx: &mut Transaction<'_, Any>, stream: &DeliveryStream) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO delivery_streams (trail, account, region, family, until, chain) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (trail, account, region, family) \
         DO UPDATE SET until = excluded.until, chain = excluded.chain",
    )
    .bind(&stream.trail)
    .bind(&stream.account)
    .bind(&stream.region)
    .bind(&stream.family)
    .bind(number(stream.until)?)
    .bind(&stream.chain)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn file(row: &AnyRow) -> Result<DeliveryFile, Error> {
    let (kind, key) = (kind(row)?, row.try_get("key")?);
    Ok(DeliveryFile {
        sequence: unsigned(row, "sequence")?,
        trail: row.try_get("trail")?,
        version: unsigned(row, "version")?,
        account: row.try_get("account")?,
        region: row.try_get("region")?,
        family: row.try_get("family")?,
        kind,
        bucket: row.try_get("bucket")?,
        key,
        kms_key: row.try_get("kms_key")?,
        metadata: row.try_get("metadata")?,
        from: unsigned(row, "from_position")?,
        to: unsigned(row, "to_position")?,
        records: unsigned(row, "records")?,
        sha256: row.try_get("sha256")?,
        bytes: unsigned(row, "bytes")?,
        oldest_event_ms: row.try_get("oldest_event")?,
        newest_event_ms: row.try_get("newest_event")?,
        planned_ms: row.try_get("planned")?,
        validated: row.try_get::<i64, _>("validated")? != 0,
        delivered_ms: row.try_get("delivered")?,
    })
}

fn mark(row: &AnyRow) -> Result<DeliveryMark, Error> {
    Ok(DeliveryMark {
        sequence: unsigned(row, "sequence")?,
        trail: row.try_get("trail")?,
        version: unsigned(row, "version")?,
        account: row.try_get("account")?,
        region: row.try_get("region")?,
        kind: kind(row)?,
        bucket: row.try_get("bucket")?,
        bytes: unsigned(row, "bytes")?,
        planned_ms: row.try_get("planned")?,
        validated: row.try_get::<i64, _>("validated")? != 0,
        delivered_ms: row.try_get("delivered")?,
    })
}

fn kind(row: &AnyRow) -> Result<FileKind, Error> {
    let word: String = row.try_get("kind")?;
    let damaged = |of| Error::Damaged { what: "kind", of };
    match FileKind::from_word(&word) {
        Some(kind) => Ok(kind),
        None => Err(damaged(row.try_get("key")?)),
    }
}

fn status(row: &AnyRow) -> Result<(String, DeliveryStatus), Error> {
    let trail: String = row.try_get("trail")?;
    let status = DeliveryStatus::read(row.try_get("status")?, &trail)?;
    Ok((trail, status))
}

fn region_status(row: &AnyRow) -> Result<((String, String, String), DeliveryStatus), Error> {
    let (trail, status) = status(row)?;
    Ok(((trail, row.try_get("account")?, row.try_get("region")?), status))
}

fn stream(row: &AnyRow) -> Result<DeliveryStream, Error> {
    Ok(DeliveryStream {
        trail: row.try_get("trail")?,
        account: row.try_get("account")?,
        region: row.try_get("region")?,
        family: row.try_get("family")?,
        until: unsigned(row, "until")?,
        chain: row.try_get("chain")?,
    })
}

fn unsigned(row: &AnyRow, what: &'static str) -> Result<u64, Error> {
    let value: i64 = row.try_get(what)?;
    u64::try_from(value).map_err(|_| Error::Damaged { what, of: "delivery".to_owned() })
}

fn number(value: u64) -> Result<i64, Error> {
    i64::try_from(value).map_err(|_| Error::Damaged { what: "number", of: "delivery".to_owned() })
}

/// How many files are read at once.
const MARKS: i64 = 10_000;
