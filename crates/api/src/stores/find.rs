//! Which event data store an ARN or an id means to a caller, and what the caller may do with it.
//!
//! A store is used in its own region. Its owner may do all that the store's policy does not deny;
//! for an organization's store so may the delegated administrators; members may look at it; anybody
//! else may do what the policy allows. To who may do nothing, there is no such store.
//!
//! Spec: CloudTrail User Guide, "Organization event data stores" and "Resource-based policies for
//! event data stores".

use catalog::{ChannelArn, EventDataStore, StoreArn, StoreStatus, lake_id};
use uuid::Uuid;
use wire::{
    iam::{Attached, Context, Decision, Principal, Request, ResourcePolicy},
    shapes::cloudtrail::ErrorCode,
};

use super::kept::unknown;
use crate::{
    fault::{Fault, common, fault, internal},
    trails::{Asked, organizations::not_management},
};

/// What a caller wants of a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Use {
    /// To change or delete it: nothing that a policy could allow.
    Change,
    /// To look at what it is.
    Look,
    /// To read its events, by an action that a policy can allow.
    Read(&'static str),
}

impl Use {
    const fn action(self) -> Option<&'static str> {
        match self {
            Self::Change => None,
            Self::Look => Some("cloudtrail:GetEventDataStore"),
            Self::Read(action) => Some(action),
        }
    }
}

/// What the policy of a store may allow to others.
pub(crate) const STORE_ACTIONS: &[&str] = &[
    "cloudtrail:StartQuery",
    "cloudtrail:CancelQuery",
    "cloudtrail:ListQueries",
    "cloudtrail:DescribeQuery",
    "cloudtrail:GetQueryResults",
    "cloudtrail:GenerateQuery",
    "cloudtrail:GenerateQueryResultsSummary",
    "cloudtrail:GetEventDataStore",
];

impl Asked<'_> {
    /// The store that an ARN or an id means, for a use.
    ///
    /// # Errors
    /// `EventDataStoreARNInvalidException`, `EventDataStoreNotFoundException`;
    /// `NotOrganizationMasterAccountException` for an organization's, in a member account;
    /// `AccessDeniedException` when the store's policy denies it; `UnsupportedOperationException` when
    /// nothing keeps event data stores here.
    pub(crate) async fn find_store(
        &self,
        text: &str,
        wanted: Use,
    ) -> Result<EventDataStore, Fault> {
        self.stores()?;
        let (id, arn) = match store_arn(text)? {
            Named::Arn(arn) if arn.region != self.region => {
                let region = self.region;
                let message = format!(
                    "Region in ARN is wrong, you can only access resources in region {region}."
                );
                return Err(fault(ErrorCode::EventDataStoreARNInvalidException, &message));
            }
            Named::Arn(arn) => (arn.id, Some(arn)),
            Named::Id(id) => (id, None),
        };
        let store = self.store_of_id(id, wanted).await;
        match (store, arn) {
            (Ok(store), Some(arn)) if store.arn != arn => Err(unknown(text)),
            (store, _) => store,
        }
    }

    /// As [`Asked::find_store`], and refuses one that waits for its end.
    ///
    /// # Errors
    /// Those of [`Asked::find_store`]; `InactiveEventDataStoreException`.
    pub(crate) async fn find_active_store(
        &self,
        text: &str,
        wanted: Use,
    ) -> Result<EventDataStore, Fault> {
        active(self.find_store(text, wanted).await?)
    }

    /// The store of that id, for a use.
    ///
    /// # Errors
    /// As [`Asked::find_store`], but for the ARN.
    pub(crate) async fn store_of_id(&self, id: Uuid, wanted: Use) -> Result<EventDataStore, Fault> {
        let missing = || unknown(&id.to_string());
        let found = self.catalog().store(id).await.map_err(|it| self.refused(it))?;
        let store = found.filter(|it| it.arn.region == self.region).ok_or_else(missing)?;
        if store.purge_after.is_some_and(|it| it <= self.now) {
            return Err(missing());
        }
        let said = self.policy_says(&store, wanted).await?;
        if said == Decision::ExplicitlyDenied {
            let message = format!(
                "User: {} is not authorized to perform: {} on resource: {} with an explicit deny in \
                 a resource-based policy",
                self.principal,
                wanted.action().unwrap_or_default(),
                store.arn
            );
            return Err(common("AccessDeniedException", &message));
        }
        if store.arn.account == self.account || said == Decision::Allowed {
            return Ok(store);
        }
        let organization = match &store.settings.organization {
            Some(id) => self.organization().await?.filter(|it| it.id == *id),
            None => None,
        };
        let organization = organization.ok_or_else(missing)?;
        if organization.administers(self.account) || wanted == Use::Look {
            return Ok(store);
        }
        Err(not_management())
    }

    /// What the policy of a store says of this caller.
    async fn policy_says(&self, store: &EventDataStore, wanted: Use) -> Result<Decision, Fault> {
        let Some(action) = wanted.action() else { return Ok(Decision::ImplicitlyDenied) };
        let arn = store.arn.to_string();
        let policy = self.catalog().resource_policy(&arn).await.map_err(|it| self.refused(it))?;
        let Some(text) = policy else { return Ok(Decision::ImplicitlyDenied) };
        let of = Attached { arn: &arn, actions: STORE_ACTIONS, bytes_max: usize::MAX };
        let policy = ResourcePolicy::parse(&text, of).map_err(internal)?;
        let context = self.context();
        let request = Request { action, resource: &arn, context: &context };
        let principal = Principal::Aws { account: self.account.as_str(), arn: self.principal };
        Ok(policy.decide(principal, &request))
    }

    /// What conditions of a resource's policy can ask for.
    fn context(&self) -> Context {
        Context::default()
            .with("aws:PrincipalArn", self.principal)
            .with("aws:PrincipalAccount", self.account.as_str())
            .with("aws:SourceAccount", self.account.as_str())
            .with("aws:RequestedRegion", self.region)
    }
}

/// What a request names a store by.
pub(crate) enum Named {
    Arn(StoreArn),
    Id(Uuid),
}

/// Reads the ARN or the id of a store.
///
/// # Errors
/// `EventDataStoreARNInvalidException`.
pub(crate) fn store_arn(text: &str) -> Result<Named, Fault> {
    if let Some(id) = lake_id(text) {
        return Ok(Named::Id(id));
    }
    StoreArn::parse(text).map(Named::Arn).map_err(|reason| {
        let message = format!("The ARN {text} {reason}.");
        fault(ErrorCode::EventDataStoreARNInvalidException, &message)
    })
}

/// Reads the ARN of a channel, or its id, which means one of `here`.
///
/// # Errors
/// `ChannelARNInvalidException`.
pub(crate) fn channel_arn(text: &str, here: &Asked<'_>) -> Result<ChannelArn, Fault> {
    if let Some(id) = lake_id(text) {
        return Ok(ChannelArn { region: here.region.to_owned(), account: here.account, id });
    }
    ChannelArn::parse(text).map_err(|reason| {
        let message = format!("The ARN {text} {reason}.");
        fault(ErrorCode::ChannelARNInvalidException, &message)
    })
}

/// Refuses a store that waits for its end.
pub(crate) fn active(store: EventDataStore) -> Result<EventDataStore, Fault> {
    if store.status != StoreStatus::PendingDeletion {
        return Ok(store);
    }
    Err(super::refused(&catalog::LakeRefusal::StoreInactive(store.arn.to_string())))
}
