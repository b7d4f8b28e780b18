//! Which services may act in an organization, and which members administer them.

use jiff::Timestamp;
use record::AccountId;
use sqlx::Row as _;

use crate::{
    Catalog, Error,
    account::{account_id, time},
};

/// How many delegated administrators a service may have in an organization: as many as CloudTrail
/// allows.
pub const DELEGATES_MAX: usize = 3;

/// A service that may act in an organization.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServiceAccess {
    /// Service principal, such as `cloudtrail.amazonaws.com`.
    pub service: String,
    /// Since when.
    pub enabled: Timestamp,
}

/// A member that may act for the management account in a service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delegate {
    /// Who.
    pub account: AccountId,
    /// Service principal, such as `cloudtrail.amazonaws.com`.
    pub service: String,
    /// Since when.
    pub enabled: Timestamp,
}

impl Catalog {
    /// The services that may act in the organization, by service principal.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn service_access(&self, organization: &str) -> Result<Vec<ServiceAccess>, Error> {
        sqlx::query(
            "SELECT service, enabled FROM organization_services WHERE organization = $1 \
             ORDER BY service",
        )
        .bind(organization)
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(|row| {
            let enabled = time(row.try_get("enabled")?, organization)?;
            Ok(ServiceAccess { service: row.try_get("service")?, enabled })
        })
        .collect()
    }

    /// Lets a service act in the organization; nothing to do when it may already.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn enable_service(&self, organization: &str, service: &str) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO organization_services (organization, service, enabled) \
             VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(organization)
        .bind(service)
        .bind(self.now_ms())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// No longer lets a service act in the organization; nothing to do when it may not.
    ///
    /// # Errors
    /// [`Error::ServiceDelegated`] while it has delegated administrators; [`Error::Database`].
    pub async fn disable_service(&self, organization: &str, service: &str) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("DELETE FROM organization_services WHERE organization = $1 AND service = $2")
            .bind(organization)
            .bind(service)
            .execute(&mut *tx)
            .await?;
        let row = sqlx::query(
            "SELECT count(*) AS number FROM organization_delegates \
             WHERE organization = $1 AND service = $2",
        )
        .bind(organization)
        .bind(service)
        .fetch_one(&mut *tx)
        .await?;
        if row.try_get::<i64, _>("number")? > 0 {
            return Err(Error::ServiceDelegated(service.to_owned()));
        }
        Ok(tx.commit().await?)
    }

    /// Every delegated administrator of the organization, by account, then by service.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn delegates(&self, organization: &str) -> Result<Vec<Delegate>, Error> {
        sqlx::query(
            "SELECT account, service, enabled FROM organization_delegates \
             WHERE organization = $1 ORDER BY account, service",
        )
        .bind(organization)
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(|row| {
            Ok(Delegate {
                account: account_id(row.try_get("account")?)?,
                service: row.try_get("service")?,
                enabled: time(row.try_get("enabled")?, organization)?,
            })
        })
        .collect()
    }

    /// Lets a member act for the management account in a service.
    ///
    /// # Errors
    /// [`Error::MemberUnknown`], [`Error::DelegateExists`], [`Error::DelegateLimit`],
    /// [`Error::Database`].
    pub async fn register_delegate(
        &self,
        organization: &str,
        account: AccountId,
        service: &str,
    ) -> Result<(), Error> {
        if self.member(organization, account).await?.is_none() {
            return Err(Error::MemberUnknown(account));
        }
        let mut tx = self.pool.begin().await?;
        let done = sqlx::query(
            "INSERT INTO organization_delegates (organization, service, account, enabled) \
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(organization)
        .bind(service)
        .bind(account.as_str())
        .bind(self.now_ms())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Err(Error::DelegateExists(account));
        }
        let row = sqlx::query(
            "SELECT count(*) AS number FROM organization_delegates \
             WHERE organization = $1 AND service = $2",
        )
        .bind(organization)
        .bind(service)
        .fetch_one(&mut *tx)
        .await?;
        let count: i64 = row.try_get("number")?;
        if usize::try_from(count).is_ok_and(|count| count <= DELEGATES_MAX) {
            Ok(tx.commit().await?)
        } else {
            Err(Error::DelegateLimit { service: service.to_owned(), max: DELEGATES_MAX })
        }
    }

    /// Ends what [`Catalog::register_delegate`] allowed. What the member made stays.
    ///
    /// # Errors
    /// [`Error::MemberUnknown`], [`Error::DelegateUnknown`], [`Error::Database`].
    pub async fn deregister_delegate(
        &self,
        organization: &str,
        account: AccountId,
        service: &str,
    ) -> Result<(), Error> {
        if self.member(organization, account).await?.is_none() {
            return Err(Error::MemberUnknown(account));
        }
        let done = sqlx::query(
            "DELETE FROM organization_delegates \
             WHERE organization = $1 AND service = $2 AND account = $3",
        )
        .bind(organization)
        .bind(service)
        .bind(account.as_str())
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 0 { Err(Error::DelegateUnknown(account)) } else { Ok(()) }
    }
}
