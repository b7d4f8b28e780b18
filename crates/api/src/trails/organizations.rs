//! Which organization an account belongs to, and what that lets it do.
//!
//! Spec: CloudTrail User Guide, "Creating a trail for an organization" and "Organization delegated
//! administrator".

use std::fmt::Debug;

use catalog::{Catalog, FeatureSet};
use futures::{FutureExt as _, future::BoxFuture};
use record::AccountId;
use wire::{answer::BoxError, shapes::cloudtrail::ErrorCode};

use super::Asked;
use crate::fault::{Fault, fault, internal};

/// An organization, as far as trails need to know it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Organization {
    /// Such as `o-exampleorgid`.
    pub id: String,
    /// Owns every organization trail.
    pub management: AccountId,
    /// Accounts that may act for the management account in CloudTrail.
    pub delegated: Vec<AccountId>,
    /// Whether all features are enabled, not only consolidated billing.
    pub has_all_features: bool,
    /// Whether `cloudtrail.amazonaws.com` has access to it.
    pub trusts_cloudtrail: bool,
}

/// Knows organizations.
pub trait Organizations: Debug + Send + Sync {
    /// The organization that `account` is a member of, the management account included.
    fn of(&self, account: AccountId) -> BoxFuture<'_, Result<Option<Organization>, BoxError>>;
}

/// The organizations of the catalog.
impl Organizations for Catalog {
    fn of(&self, account: AccountId) -> BoxFuture<'_, Result<Option<Organization>, BoxError>> {
        async move {
            let Some(found) = self.organization_of(account).await? else { return Ok(None) };
            let delegates = self.delegates(&found.id).await?.into_iter();
            let services = self.service_access(&found.id).await?;
            Ok(Some(Organization {
                management: found.management,
                delegated: delegates
                    .filter(|it| it.service == CLOUDTRAIL)
                    .map(|it| it.account)
                    .collect(),
                has_all_features: found.feature_set == FeatureSet::All,
                trusts_cloudtrail: services.iter().any(|it| it.service == CLOUDTRAIL),
                id: found.id,
            }))
        }
        .boxed()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the organization of an account is not known")]
struct Unknown(#[source] BoxError);

impl Asked<'_> {
    /// The organization of the caller's account.
    pub(crate) async fn organization(&self) -> Result<Option<Organization>, Fault> {
        let found = self.trails.organizations.of(self.account).await;
        found.map_err(|it| internal(Unknown(it)))
    }

    /// The organization for which the caller may make organization trails.
    ///
    /// # Errors
    /// AWS's for every reason why it may not.
    pub(crate) async fn organization_to_act_for(&self) -> Result<Organization, Fault> {
        let organization = self.organization_with_all_features().await?;
        if !organization.administers(self.account) {
            return Err(not_management());
        }
        organization.check_trust()?;
        Ok(organization)
    }

    /// The organization whose delegated administrators the caller may choose.
    ///
    /// # Errors
    /// AWS's for every reason why it may not.
    pub(super) async fn organization_to_govern(&self) -> Result<Organization, Fault> {
        let organization = self.organization_with_all_features().await?;
        if organization.management != self.account {
            return Err(fault(
                ErrorCode::NotOrganizationManagementAccountException,
                "Only the management account of the organization can do this.",
            ));
        }
        organization.check_trust()?;
        Ok(organization)
    }

    async fn organization_with_all_features(&self) -> Result<Organization, Fault> {
        let organization = self.organization().await?.ok_or_else(|| {
            fault(
                ErrorCode::OrganizationsNotInUseException,
                "Your account is not a member of an organization.",
            )
        })?;
        if organization.has_all_features {
            return Ok(organization);
        }
        Err(fault(
            ErrorCode::OrganizationNotInAllFeaturesModeException,
            "All features must be enabled in the organization.",
        ))
    }
}

impl Organization {
    /// Whether `account` may change organization trails.
    pub(crate) fn administers(&self, account: AccountId) -> bool {
        self.management == account || self.delegated.contains(&account)
    }

    fn check_trust(&self) -> Result<(), Fault> {
        if self.trusts_cloudtrail {
            return Ok(());
        }
        Err(fault(
            ErrorCode::CloudTrailAccessNotEnabledException,
            "Trusted access must be enabled between AWS CloudTrail and AWS Organizations.",
        ))
    }
}

pub(crate) fn not_management() -> Fault {
    fault(
        ErrorCode::NotOrganizationMasterAccountException,
        "Only the management account or a delegated administrator of the organization can do this.",
    )
}

/// The service principal of CloudTrail.
pub(super) const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";
