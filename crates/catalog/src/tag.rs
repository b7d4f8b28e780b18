//! Tags of resources, by ARN.

use sqlx::Row as _;

use crate::{Catalog, Error};

/// A tag. The value may be absent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tag {
    /// 1 to 128 characters.
    pub key: String,
    /// Up to 256 characters.
    pub value: Option<String>,
}

impl Catalog {
    /// The tags of a resource, by key.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn tags(&self, resource: &str) -> Result<Vec<Tag>, Error> {
        let rows = sqlx::query("SELECT name, value FROM tags WHERE resource = $1 ORDER BY name")
            .bind(resource)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| Ok(Tag { key: row.try_get("name")?, value: row.try_get("value")? }))
            .collect()
    }

    /// Adds tags, replacing those of the same key, unless there would then be more than `max`.
    /// Yields whether they were added; all are or none.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn add_tags(&self, resource: &str, tags: &[Tag], max: usize) -> Result<bool, Error> {
        let mut tx = self.pool.begin().await?;
        for tag in tags {
            sqlx::query(
                "INSERT INTO tags (resource, name, value) VALUES ($1, $2, $3) \
                 ON CONFLICT (resource, name) DO UPDATE SET value = excluded.value",
            )
            .bind(resource)
            .bind(&tag.key)
            .bind(&tag.value)
            .execute(&mut *tx)
            .await?;
        }
        let row = sqlx::query("SELECT COUNT(*) AS count FROM tags WHERE resource = $1")
            .bind(resource)
            .fetch_one(&mut *tx)
            .await?;
        let count: i64 = row.try_get("count")?;
        if usize::try_from(count).is_ok_and(|it| it <= max) {
            tx.commit().await?;
            return Ok(true);
        }
        tx.rollback().await?;
        Ok(false)
    }

    /// Removes the tags of these keys. Those that are not there are left out.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn remove_tags(&self, resource: &str, keys: &[String]) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        for key in keys {
            sqlx::query("DELETE FROM tags WHERE resource = $1 AND name = $2")
                .bind(resource)
                .bind(key)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }
}
