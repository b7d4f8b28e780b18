//! Tags of trails, event data stores and channels, by ARN.

use sqlx::{Any, Row as _, Transaction};

use super::TrailArn;
use crate::{Catalog, ChannelArn, Error, LakeRefusal, StoreArn};

/// A tag. Its rules are checked before it comes here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tag {
    /// Unique on its resource.
    pub key: String,
    /// `None` when none was given.
    pub value: Option<String>,
}

/// A resource that has tags.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Tagged<'a> {
    Channel(&'a ChannelArn),
    Store(&'a StoreArn),
    Trail(&'a TrailArn),
}

impl<'a> From<&'a TrailArn> for Tagged<'a> {
    fn from(arn: &'a TrailArn) -> Self {
        Self::Trail(arn)
    }
}

impl Tagged<'_> {
    fn arn(self) -> String {
        match self {
            Self::Channel(arn) => arn.to_string(),
            Self::Store(arn) => arn.to_string(),
            Self::Trail(arn) => arn.to_string(),
        }
    }
}

/// How many tags a resource may have.
pub const TAGS_MAX: usize = 50;

impl Catalog {
    /// The tags of a resource, by key. None for one that does not exist.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn tags(&self, of: impl Into<Tagged<'_>>) -> Result<Vec<Tag>, Error> {
        let rows = sqlx::query("SELECT name, value FROM tags WHERE resource = $1 ORDER BY name")
            .bind(of.into().arn())
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| Ok(Tag { key: row.try_get("name")?, value: row.try_get("value")? }))
            .collect()
    }

    /// Adds tags to a resource; one whose key is there takes the new value.
    ///
    /// # Errors
    /// [`Error::TagLimit`] when there would be more than [`TAGS_MAX`], and then nothing is changed;
    /// [`Error::TrailUnknown`], [`LakeRefusal::StoreUnknown`], [`LakeRefusal::ChannelUnknown`],
    /// [`Error::Database`].
    pub async fn add_tags(&self, of: impl Into<Tagged<'_>>, tags: &[Tag]) -> Result<(), Error> {
        let of = of.into();
        let mut tx = self.pool.begin().await?;
        lock(&mut tx, of).await?;
        add(&mut tx, &of.arn(), tags).await?;
        Ok(tx.commit().await?)
    }

    /// Takes tags from a resource. A key that it does not have is ignored.
    ///
    /// # Errors
    /// [`Error::TrailUnknown`], [`LakeRefusal::StoreUnknown`], [`LakeRefusal::ChannelUnknown`],
    /// [`Error::Database`].
    pub async fn remove_tags(
        &self,
        of: impl Into<Tagged<'_>>,
        keys: &[String],
    ) -> Result<(), Error> {
        let of = of.into();
        let mut tx = self.pool.begin().await?;
        lock(&mut tx, of).await?;
        for key in keys {
            sqlx::query("DELETE FROM tags WHERE resource = $1 AND name = $2")
                .bind(of.arn())
                .bind(key)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Makes sure of the resource by a write, which takes the lock, so that what is read next stays true.
async fn lock(tx: &mut Transaction<'_, Any>, of: Tagged<'_>) -> Result<(), Error> {
    let arn = of.arn();
    let query = match of {
        Tagged::Channel(_) => "UPDATE channels SET arn = arn WHERE arn = $1 AND gone IS NULL",
        Tagged::Store(_) => "UPDATE stores SET arn = arn WHERE arn = $1 AND gone IS NULL",
        Tagged::Trail(_) => "UPDATE trails SET arn = arn WHERE arn = $1 AND deleted IS NULL",
    };
    let done = sqlx::query(query).bind(&arn).execute(&mut **tx).await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    Err(match of {
        Tagged::Channel(_) => LakeRefusal::ChannelUnknown(arn).into(),
        Tagged::Store(_) => LakeRefusal::StoreUnknown(arn).into(),
        Tagged::Trail(_) => Error::TrailUnknown(arn),
    })
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
