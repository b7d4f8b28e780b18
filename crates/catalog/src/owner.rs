//! Which account owns a resource, where we know it.
//!
//! A call on another account's resource makes a record for each of the two; this is how the door
//! learns that there are two. A resource is named by its ARN, or `s3:bucket` for a bucket.

use record::AccountId;
use sqlx::Row as _;

use crate::{Catalog, Error, account::account_id};

/// How many owners are remembered for a second.
pub(crate) const CACHED_MAX: usize = 10_000;

impl Catalog {
    /// Who owns `resource`; `None` when we do not know. May be a second old.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn owner_of(&self, resource: &str) -> Result<Option<AccountId>, Error> {
        let now = self.ambient.clock.now();
        if let Some(known) = self.owners.get(resource, now) {
            return Ok(known);
        }
        let row = sqlx::query("SELECT account FROM owners WHERE resource = $1")
            .bind(resource)
            .fetch_optional(&self.pool)
            .await?;
        let owner = row.map(|row| account_id(&row.try_get::<String, _>("account")?)).transpose()?;
        self.owners.put(resource, now, owner);
        Ok(owner)
    }

    /// Keeps who owns `resource`.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn set_owner(&self, resource: &str, account: AccountId) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO owners (resource, account) VALUES ($1, $2) \
             ON CONFLICT (resource) DO UPDATE SET account = excluded.account",
        )
        .bind(resource)
        .bind(account.as_str())
        .execute(&self.pool)
        .await?;
        self.owners.clear();
        Ok(())
    }

    /// Forgets who owned `resource`, after it was deleted.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn forget_owner(&self, resource: &str) -> Result<(), Error> {
        sqlx::query("DELETE FROM owners WHERE resource = $1")
            .bind(resource)
            .execute(&self.pool)
            .await?;
        self.owners.clear();
        Ok(())
    }
}
