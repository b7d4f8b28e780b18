//! Organizations: accounts under one management account.
//!
//! Lives here: the organizations themselves. Members are in `member`, who was one when in `membership`,
//! services that may act in an
//! organization and their delegated administrators in `service`.
//! Lives elsewhere: who may change them and what AWS answers (`api`).
//!
//! Start at [`Catalog::create_organization`], then [`Catalog::organization_of`].
//! Spec: AWS Organizations User Guide, "Terminology and concepts for AWS Organizations".

mod member;
mod membership;
mod service;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use record::AccountId;
use sqlx::{Row as _, any::AnyRow};

pub use self::{
    member::{AccountRequest, Joined, MEMBERS_MAX, Member},
    service::{DELEGATES_MAX, Delegate, ServiceAccess},
};
use crate::{
    Catalog, Error,
    account::{account_id, time},
    user::random_id,
};

/// An organization.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Organization {
    /// `o-` and ten lower-case letters and digits.
    pub id: String,
    /// The id of its only root, `r-` and four lower-case letters and digits.
    pub root: String,
    /// The account that made it and governs it.
    pub management: AccountId,
    /// What it can do.
    pub feature_set: FeatureSet,
    /// When it was made.
    pub created: Timestamp,
}

/// What an organization can do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum FeatureSet {
    /// Everything.
    #[default]
    All,
    /// Pay together: no service may act in it.
    ConsolidatedBilling,
}

impl FeatureSet {
    /// The word as AWS spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::ConsolidatedBilling => "CONSOLIDATED_BILLING",
        }
    }

    /// Reads AWS's word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::All, Self::ConsolidatedBilling].into_iter().find(|it| it.as_str() == word)
    }
}

impl Organization {
    /// `arn:aws:organizations::<management>:organization/<id>`.
    #[must_use]
    pub fn arn(&self) -> String {
        self.arn_of("organization")
    }

    /// The ARN of its root.
    #[must_use]
    pub fn root_arn(&self) -> String {
        format!("{}/{}", self.arn_of("root"), self.root)
    }

    /// The ARN of a member of it.
    #[must_use]
    pub fn account_arn(&self, account: AccountId) -> String {
        format!("{}/{account}", self.arn_of("account"))
    }

    fn arn_of(&self, kind: &str) -> String {
        format!("arn:aws:organizations::{}:{kind}/{}", self.management, self.id)
    }
}

impl Catalog {
    /// Makes an organization whose management account, and first member, is `management`.
    ///
    /// # Errors
    /// [`Error::AccountUnknown`], [`Error::AlreadyInOrganization`], [`Error::Database`].
    pub async fn create_organization(
        &self,
        management: AccountId,
        feature_set: FeatureSet,
    ) -> Result<Organization, Error> {
        self.check_account(management).await?;
        let id = lower_id("o-", 10)?;
        let root = lower_id("r-", 4)?;
        let created = self.now_ms();
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO organizations (id, root, management, feature_set, created) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&id)
        .bind(&root)
        .bind(management.as_str())
        .bind(feature_set.as_str())
        .bind(created)
        .execute(&mut *tx)
        .await?;
        member::insert(&mut tx, &id, management, Joined::Invited, created).await?;
        membership::begin(&mut tx, &id, management).await?;
        tx.commit().await?;
        let created = time(created, &id)?;
        Ok(Organization { id, root, management, feature_set, created })
    }

    /// The organization that `account` is a member of.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Damaged`].
    pub async fn organization_of(&self, account: AccountId) -> Result<Option<Organization>, Error> {
        sqlx::query(
            "SELECT o.id, o.root, o.management, o.feature_set, o.created FROM organizations o \
             JOIN organization_members m ON m.organization = o.id WHERE m.account = $1",
        )
        .bind(account.as_str())
        .fetch_optional(&self.pool)
        .await?
        .map(|row| organization(&row))
        .transpose()
    }
}

fn organization(row: &AnyRow) -> Result<Organization, Error> {
    let id: String = row.try_get("id")?;
    let feature_set = FeatureSet::from_word(row.try_get("feature_set")?)
        .ok_or_else(|| Error::Damaged { what: "feature set", of: id.clone() })?;
    Ok(Organization {
        root: row.try_get("root")?,
        management: account_id(row.try_get("management")?)?,
        feature_set,
        created: time(row.try_get("created")?, &id)?,
        id,
    })
}

/// A random id of lower-case letters and digits.
fn lower_id(prefix: &str, length: usize) -> Result<String, Error> {
    Ok(random_id(prefix, length)?.to_ascii_lowercase())
}
