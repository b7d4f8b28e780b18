//! Tags of trails, by ARN.

use sqlx::{Any, Row as _, Transaction};

use super::TrailArn;
use crate::{Catalog, Error};

/// A tag. Its rules are checked before it comes here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tag {
    /// Unique on its resource.
    pub key: String,
    /// `None` when none was given.
    pub value: Option<String>,
}

/// How many tags a resource may have.
pub const TAGS_MAX: usize = 50;

impl Catalog {
    /// The tags of a trail, by key. None for a trail that does not exist.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn tags(&self, arn: &TrailArn) -> Result<Vec<Tag>, Error> {
        let rows = sqlx::query("SELECT name, value FROM tags WHERE resource = $1 ORDER BY name")
            .bind(arn.to_string())
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| Ok(Tag { key: row.try_get("name")?, value: row.try_get("value")? }))
            .collect()
    }

    /// Adds tags to a trail; one whose key is there takes the new value.
    ///
    /// # Errors
    /// [`Error::TagLimit`] when there would be more than [`TAGS_MAX`], and then nothing is changed;
    /// [`Error::TrailUnknown`], [`Error::Database`].
    pub async fn add_tags(&self, arn: &TrailArn, tags: &[Tag]) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        lock(&mut tx, arn).await?;
        add(&mut tx, &arn.to_string(), tags).await?;
        Ok(tx.commit().await?)
    }

    /// Takes tags from a trail. A key that it does not have is ignored.
    ///
    /// # Errors
    /// [`Error::TrailUnknown`], [`Error::Database`].
    pub async fn remove_tags(&self, arn: &TrailArn, keys: &[String]) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        lock(&mut tx, arn).await?;
        for key in keys {
            sqlx::query("DELETE FROM tags WHERE resource = $1 AND name = $2")
                .bind(arn.to_string())
                .bind(key)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Makes sure of the trail by a write, which takes the lock, so that what is read next stays true.
async fn lock(tx: &mut Transaction<'_, Any>, arn: &TrailArn) -> Result<(), Error> {
    let arn = arn.to_string();
    let done = sqlx::query("UPDATE trails SET arn = arn WHERE arn = $1 AND deleted IS NULL")
        .bind(&arn)
        .execute(&mut **tx)
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(Error::TrailUnknown(arn)) }
}

/// Adds tags in a transaction that has written.
pub(crate) async fn add(
    tx: &mut Transaction<'_, Any>,
    arn: &str,
    tags: &[Tag],
) -> Result<(), Error> {
    for tag in tags {
        sqlx::query(
            "INSERT INTO tags (resource, name, value) VALUES ($1, $2, $3) \
             ON CONFLICT (resource, name) DO UPDATE SET value = excluded.value",
        )
        .bind(arn)
        .bind(&tag.key)
        .bind(&tag.value)
        .execute(&mut **tx)
        .await?;
    }
    let row = sqlx::query("SELECT count(*) AS number FROM tags WHERE resource = $1")
        .bind(arn)
        .fetch_one(&mut **tx)
        .await?;
    let count: i64 = row.try_get("number")?;
    if usize::try_from(count).is_ok_and(|count| count <= TAGS_MAX) {
        Ok(())
    } else {
        Err(Error::TagLimit { of: arn.to_owned(), max: TAGS_MAX })
    }
}
