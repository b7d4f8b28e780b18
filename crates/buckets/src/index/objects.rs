//! Objects in the index.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::{Row as _, Sqlite, Transaction};

use super::{Index, behind, drop_blobs, from_json, keep_blobs, key_of, to_json, unsigned};
use crate::{
    Error,
    digest::Checksum,
    disk::Blob,
    lock::{Key, ObjectLock},
};

/// An object: everything but its key and its bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object {
    pub(crate) size: u64,
    /// Without quotes.
    pub(crate) etag: String,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
    pub(crate) meta: Meta,
}

/// What lists do not show.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Meta {
    pub(crate) properties: Properties,
    pub(crate) checksum: Option<Checksum>,
    /// Empty for an object that was not uploaded in parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<PartMeta>,
    /// The files that hold the bytes, in order.
    pub(crate) blobs: Vec<Blob>,
    #[serde(default, skip_serializing_if = "ObjectLock::is_empty")]
    pub(crate) lock: ObjectLock,
}

/// What the uploader says of an object.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(crate) struct Properties {
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) expires: Option<String>,
    pub(crate) storage_class: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) user: BTreeMap<String, String>,
    pub(crate) website_redirect_location: Option<String>,
}

/// A part of an object that was uploaded in parts.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct PartMeta {
    pub(crate) number: u32,
    pub(crate) size: u64,
    pub(crate) checksum: Option<Checksum>,
}

/// What a list shows of an object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) modified: i64,
    /// The checksum's algorithm and type with a blank between, or nothing.
    pub(crate) algorithm: String,
}

/// On what a write depends.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum WhenEtag {
    #[default]
    Whatever,
    /// There must be no object of that key.
    Absent,
    /// There must be one with any ETag.
    Present,
    /// There must be one with this ETag.
    Is(String),
}

/// What became of a write.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Put {
    /// With the files of the object that was there before.
    Done(Vec<String>),
    /// The object that is there is under a lock.
    Locked,
    /// There is no such bucket.
    NoBucket,
    /// There is no such object to compare with.
    NoKey,
    /// The object that is there is not the one that was meant.
    Precondition,
}

/// What became of deleting an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Delete {
    /// It is not there, whether it was or not.
    Done,
    /// It is under a lock.
    Locked,
    /// It is not the one that was meant.
    Precondition,
}

/// What became of changing an object's lock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Relock {
    Done,
    /// There is no such object.
    NoKey,
    /// It was not to be changed.
    Unchanged,
}

impl Index {
    pub(crate) async fn object(&self, bucket: &str, key: &str) -> Result<Option<Object>, Error> {
        sqlx::query("SELECT size, etag, modified, meta FROM objects WHERE bucket = $1 AND key = $2")
            .bind(bucket)
            .bind(key.as_bytes())
            .fetch_optional(&self.readers)
            .await?
            .map(|row| {
                Ok(Object {
                    size: unsigned(row.try_get("size")?)?,
                    etag: row.try_get("etag")?,
                    modified: row.try_get("modified")?,
                    meta: from_json(row.try_get("meta")?)?,
                })
            })
            .transpose()
    }

    /// Puts an object in place of the one that was there.
    pub(crate) async fn put_object(
        &self,
        bucket: &str,
        key: &str,
        object: &Object,
        when: &WhenEtag,
        unlock: Key,
    ) -> Result<Put, Error> {
        let mut tx = self.write().await?;
        keep_blobs(&mut tx, object.meta.blobs.iter().map(|it| it.id.as_str())).await?;
        let put = replace(&mut tx, (bucket, key), object, when, unlock).await?;
        if let Put::Done(_) = put {
            tx.commit().await?;
        }
        Ok(put)
    }

    /// Deletes objects; a key that is not there is no error. Gives back what became of each key, and
    /// the files to remove.
    pub(crate) async fn delete_objects(
        &self,
        bucket: &str,
        keys: &[(String, WhenEtag)],
        unlock: Key,
    ) -> Result<(Vec<Delete>, Vec<String>), Error> {
        let mut tx = self.write().await?;
        let mut outcomes = Vec::with_capacity(keys.len());
        let mut gone = Vec::new();
        for (key, when) in keys {
            let old = standing(&mut tx, bucket, key).await?;
            let outcome = if !when.holds(old.as_ref().map(|it| it.etag.as_str())) {
                Delete::Precondition
            } else if old.as_ref().is_some_and(|it| it.lock.holds(unlock)) {
                Delete::Locked
            } else {
                Delete::Done
            };
            outcomes.push(outcome);
            let Some(old) = old.filter(|_| outcome == Delete::Done) else { continue };
            drop_blobs(&mut tx, &old.blobs).await?;
            gone.extend(old.blobs);
            sqlx::query("DELETE FROM objects WHERE bucket = $1 AND key = $2")
                .bind(bucket)
                .bind(key.as_bytes())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok((outcomes, gone))
    }

    /// Changes an object's lock to what `change` makes of it; `None` leaves it as it is.
    pub(crate) async fn relock(
        &self,
        bucket: &str,
        key: &str,
        change: impl FnOnce(&ObjectLock) -> Option<ObjectLock> + Send,
    ) -> Result<Relock, Error> {
        let mut tx = self.write().await?;
        let Some(old) = standing(&mut tx, bucket, key).await? else { return Ok(Relock::NoKey) };
        let Some(lock) = change(&old.lock) else { return Ok(Relock::Unchanged) };
        sqlx::query(
            "UPDATE objects SET meta = json_set(meta, '$.lock', json($1)) \
             WHERE bucket = $2 AND key = $3",
        )
        .bind(to_json(&lock)?)
        .bind(bucket)
        .bind(key.as_bytes())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Relock::Done)
    }

