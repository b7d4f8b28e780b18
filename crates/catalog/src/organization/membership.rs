//! Who was in an organization when, as its trails need to know it.
//!
//! Whoever joins or leaves does so at a position of the log: each organization trail gets a new version
//! there, which is of the members from then on.

use std::collections::BTreeSet;

use record::AccountId;
use sqlx::{Any, Row as _, Transaction};

use crate::{
    Catalog, Error,
    account::account_id,
    trail::{next_change, renew_trails, signed},
};

impl Catalog {
    /// The accounts that were in the organization at a change of trails: those whose records a
    /// [`TrailVersion`](crate::TrailVersion) of that number takes.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn members_at(
        &self,
        organization: &str,
        change: u64,
    ) -> Result<BTreeSet<AccountId>, Error> {
        sqlx::query(
            "SELECT account FROM organization_memberships WHERE organization = $1 \
             AND joined_change <= $2 AND (left_change IS NULL OR left_change > $2)",
        )
        .bind(organization)
        .bind(signed(change)?)
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(|row| account_id(row.try_get("account")?))
        .collect()
    }
}

/// Notes who is in an organization from its beginning.
pub(super) async fn begin(
    tx: &mut Transaction<'_, Any>,
    organization: &str,
    account: AccountId,
) -> Result<(), Error> {
    insert(tx, organization, account, 0).await
}

/// Notes that a member has joined, at the position. Gives the number of the last change that it made.
pub(super) async fn join(
    tx: &mut Transaction<'_, Any>,
    organization: &str,
    account: AccountId,
    position: u64,
    now_ms: i64,
) -> Result<u64, Error> {
    let (change, _) = next_change(tx, position).await?;
    insert(tx, organization, account, change).await?;
    Ok(renew_trails(tx, organization, position, now_ms).await?.unwrap_or(change))
}

/// Notes that a member has left, at the position. Gives the number of the last change that it made.
pub(super) async fn leave(
    tx: &mut Transaction<'_, Any>,
    organization: &str,
    account: AccountId,
    position: u64,
    now_ms: i64,
) -> Result<u64, Error> {
    let (change, _) = next_change(tx, position).await?;
    sqlx::query(
        "UPDATE organization_memberships SET left_change = $1 \
         WHERE organization = $2 AND account = $3 AND left_change IS NULL",
    )
    .bind(signed(change)?)
    .bind(organization)
    .bind(account.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(renew_trails(tx, organization, position, now_ms).await?.unwrap_or(change))
}

async fn insert(
    tx: &mut Transaction<'_, Any>,
    organization: &str,
    account: AccountId,
    change: u64,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO organization_memberships (organization, account, joined_change) \
         VALUES ($1, $2, $3)",
    )
    .bind(organization)
    .bind(account.as_str())
    .bind(signed(change)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
