//! Buckets in the index.

use record::AccountId;
use sqlx::Row as _;

use super::{Index, from_json, to_json, uploads::abandon};
use crate::{Error, lock::BucketLock, policy::BucketPolicy};

/// A bucket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) account: AccountId,
    pub(crate) region: String,
    /// Milliseconds since 1970.
    pub(crate) created: i64,
    /// `None` when it has no tag set.
    pub(crate) tags: Option<Vec<(String, String)>>,
    pub(crate) policy: Option<BucketPolicy>,
    /// `None` when objects cannot be locked.
    pub(crate) lock: Option<BucketLock>,
}

/// What became of creating a bucket.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Create {
    Done,
    /// It belongs to this account.
    Taken(AccountId),
}

/// What became of deleting a bucket.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Remove {
    /// With the files of uploads that nobody completed.
    Done(Vec<String>),
    NotEmpty,
}

impl Index {
    pub(crate) async fn buckets(&self) -> Result<Vec<Bucket>, Error> {
        sqlx::query("SELECT name, account, region, created, tags, policy, lock FROM buckets")
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(|row| {
                let tags: Option<String> = row.try_get("tags")?;
                let lock: Option<String> = row.try_get("lock")?;
                let name: String = row.try_get("name")?;
                let policy = row.try_get::<Option<String>, _>("policy")?;
                let policy = policy.map(|it| BucketPolicy::parse(&it, &name)).transpose();
                Ok(Bucket {
                    name,
                    account: AccountId::parse(row.try_get("account")?)
                        .map_err(|_| Error::Damaged("an account id is not twelve digits"))?,
                    region: row.try_get("region")?,
                    created: row.try_get("created")?,
                    tags: tags.map(|it| from_json(&it)).transpose()?,
                    policy: policy.map_err(|_| Error::Damaged("a bucket policy cannot be read"))?,
                    lock: lock.map(|it| from_json(&it)).transpose()?,
                })
            })
            .collect()
    }

    pub(crate) async fn create_bucket(&self, bucket: &Bucket) -> Result<Create, Error> {
        let mut tx = self.write().await?;
        let taken: Option<String> =
            sqlx::query_scalar("SELECT account FROM buckets WHERE name = $1")
                .bind(&bucket.name)
                .fetch_optional(&mut *tx)
                .await?;
        if let Some(account) = taken {
            let account = AccountId::parse(&account)
                .map_err(|_| Error::Damaged("an account id is not twelve digits"))?;
            return Ok(Create::Taken(account));
        }
        sqlx::query(
            "INSERT INTO buckets (name, account, region, created, lock) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&bucket.name)
        .bind(bucket.account.as_str())
        .bind(&bucket.region)
        .bind(bucket.created)
        .bind(bucket.lock.as_ref().map(to_json).transpose()?)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Create::Done)
    }

    /// Deletes a bucket without objects; its unfinished uploads go with it.
    pub(crate) async fn delete_bucket(&self, name: &str) -> Result<Remove, Error> {
        let mut tx = self.write().await?;
        let object = sqlx::query("SELECT 1 FROM objects WHERE bucket = $1 LIMIT 1")
            .bind(name)
            .fetch_optional(&mut *tx)
            .await?;
        if object.is_some() {
            return Ok(Remove::NotEmpty);
        }
        let uploads: Vec<String> = sqlx::query_scalar("SELECT id FROM uploads WHERE bucket = $1")
            .bind(name)
            .fetch_all(&mut *tx)
            .await?;
        let mut gone = Vec::new();
        for upload in uploads {
            gone.extend(abandon(&mut tx, &upload).await?);
        }
        sqlx::query("DELETE FROM buckets WHERE name = $1").bind(name).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(Remove::Done(gone))
    }

    /// Replaces a bucket's tag set.
    pub(crate) async fn set_bucket_tags(
        &self,
        name: &str,
        tags: Option<&[(String, String)]>,
    ) -> Result<(), Error> {
        let tags = tags.map(|it| to_json(&it)).transpose()?;
        sqlx::query("UPDATE buckets SET tags = $1 WHERE name = $2")
            .bind(tags)
            .bind(name)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Replaces a bucket's policy.
    pub(crate) async fn set_policy(&self, name: &str, policy: Option<&str>) -> Result<(), Error> {
        sqlx::query("UPDATE buckets SET policy = $1 WHERE name = $2")
            .bind(policy)
            .bind(name)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Replaces a bucket's Object Lock.
    pub(crate) async fn set_bucket_lock(&self, name: &str, lock: &BucketLock) -> Result<(), Error> {
        sqlx::query("UPDATE buckets SET lock = $1 WHERE name = $2")
            .bind(to_json(lock)?)
            .bind(name)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}
