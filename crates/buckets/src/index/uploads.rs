//! Uploads in parts that are not completed yet, in the index.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use sqlx::{Row as _, Sqlite, Transaction, sqlite::SqliteRow};

use super::{
    Index, Properties, behind, drop_blobs, from_json, keep_blobs, key_of,
    objects::{Object, Put, WhenEtag, replace},
    to_json,
};
use crate::{
    Error,
    digest::{Algorithm, Checksum, Kind},
    disk::Blob,
    lock::{Key, ObjectLock},
};

/// An upload in parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// Milliseconds since 1970.
    pub(crate) initiated: i64,
    pub(crate) meta: UploadMeta,
}

/// What the object will have.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct UploadMeta {
    pub(crate) properties: Properties,
    /// What the client chose; `None` when it chose nothing.
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) kind: Kind,
    #[serde(default, skip_serializing_if = "ObjectLock::is_empty")]
    pub(crate) lock: ObjectLock,
}

/// A part that was uploaded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) number: u32,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
    pub(crate) meta: PartFile,
}

/// What is known of a part's bytes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct PartFile {
    pub(crate) md5: [u8; 16],
    pub(crate) checksum: Option<Checksum>,
    pub(crate) blob: Blob,
}

/// What became of completing an upload.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Complete {
    Put(Put),
    /// The upload was completed or aborted meanwhile, or one of its parts replaced.
    Changed,
}

impl Index {
    pub(crate) async fn create_upload(&self, upload: &Upload) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO uploads (id, bucket, key, initiated, meta) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&upload.id)
        .bind(&upload.bucket)
        .bind(upload.key.as_bytes())
        .bind(upload.initiated)
        .bind(to_json(&upload.meta)?)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    pub(crate) async fn upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> Result<Option<Upload>, Error> {
        sqlx::query(
            "SELECT id, bucket, key, initiated, meta FROM uploads \
             WHERE id = $1 AND bucket = $2 AND key = $3",
        )
        .bind(id)
        .bind(bucket)
        .bind(key.as_bytes())
        .fetch_optional(&self.readers)
        .await?
        .map(|row| upload(&row))
        .transpose()
    }

    /// At most `limit` uploads of keys that begin with `prefix`, behind `after` (key and, when it is
    /// there, upload id), by key and id.
    pub(crate) async fn uploads(
        &self,
        bucket: &str,
        prefix: &str,
        after: (&str, Option<&str>),
        limit: u32,
    ) -> Result<Vec<Upload>, Error> {
        let end = behind(prefix.as_bytes());
        sqlx::query(
            "SELECT id, bucket, key, initiated, meta FROM uploads WHERE bucket = $1 \
             AND key >= $2 AND ($3 IS NULL OR key < $3) \
             AND (key > $4 OR (key = $4 AND $5 IS NOT NULL AND id > $5)) \
             ORDER BY key, id LIMIT $6",
        )
        .bind(bucket)
        .bind(prefix.as_bytes())
        .bind(end)
        .bind(after.0.as_bytes())
        .bind(after.1)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?
        .iter()
        .map(upload)
        .collect()
    }

    /// Keeps a part in place of one of the same number, whose file is given back. `None` when there
    /// is no such upload.
    pub(crate) async fn put_part(
        &self,
        upload: &str,
        part: &Part,
    ) -> Result<Option<Vec<String>>, Error> {
        let mut tx = self.write().await?;
        let exists = sqlx::query("SELECT 1 FROM uploads WHERE id = $1")
            .bind(upload)
            .fetch_optional(&mut *tx)
            .await?;
        if exists.is_none() {
            return Ok(None);
        }
        let old: Option<String> =
            sqlx::query_scalar("SELECT meta FROM parts WHERE upload = $1 AND number = $2")
                .bind(upload)
                .bind(part.number)
                .fetch_optional(&mut *tx)
                .await?;
        let old = old.map(|it| from_json::<PartFile>(&it)).transpose()?;
        let gone: Vec<String> = old.map(|it| it.blob.id).into_iter().collect();
        drop_blobs(&mut tx, &gone).await?;
        keep_blobs(&mut tx, [part.meta.blob.id.as_str()]).await?;
        sqlx::query(
            "INSERT INTO parts (upload, number, modified, meta) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (upload, number) DO UPDATE SET \
             modified = excluded.modified, meta = excluded.meta",
        )
        .bind(upload)
        .bind(part.number)
        .bind(part.modified)
        .bind(to_json(&part.meta)?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(gone))
    }

    /// At most `limit` parts with numbers above `after`, by number.
    pub(crate) async fn parts(
        &self,
        upload: &str,
        after: u32,
        limit: u32,
    ) -> Result<Vec<Part>, Error> {
        sqlx::query(
            "SELECT number, modified, meta FROM parts WHERE upload = $1 AND number > $2 \
             ORDER BY number LIMIT $3",
        )
        .bind(upload)
        .bind(after)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?
        .iter()
        .map(|row| {
            Ok(Part {
                number: row.try_get("number")?,
                modified: row.try_get("modified")?,
                meta: from_json(row.try_get("meta")?)?,
            })
        })
        .collect()
    }

    /// Makes an object of an upload: files of parts that the object does not use, and those of the
    /// object that was there before, are given back.
    pub(crate) async fn complete_upload(
        &self,
        upload: &Upload,
        object: &Object,
        when: &WhenEtag,
        unlock: Key,
    ) -> Result<Complete, Error> {
        let mut tx = self.write().await?;
        let parts: HashSet<String> = part_blobs(&mut tx, &upload.id).await?.into_iter().collect();
        let used: HashSet<&str> = object.meta.blobs.iter().map(|it| it.id.as_str()).collect();
        if used.iter().any(|id| !parts.contains(*id)) {
            return Ok(Complete::Changed);
        }
        let put = replace(&mut tx, (&upload.bucket, &upload.key), object, when, unlock).await?;
        let Put::Done(mut gone) = put else { return Ok(Complete::Put(put)) };
        let unused: Vec<String> =
            parts.into_iter().filter(|id| !used.contains(id.as_str())).collect();
        drop_blobs(&mut tx, &unused).await?;
        forget(&mut tx, &upload.id).await?;
        tx.commit().await?;
        gone.extend(unused);
        Ok(Complete::Put(Put::Done(gone)))
    }

    /// Gives up an upload. Gives back its files, or `None` when there is no such upload.
    pub(crate) async fn abort_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> Result<Option<Vec<String>>, Error> {
        let mut tx = self.write().await?;
        let exists =
            sqlx::query("SELECT 1 FROM uploads WHERE id = $1 AND bucket = $2 AND key = $3")
                .bind(id)
                .bind(bucket)
                .bind(key.as_bytes())
                .fetch_optional(&mut *tx)
                .await?;
        if exists.is_none() {
            return Ok(None);
        }
        let gone = abandon(&mut tx, id).await?;
        tx.commit().await?;
        Ok(Some(gone))
    }
}