    /// Replaces an object's tags. `false` when there is no such object.
    pub(crate) async fn set_object_tags(
        &self,
        bucket: &str,
        key: &str,
        tags: &[(String, String)],
    ) -> Result<bool, Error> {
        let done = sqlx::query(
            "UPDATE objects SET meta = json_set(meta, '$.properties.tags', json($1)) \
             WHERE bucket = $2 AND key = $3",
        )
        .bind(to_json(&tags)?)
        .bind(bucket)
        .bind(key.as_bytes())
        .execute(&self.writer)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// At most `limit` objects whose keys begin with `prefix` and do not sort before `from`, in order.
    pub(crate) async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        from: &[u8],
        limit: u32,
    ) -> Result<Vec<Listed>, Error> {
        let mut sql = "SELECT key, size, etag, modified, algorithm FROM objects \
                       WHERE bucket = $1 AND key >= $2"
            .to_owned();
        let end = behind(prefix.as_bytes());
        if end.is_some() {
            sql.push_str(" AND key < $4");
        }
        sql.push_str(" ORDER BY key LIMIT $3");
        let mut query =
            sqlx::query(&sql).bind(bucket).bind(from.max(prefix.as_bytes())).bind(limit);
        if let Some(end) = end {
            query = query.bind(end);
        }
        query
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                Ok(Listed {
                    key: key_of(row)?,
                    size: unsigned(row.try_get("size")?)?,
                    etag: row.try_get("etag")?,
                    modified: row.try_get("modified")?,
                    algorithm: row.try_get("algorithm")?,
                })
            })
            .collect()
    }
}

impl WhenEtag {
    fn holds(&self, etag: Option<&str>) -> bool {
        match self {
            Self::Whatever => true,
            Self::Absent => etag.is_none(),
            Self::Present => etag.is_some(),
            Self::Is(wanted) => etag == Some(wanted.as_str()),
        }
    }
}

/// The object that a write would replace.
struct Standing {
    etag: String,
    blobs: Vec<String>,
    lock: ObjectLock,
}

async fn standing(
    tx: &mut Transaction<'_, Sqlite>,
    bucket: &str,
    key: &str,
) -> Result<Option<Standing>, Error> {
    sqlx::query("SELECT etag, meta FROM objects WHERE bucket = $1 AND key = $2")
        .bind(bucket)
        .bind(key.as_bytes())
        .fetch_optional(&mut **tx)
        .await?
        .map(|row| {
            let meta: Meta = from_json(row.try_get("meta")?)?;
            let blobs = meta.blobs.into_iter().map(|it| it.id).collect();
            Ok(Standing { etag: row.try_get("etag")?, blobs, lock: meta.lock })
        })
        .transpose()
}

/// Puts an object whose files are already noted.
pub(super) async fn replace(
    tx: &mut Transaction<'_, Sqlite>,
    (bucket, key): (&str, &str),
    object: &Object,
    when: &WhenEtag,
    unlock: Key,
) -> Result<Put, Error> {
    let exists = sqlx::query("SELECT 1 FROM buckets WHERE name = $1")
        .bind(bucket)
        .fetch_optional(&mut **tx)
        .await?;
    if exists.is_none() {
        return Ok(Put::NoBucket);
    }
    let old = standing(tx, bucket, key).await?;
    if !when.holds(old.as_ref().map(|it| it.etag.as_str())) {
        return Ok(match when {
            WhenEtag::Is(_) | WhenEtag::Present if old.is_none() => Put::NoKey,
            WhenEtag::Absent | WhenEtag::Is(_) | WhenEtag::Present | WhenEtag::Whatever => {
                Put::Precondition
            }
        });
    }
    if old.as_ref().is_some_and(|it| it.lock.holds(unlock)) {
        return Ok(Put::Locked);
    }
    let replaced = old.map(|it| it.blobs).unwrap_or_default();
    drop_blobs(tx, &replaced).await?;
    let size = i64::try_from(object.size).map_err(|_| Error::Damaged("an object is too large"))?;
    let algorithm =
        object.meta.checksum.as_ref().map_or_else(String::new, |it| {
            format!("{} {}", it.algorithm.as_str(), it.kind.as_str())
        });
    sqlx::query(
        "INSERT INTO objects (bucket, key, size, etag, modified, algorithm, meta) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (bucket, key) DO UPDATE SET \
         size = excluded.size, etag = excluded.etag, modified = excluded.modified, \
         algorithm = excluded.algorithm, meta = excluded.meta",
    )
    .bind(bucket)
    .bind(key.as_bytes())
    .bind(size)
    .bind(&object.etag)
    .bind(object.modified)
    .bind(algorithm)
    .bind(to_json(&object.meta)?)
    .execute(&mut **tx)
    .await?;
    Ok(Put::Done(replaced))
}