/// Removes an upload with its parts; gives back their files.
pub(super) async fn abandon(
    tx: &mut Transaction<'_, Sqlite>,
    upload: &str,
) -> Result<Vec<String>, Error> {
    let gone = part_blobs(tx, upload).await?;
    drop_blobs(tx, &gone).await?;
    forget(tx, upload).await?;
    Ok(gone)
}

async fn part_blobs(tx: &mut Transaction<'_, Sqlite>, upload: &str) -> Result<Vec<String>, Error> {
    let metas: Vec<String> = sqlx::query_scalar("SELECT meta FROM parts WHERE upload = $1")
        .bind(upload)
        .fetch_all(&mut **tx)
        .await?;
    metas.iter().map(|it| Ok(from_json::<PartFile>(it)?.blob.id)).collect()
}

async fn forget(tx: &mut Transaction<'_, Sqlite>, upload: &str) -> Result<(), Error> {
    for sql in ["DELETE FROM parts WHERE upload = $1", "DELETE FROM uploads WHERE id = $1"] {
        sqlx::query(sql).bind(upload).execute(&mut **tx).await?;
    }
    Ok(())
}

fn upload(row: &SqliteRow) -> Result<Upload, Error> {
    Ok(Upload {
        id: row.try_get("id")?,
        bucket: row.try_get("bucket")?,
        key: key_of(row)?,
        initiated: row.try_get("initiated")?,
        meta: from_json(row.try_get("meta")?)?,
    })
}
